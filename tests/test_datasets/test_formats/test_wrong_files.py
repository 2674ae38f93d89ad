"""A wrong file ends in one line with the file, the key, the value and what is expected."""

import itertools
import json
import random

import h5py
import pytest

from helpers.formats import WRITERS, edit
from mmsgp.datasets.formats import FORMATS

FILES = {
    'psg': 'psg.json',
    'open-images': 'annotations/vrd-train-anno.json',
    'gqa-200': 'GQA_200_Train.json',
    'vrd': 'annotations_train.json',
    'coco-rel-json': 'train.json',
    'coco-relations': 'train/_annotations.coco.json',
    'label-studio': 'export.json',
}
JSON_FORMATS = [name for name in WRITERS if name not in ('cvat', 'indoorvg')]


@pytest.fixture
def root(tmp_path):
    return tmp_path


def read(name, root):
    """Read and check, as data sets and the converter do."""
    path = root / 'export.json' if name == 'label-studio' else root
    annotations = FORMATS['vg-sgg' if name == 'indoorvg' else name].read(str(path))
    annotations.check(str(path))


def message_of(name, root, error=ValueError):
    with pytest.raises(error) as caught:
        read(name, root)
    message = str(caught.value)
    assert '\n' not in message and str(root) in message
    return message


@pytest.mark.parametrize('name', JSON_FORMATS)
def test_any_json_file_that_is_no_such_file_is_named(name, root):
    WRITERS[name](root)
    read(name, root)
    for path in root.rglob('*.json'):
        text = path.read_text()
        for content, words in (
            (text[: len(text) // 2].encode(), 'is not valid JSON'),
            (b'', 'is not valid JSON'),
            (text.encode('utf-16'), 'Save it in UTF-8 without a byte order mark'),
            (text.encode('utf-8-sig'), 'Save it in UTF-8 without a byte order mark'),
            (b'[{"a": 1, "a": 2}]', "the key 'a' twice"),
        ):
            path.write_bytes(content)
            message = message_of(name, root)
            assert str(path) in message and words in message
        path.write_text('5')
        assert str(path) in message_of(name, root)
        path.write_text(text)
    read(name, root)


@pytest.mark.parametrize('name', [*JSON_FORMATS, 'cvat'])
def test_a_missing_folder_is_named(name, tmp_path):
    message_of(name, tmp_path / 'none', OSError)


# Format, place in its file or another one, value, words of the message.
# fmt: off
CASES = [
    # PSG: numbers from 0
    ('psg', 'data/0/annotations/0/category_id', 3,
     'category_id is [3], expected [0 .. 2]'),
    ('psg', 'data/0/relations/0', [0, 1, 3],
     'relations[0] is [0, 1, 3], expected [0 .. 1, 0 .. 1, 0 .. 2]'),
    ('psg', 'data/0/relations/0', [0, 2, 1],
     'relations[0] is [0, 2, 1]'),
    ('psg', 'data/2/annotations/1/bbox', [20, 20, 15, 40],
     'box [20.0, 20.0, 15.0, 40.0], expected x1 < x2'),
    ('psg', 'data/0/image_id', '7',
     'has the id 7, expected an id that no other image has'),
    # Open Images: numbers from 0
    ('open-images', '0/det_labels/0', 3,
     'det_labels is [3, 0], expected [0 .. 2, 0 .. 2]'),
    ('open-images', '0/rel/0', [0, 1, 3],
     'rel[0] is [0, 1, 3], expected [0 .. 1, 0 .. 1, 0 .. 2]'),
    ('open-images', 'annotations/vrd-val-anno.json: 0/rel/0', [2, 0, 0],
     'vrd-val-anno.json: [0].rel[0] is [2, 0, 0]'),
    ('open-images', 'annotations/vrd-test-anno.json: 0/bbox/0', [30, 5, 20, 10],
     'box [30.0, 5.0, 20.0, 10.0], expected x1 < x2'),
    ('open-images', '0/bbox', [[0, 0, 9, 60], [0, 0, 9, 80]],
     'boxes leave their images'),
    ('open-images', '0/img_size', [0, 5],
     'img_size is [0, 5], expected [1 .. '),
    ('open-images', '1/det_labels', [0],
     'det_labels is [0], expected [0 .. 2, 0 .. 2, 0 .. 2]'),
    ('open-images', 'annotations/categories_dict.json: rel/1', 'on',
     "rel[2] is 'on', expected a name that occurs once"),
    # GQA-200: numbers from 1
    ('gqa-200', 'gt_classes_all/0', [0, 2],
     'gt_classes_all[0] is [0, 2], expected [1 .. 3, 1 .. 3]'),
    ('gqa-200', 'GQA_200_Test.json: gt_classes_all/0', [1, 4],
     'gt_classes_all[0] is [1, 4], expected [1 .. 3, 1 .. 3]'),
    ('gqa-200', 'relationships_all/0/0', [0, 1, 0],
     'relationships_all[0][0] is [0, 1, 0], expected [0 .. 1, 0 .. 1, 1 .. 3]'),
    ('gqa-200', 'gt_boxes_all/0/0', [5, 5, 2, 9],
     'has the box [5.0, 5.0, 2.0, 9.0], expected x1 < x2'),
    ('gqa-200', 'filenames_all', ['a.jpg'],
     'its lists must be of one length'),
    # VRD: numbers from 0; ymin, ymax, xmin, xmax
    ('vrd', '21.jpg/0/predicate', 3,
     'image 21.jpg has the predicate 3, expected 0..2'),
    ('vrd', '21.jpg/0/subject/category', 3,
     'the category 3, expected 0..2'),
    ('vrd', '21.jpg/0/subject/bbox', [30, 2, 40, 50],
     'expected [ymin, ymax, xmin, xmax]'),
    ('vrd', '21.jpg/0', dict(
        predicate=0,
        subject=dict(category=0, bbox=[2, 64, 1, 30]),
        object=dict(category=0, bbox=[2, 63, 1, 30]),
    ),
     'Check that its boxes are ymin, ymax, xmin, xmax'),
    ('vrd', 'image_metadata.json: 21.jpg', None,
     'has no entry for the image 21.jpg'),
    # numbers from 1, because the background comes first
    ('coco-rel-json', 'rel.json: train/21/0', [0, 1, 0],
     "train['21'][0] is [0, 1, 0], expected [0 .. 1, 0 .. 1, 1 .. 3]"),
    ('coco-rel-json', 'rel.json: rel_categories/0', None,
     "train['5'][0] is [0, 1, 3], expected [0 .. 2, 0 .. 2, 0 .. 2]"),
    ('coco-rel-json', 'rel.json: train/99', [],
     "train['99'] is of no image of"),
    ('coco-rel-json', 'annotations/0/category_id', 0,
     'annotations[0].category_id is 0, which is no id of categories; they have [1, 2, 3]'),
    ('coco-rel-json', 'annotations/0/image_id', 99,
     'annotations[0].image_id is 99, which is no id of images'),
    ('coco-rel-json', 'annotations/0/id', 2,
     'annotations[1].id is 2, which another annotation has'),
    ('coco-rel-json', 'images/0/id', 5,
     'images[1].id is 5, which another image has'),
    ('coco-rel-json', 'val.json: categories/2/name', 'cat',
     'categories has other names'),
    # COCO-relations: ids
    ('coco-relations', 'rel_annotations/0/predicate_id', 0,
     'predicate_id is 0, which is no id of rel_categories; they have [1, 2, 3]'),
    ('coco-relations', 'rel_annotations/0/subject_id', 999,
     'rel_annotations[0].subject_id is 999, which is no id of annotations'),
    ('coco-relations', 'rel_annotations/0/object_id', 102,
     'object_id is 102, an annotation of image 5, but image_id is 21'),
    ('coco-relations', 'annotations/0/category_id', 4,
     'category_id is 4, which is no id of categories'),
    ('coco-relations', 'annotations', lambda a: [dict(i, bbox=[10, 4, 64, 48]) for i in a],
     'Check that its boxes are x, y, width, height'),
    ('coco-relations', 'annotations/1/bbox', [10, 4, -2, 8],
     'has the box [10.0, 4.0, 8.0, 12.0], expected x1 < x2'),
    ('coco-relations', 'rel_categories/1/id', 1,
     "rel_categories[1].id is 1, which 'holding' has"),
    ('coco-relations', 'test/_annotations.coco.json: rel_categories/1/name', 'by',
     'has other names than the other splits'),
    # Label Studio: names, and percent
    ('label-studio', '', lambda a: json.loads(json.dumps(a).replace('"x": ', '"x": 9')),
     'x, y, width, height in percent'),
    ('label-studio', '0/annotations/0/result/0/value/rotation', 30,
     'result[0]: the box or its image is turned'),
    ('label-studio', '0/annotations/0/result/0/value/rectanglelabels', [],
     'rectanglelabels is [], expected one class'),
    ('label-studio', '0/annotations/0/result/0/type', 'polygonlabels',
     "type is 'polygonlabels', expected rectanglelabels or relation"),
    ('label-studio', '0/annotations/0/result/2/from_id', 'x',
     "from_id is 'x', which is the id of no box of this task"),
    ('label-studio', '0/annotations/0/result/2/labels', [],
     "has no labels: give the relation between 'r0' and 'r1' a label"),
    ('label-studio', '0/annotations/0/result/2/direction', 'up',
     "direction is 'up', expected one of ['right', 'left', 'bi']"),
    ('label-studio', '0/annotations', lambda a: a + a,
     'task 21 has 2 annotations: keep one'),
    ('label-studio', '0/data', {},
     "data has no key 'image'"),
    ('label-studio', '0/id', 7,
     'has the id 7, expected an id that no other image has'),
]
# fmt: on


@pytest.mark.parametrize('name, place, value, words', CASES, ids=[' '.join(c[:2]) for c in CASES])
def test_a_wrong_value_is_named(name, place, value, words, root):
    WRITERS[name](root)
    file, _, keys = place.rpartition(': ')
    edit(root / (file or FILES[name]), keys, value)
    assert words in message_of(name, root)


@pytest.mark.parametrize('name', ['vg-sgg', 'indoorvg'])
def test_wrong_numbers_in_an_h5_file_are_named(name, root):
    WRITERS[name](root)
    (path,) = root.glob('*.h5')
    for key, row, value, words in (
        ('labels', 0, 0, 'row 0 of labels is 0, but the dicts file names 1 .. 3'),
        ('labels', 2, 4, 'row 2 of labels is 4'),
        ('predicates', 1, 0, 'row 1 of predicates is 0'),
        ('relationships', 0, [0, 2], 'a relation joins its boxes [0, 2]'),
        ('boxes_1024', 0, [10, 10, 600, 600], 'row 0 of boxes_1024 is [10.0, 10.0, 600.0, 600.0]'),
        ('split' if name == 'vg-sgg' else 'split_rel', 3, 5, '5 (1 images)'),
    ):
        with h5py.File(path, 'r+') as file:
            good = file[key][row]
            file[key][row] = value
        assert words in message_of(name, root)
        with h5py.File(path, 'r+') as file:
            file[key][row] = good
    read(name, root)
    path.write_bytes(path.read_bytes()[:900])
    assert 'is not an HDF5 file, or only a part of one' in message_of(name, root)


@pytest.mark.parametrize(
    'old, new, words',
    [
        ('<image ', '<picture ', 'is not valid XML'),
        ('label="man"', 'label="man" label="dog"', 'is not valid XML: duplicate attribute'),
        ('holding 1', 'holding 5', "relations has 'holding 5', expected a predicate and the id"),
        ('holding 1', '1', "relations has '1', expected a predicate"),
        ('xtl="1.0"', 'xtl="one"', "xtl is 'one', expected a number"),
        ('xtl="1.0"', 'xtl="1.0" rotation="30"', 'maybe turned; expected an upright box'),
        ('xtl="1.0"', 'xtl="1.0" rotation="?"', "rotation is '?', expected a number"),
        ('xtl="1.0"', 'xtl="nan"', 'is [nan, 2.0, 30.5, 40.25], expected [a number'),
        ('xtl="1.0"', '', "has no key 'xtl'"),
        ('xtl="1.0"', 'xtl="31"', 'has the box [31.0, 2.0, 30.5, 40.25], expected x1 < x2'),
        ('subset="Test"', 'subset="mine"', "subset is 'mine', expected one of ['train', 'val',"),
        ('>1</attribute>', '>0</attribute>', "id is '0', as of another box of the image"),
        ('id="21"', 'id="7"', 'has the id 7, expected an id that no other image has'),
        ('width="64"', 'width="0"', 'width is [0], expected [1 .. '),
        ('name="relations"', 'name="others"', 'but no relation'),
    ],
)
def test_a_wrong_cvat_file_is_named(old, new, words, root):
    WRITERS['cvat'](root)
    path = root / 'annotations.xml'
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1 if new != 'name="others"' else -1))
    assert words in message_of('cvat', root)


