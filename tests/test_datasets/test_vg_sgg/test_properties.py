"""Properties of any annotations."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mmsgp.datasets import write_vg_sgg
from mmsgp.datasets.vg_sgg.checks import check_boxes, check_ranges, check_splits
from mmsgp.datasets.vg_sgg.reader import read_vg_annotations
from mmsgp.testing import make_vg_data
from mmsgp.utils.json_files import read_json

WHOLE = st.integers(-(2**63), 2**63 - 1)
SIDES = st.integers(1, 2000)


@st.composite
def annotated_images(draw):
    """Images with boxes in them and relations between these."""
    images, boxes, labels, relations = [], [], [], []
    for image_id in draw(st.sets(st.integers(0, 2**40), max_size=4)):
        width, height, count = draw(SIDES), draw(SIDES), draw(st.integers(0, 4))
        images.append(
            dict(
                image_id=image_id,
                width=width,
                height=height,
                split=draw(st.sampled_from(['train', 'test'])),
            )
        )
        corners = draw(arrays.arrays(np.float64, (count, 2, 2), elements=st.floats(0, 1)))
        corners = np.sort(corners, axis=1) * (width, height)
        boxes.append(corners.reshape(-1, 4))
        labels.append(draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
        ends = st.integers(0, count - 1)
        relations.append(
            draw(st.lists(st.tuples(ends, ends, st.integers(1, 2)), max_size=3)) if count else []
        )
    return images, boxes, labels, relations


@given(annotated_images())
def test_what_is_written_is_read(tmp_path, annotated):
    write_vg_sgg(tmp_path, *annotated, ('a', 'b', 'c'), ('on', 'by'))
    read = read_vg_annotations(
        str(tmp_path / 'VG-SGG.h5'), str(tmp_path / 'image_data.json'), 'abc', 'ox'
    )
    assert len(read) == len(annotated[0])
    for item, image, boxes, labels, relations in zip(read, *annotated, strict=True):
        assert [item[key] for key in ('img_id', 'width', 'height')] == [
            image[key] for key in ('image_id', 'width', 'height')
        ]
        found = np.reshape([o['bbox'] for o in item['instances']], (-1, 4))
        wide = np.repeat((boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=1) > 0.01, 4)
        np.testing.assert_allclose(found.ravel()[wide], boxes.ravel()[wide], atol=2e-3)
        assert [o['bbox_label'] for o in item['instances']] == labels
        np.testing.assert_array_equal(item['relations'], np.reshape(relations, (-1, 3)))


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_vg_data(tmp_path_factory.mktemp('data'), with_images=False)


@given(
    key=st.sampled_from(['labels', 'predicates', 'split', 'relationships']),
    place=st.floats(0, 1, exclude_max=True),
    value=WHOLE,
)
def test_a_number_is_refused_if_and_only_if_it_is_impossible(data, key, place, value):
    path = data.root / 'VG-SGG.h5'
    original = path.read_bytes()
    with h5py.File(path, 'r+') as file:
        array = file[key][:].astype(np.int64)
        del file[key]
        array.ravel()[int(place * array.size)] = value
        file[key] = array
    possible = {
        'labels': range(1, 6),
        'predicates': range(1, 5),
        'split': (0, 2),
        'relationships': range(sum(map(len, data.boxes))),
    }[key]
    try:
        read_vg_annotations(
            str(path), str(data.root / 'image_data.json'), data.classes, data.predicates
        )
    except ValueError as error:
        # A relation may also join boxes of two images.
        assert key == 'relationships' or value not in possible
        assert str(path) in str(error) and key in str(error)
    else:
        assert value in possible
    finally:
        path.write_bytes(original)


@given(st.lists(st.tuples(st.integers(-2, 9), st.integers(-2, 9)), max_size=4))
@example([(0, 3), (3, 9)])
@example([(4, 9), (-1, -1), (0, 3)])
def test_ranges_are_refused_if_and_only_if_they_share_rows(ranges):
    rows = [set(range(first, last + 1)) for first, last in ranges]
    good = all((first, last) == (-1, -1) or 0 <= first <= last < 10 for first, last in ranges)
    first, last = np.array(ranges, dtype=np.int64).reshape(-1, 2).T
    used = set().union(*rows)
    try:
        start, counts = check_ranges(first, last, 'box', 10, 'file.h5')
    except ValueError as error:
        assert 'file.h5' in str(error)
        assert not good or len(used) < sum(map(len, rows))
    else:
        assert good
        assert [set(range(s, s + n)) for s, n in zip(start, counts)] == [
            set() if pair == (-1, -1) else row for pair, row in zip(ranges, rows)
        ]


@given(st.lists(WHOLE | st.sampled_from([0, 1, 2]), max_size=5))
def test_split_codes_are_refused_unless_they_are_0_1_and_2(codes):
    if set(codes) <= {0, 1, 2}:
        check_splits(np.array(codes, dtype=np.int64), 'file.h5')
    else:
        with pytest.raises(ValueError, match='file.h5: split') as caught:
            check_splits(np.array(codes, dtype=np.int64), 'file.h5')
        assert all(str(code) in str(caught.value) for code in codes)


@given(
    st.tuples(SIDES, SIDES),
    arrays.arrays(
        np.float64, 4, elements=st.floats(-1100, 2200) | st.sampled_from([1e300, -1e300])
    ),
)
def test_a_box_is_refused_if_and_only_if_it_leaves_the_square(size, box):
    x, y, width, height = box
    margins = [x - width / 2, y - height / 2, 1024 - x - width / 2, 1024 - y - height / 2]
    assume(all(abs(margin + 0.76) > 1e-6 for margin in margins))
    # Beside so many boxes in the image one is no tenth.
    boxes = np.array([box] + 20 * [[1, 1, 0.5, 0.5]])
    sizes = np.array([size] + 20 * [(100, 100)])
    arguments = (boxes, 1024, sizes, np.arange(21), 'boxes_1024', 'file.h5')
    if min(*margins, width, height) >= 0 or min(width, height) >= 0 and min(margins) > -0.76:
        check_boxes(*arguments)
    else:
        with pytest.raises(ValueError, match='file.h5: row 0 of boxes_1024'):
            check_boxes(*arguments)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text()
        | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_is_read_as_it_was_written(tmp_path, content):
    path = tmp_path / 'file.json'
    path.write_text(json.dumps(content))
    assert read_json(path) == content


@given(st.binary(max_size=60))
def test_bytes_are_json_or_refused_by_name(tmp_path, content):
    path = Path(tmp_path, 'file.json')
    path.write_bytes(content)
    try:
        read_json(path)
    except ValueError as error:
        assert str(path) in str(error)
