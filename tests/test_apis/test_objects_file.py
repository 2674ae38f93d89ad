"""Files of given objects: valid and invalid ones."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.mutations import special_paths
from mmsgp.apis.objects_file import read_objects

NUMBERS = st.floats(-(2**30), 2**30) | st.integers(-(2**30), 2**30)
ITEMS = st.fixed_dictionaries(dict(bbox=st.lists(NUMBERS, min_size=4, max_size=4), name=st.text()))
GRAPHS = st.fixed_dictionaries(dict(objects=st.lists(ITEMS, max_size=4)))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.integers()
    | st.integers(10**300, 10**400),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(['objects', 'bbox', 'name', 'x']), inner)
    ),
    max_leaves=12,
)


def write(folder, content):
    path = folder / 'objects.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@given(GRAPHS | st.lists(GRAPHS, max_size=3))
def test_boxes_and_names_are_those_of_the_file(tmp_path, content):
    given = read_objects(write(tmp_path, content))
    graphs = [content] if isinstance(content, dict) else content
    for key, name in (('bboxes', 'bbox'), ('labels', 'name')):
        expected = [[item[name] for item in graph['objects']] for graph in graphs]
        if key == 'labels' and not any(expected):
            expected = None
        assert given[key] == expected


@given(
    JSON
    | JSON.map(lambda value: dict(objects=value))
    | JSON.map(lambda value: dict(objects=[dict(bbox=value)]))
)
def test_an_invalid_file_is_refused_by_name_in_one_line(tmp_path, content):
    path = write(tmp_path, content)
    try:
        given = read_objects(path)
    except ValueError as error:
        assert str(path) in str(error) and '\n' not in str(error)
        return
    for boxes in given['bboxes']:
        assert all(
            len(box) == 4
            and all(map(math.isfinite, box))
            and not any(isinstance(value, bool) for value in box)
            for box in boxes
        )


@pytest.mark.parametrize(
    'bbox',
    [
        '[]',
        '[1, 2, 3]',
        '[1, 2, 3, true]',
        '[1, 2, 3, "4"]',
        'null',
        '{}',
        '[1, 2, 3, [4]]',
        '[1, 2, 3, 1e400]',
        f'[1, 2, 3, 1{"0" * 400}]',
    ],
)
def test_an_invalid_box_is_named_with_its_place(tmp_path, bbox):
    good = '{"objects": [{"bbox": [1, 2, 3, 4]}]}'
    bad = good.replace('}]', f'}}, {{"bbox": {bbox}}}]')
    with pytest.raises(ValueError, match=r'objects.json: objects\[1\].bbox is '):
        read_objects(write(tmp_path, bad))
    with pytest.raises(ValueError, match=r'objects.json: \[1\].objects\[1\].bbox is '):
        read_objects(write(tmp_path, f'[{good}, {bad}]'))


@pytest.mark.parametrize(
    'text',
    [
        '[' * 400,
        '[' * 100_000,
        '{"objects": [], "objects": []}',
        '{"objects": [{"bbox": [1, 2, 3, NaN]}]}',
        '\ufeff{"objects": []}',
        '3',
        '',
        '{"objects": [{"bbox": [1, 2, 3, 4], "name": 5}]}',
        '{"objects": {}}',
        '[[]]',
    ],
)
def test_invalid_json_is_named(tmp_path, text):
    with pytest.raises(ValueError, match='objects.json.*') as caught:
        read_objects(write(tmp_path, text))
    assert '\n' not in str(caught.value)


def test_another_encoding_is_named(tmp_path):
    path = tmp_path / 'objects.json'
    path.write_bytes('{"objects": []}'.encode('utf-16'))
    with pytest.raises(ValueError, match='objects.json'):
        read_objects(path)


def test_special_files_are_not_opened(tmp_path):
    for path in special_paths(tmp_path):
        with pytest.raises((OSError, ValueError), match=str(path)):
            read_objects(path)