def test_a_cut_cvat_file_is_named(root):
    WRITERS['cvat'](root)
    path = root / 'annotations.xml'
    path.write_bytes(path.read_bytes()[:500])
    assert f'{path} is not valid XML' in message_of('cvat', root)


def test_two_h5_files_are_not_chosen_from(root):
    WRITERS['indoorvg'](root)
    (root / 'other.h5').write_bytes(b'')
    assert "['VG-SGG-augmented-penet-cat.h5', 'other.h5']" in message_of('indoorvg', root)


def places(content, prefix=()):
    """All places in a JSON file."""
    yield prefix
    if isinstance(content, (dict, list)):
        for key in content if isinstance(content, dict) else range(len(content)):
            yield from places(content[key], (*prefix, key))


@pytest.mark.parametrize('name', JSON_FORMATS)
def test_any_other_value_anywhere_is_read_or_refused_in_one_line(name, root):
    WRITERS[name](root)
    rng = random.Random(1)
    for path in root.rglob('*.json'):
        text = path.read_text()
        for place, _ in itertools.product(places(json.loads(text)), range(3)):
            value = rng.choice([None, True, -1, 1.5, 'x', '', [], {}, [[]], {'a': 1}, 10**30])
            content = dict(all=json.loads(text))
            part, key = content, 'all'
            for step in place:
                part, key = part[key], step
            part[key] = value
            path.write_text(json.dumps(content['all']))
            try:
                read(name, root)
            except (ValueError, OSError) as error:
                assert '\n' not in str(error) and str(root) in str(error), (place, value)
        path.write_text(text)
