"""Faults planted one by one into clean data are found, and nothing else is."""

import copy
import json
import re
import shutil

import cv2
import h5py
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

from mmsgp.datasets import BaseSceneGraphDataset, GraphAnnotations
from mmsgp.datasets.checks import check_config
from mmsgp.datasets.minivg.generate import CLASSES, PREDICATES, annotated_scene
from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.registry import DATASETS
from mmsgp.testing.models import CONFIGS
from mmsgp.testing.vg_data import VGData

SIDE, NUM_TRAIN, NUM_VAL, NUM_TEST = 160, 400, 100, 60
ON = list(PREDICATES).index('on') + 1


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmsgp')


@pytest.fixture(scope='module')
def scenes():
    """Scenes of MiniVG, whose classes and predicates all occur in training."""
    return [annotated_scene(0, 'train', i) for i in range(NUM_TRAIN)] + [
        annotated_scene(0, 'test', i) for i in range(NUM_TEST)
    ]


@pytest.fixture(scope='module')
def pixels(tmp_path_factory):
    """The bytes of an image, in which a number makes each file another one."""
    path = tmp_path_factory.mktemp('pixels') / '1.jpg'
    cv2.imwrite(str(path), np.full((SIDE, SIDE, 3), 90, np.uint8))
    return path.read_bytes()


@pytest.fixture
def data(tmp_path, scenes, pixels):
    (tmp_path / 'images').mkdir()
    for i in range(len(scenes)):
        (tmp_path / 'images' / f'{i + 1}.jpg').write_bytes(pixels + str(i).encode())
    return VGData(
        root=tmp_path,
        images=[
            dict(
                image_id=i + 1,
                width=SIDE,
                height=SIDE,
                split='train' if i < NUM_TRAIN else 'test',
            )
            for i in range(len(scenes))
        ],
        boxes=[scene.boxes.copy() for scene in scenes],
        labels=[scene.labels.copy() for scene in scenes],
        relations=[scene.relations.copy() for scene in scenes],
        classes=tuple(CLASSES),
        predicates=tuple(PREDICATES),
    ).write()


def check(data, images=False, **options):
    cfg = read_config_file(CONFIGS / 'motifnet_ce_minivg.py')
    merge_options(cfg, dict(data_root=str(data.root), num_val_images=NUM_VAL))
    for key, value in options.items():
        merge_options(cfg, {key.replace('__', '.'): value})
    report = check_config(cfg, images, num_workers=1)
    return {finding.check: finding for finding in report.findings}


def test_clean_data_give_no_finding(data):
    assert check(data, images=True) == {}


def file_of(data, i):
    return data.root / 'images' / f'{data.images[i]["image_id"]}.jpg'


def edit(data, change):
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        change(file)


def with_arrays(data, **arrays):
    def replace(file):
        for key, array in arrays.items():
            del file[key]
            file[key] = array

    edit(data, replace)


# What each fault does to the data; a test below says what is found.
def missing_file(data):
    file_of(data, 3).unlink()


def other_suffix(data):
    file_of(data, 3).rename(data.root / 'images' / '0004.png')


def no_folder(data):
    (data.root / 'images').rename(data.root / 'pictures')


def other_size(data):
    cv2.imwrite(str(file_of(data, 3)), np.zeros((SIDE, SIDE - 9, 3), np.uint8))


def turn(data, i, orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', size).save(file_of(data, i), exif=exif)


def exif_in_the_other_frame(data):
    data.images[3].update(width=SIDE + 40)
    data.write()
    turn(data, 3, 6, (SIDE + 40, SIDE))


def exif_upside_down(data):
    turn(data, 3, 3, (SIDE, SIDE))


def half_a_file(data):
    file_of(data, 3).write_bytes(file_of(data, 3).read_bytes()[:400])


def the_same_pixels_in_two_splits(data):
    shutil.copy(file_of(data, 0), file_of(data, -1))


def a_box_outside(data):
    path = data.root / 'image_data.json'
    images = json.loads(path.read_text())
    images[0]['height'] = 60  # less than a box of the image needs
    path.write_text(json.dumps(images))


def a_box_without_area(data):
    data.boxes[0][0, 2] = data.boxes[0][0, 0]
    data.write()


def shuffled_images_of_several_sizes(data):
    rng = np.random.default_rng(0)
    for image in data.images:
        image['width'] += int(rng.integers(400))
    data.write()
    shuffled_images(data)


def shuffled_images(data):
    path = data.root / 'image_data.json'
    images = json.loads(path.read_text())
    np.random.default_rng(0).shuffle(images)
    path.write_text(json.dumps(images))


def a_dangling_relation(data):
    def point_nowhere(file):
        file['relationships'][5, 1] = 10**6

    edit(data, point_nowhere)


def add_relation(data, i, row):
    data.relations[i] = np.concatenate([data.relations[i], [row]])
    data.write()


def a_repeated_relation(data):
    add_relation(data, 0, data.relations[0][0])


def a_relation_of_an_object_with_itself(data):
    add_relation(data, 0, [1, 1, ON])


def a_repeated_box(data):
    data.boxes[0] = np.concatenate([data.boxes[0], data.boxes[0][:1]])
    data.labels[0] = np.append(data.labels[0], data.labels[0][0])
    data.write()


def add_name(data, kind, name):
    setattr(data, kind, (*getattr(data, kind), name))
    data.write()


def a_class_without_a_box(data):
    add_name(data, 'classes', 'unicorn')


def a_predicate_without_a_relation(data):
    add_name(data, 'predicates', 'orbiting')


def a_class_only_in_test(data):
    a_class_without_a_box(data)
    data.labels[-1][0] = len(CLASSES)
    data.write()


def a_predicate_only_in_test(data):
    a_predicate_without_a_relation(data)
    data.relations[-1][0, 2] = len(PREDICATES) + 1
    data.write()


def rename(data, kind, old, new):
    setattr(data, kind, tuple(new if name == old else name for name in getattr(data, kind)))
    data.write()


def a_predicate_none(data):
    rename(data, 'predicates', 'near', 'None')


def a_predicate_no_relation(data):
    rename(data, 'predicates', 'near', 'no_relation')


def a_class_background(data):
    rename(data, 'classes', 'person', '__background__')


def a_side_without_a_partner(data):
    rename(data, 'predicates', 'near', 'left-of')


def names_alike(data):
    rename(data, 'predicates', 'near', 'ON')


def one_image_annotated_twice(data):
    for values in (data.boxes, data.labels, data.relations):
        values[-1] = values[NUM_VAL + 5].copy()
    data.write()


def one_image_annotated_twice_in_training(data):
    for values in (data.boxes, data.labels, data.relations):
        values[NUM_VAL + 5] = values[NUM_VAL + 6].copy()
    data.write()


def a_crowd(data):
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, SIDE - 20, (466, 2))
    data.boxes[0] = np.concatenate([data.boxes[0], np.hstack([corner, corner + 10])])
    data.labels[0] = np.append(data.labels[0], rng.integers(len(CLASSES), size=466))
    data.write()


def one_predicate_for_nearly_all(data):
    for relations in data.relations[: NUM_TRAIN - 30]:
        relations[:, 2] = ON
    for i, relations in enumerate(data.relations):
        data.relations[i] = np.unique(relations, axis=0)
    data.write()


def objects_far_apart(data):
    for i, scene_boxes in enumerate(data.boxes):  # in a row of small boxes
        x = np.arange(len(scene_boxes)) * 12.0
        data.boxes[i] = np.column_stack([x, x * 0, x + 5, x * 0 + 5 + i / 100])
    data.write()


def no_test_image(data):
    with_arrays(data, split=np.zeros(len(data.images), np.int32))


def a_class_without_a_name(data):
    def exceed(file):
        file['labels'][3] = 99

    edit(data, exceed)


def a_huge_image(data):
    data.images[3].update(width=100_000, height=10_000)
    data.write()


FAULTS = [
    (missing_file, 'missing_images', '1 of 460 image files .*images/4.jpg'),
    (other_suffix, 'missing_images', r'Other files .*images/0004\.png'),
    (no_folder, 'image_folder', 'data_prefix'),
    (other_size, 'image_sizes', '4.jpg is 151 x 160, annotated 160 x 160'),
    (exif_in_the_other_frame, 'exif_frame', '1 images are turned .*4.jpg'),
    (exif_upside_down, 'exif_unclear', '4.jpg'),
    (half_a_file, 'damaged_images', '4.jpg'),
    (the_same_pixels_in_two_splits, 'copied_images', '2 images .*another split.*1.jpg; 460.jpg'),
    (a_box_outside, 'reader', 'boxes leave their images'),
    (a_box_without_area, 'reader', 'widened 1 boxes without area'),
    (shuffled_images_of_several_sizes, 'unreadable', 'The sizes or their order'),
    (shuffled_images, 'image_order', 'image_data.json is not sorted by image_id'),
    (a_dangling_relation, 'unreadable', 'relation joins its boxes'),
    (a_repeated_relation, 'repeated_relations', '1 of .* stand twice .*1.jpg'),
    (a_relation_of_an_object_with_itself, 'self_relations', '1 of .*itself'),
    (a_repeated_box, 'repeated_boxes', '1 boxes stand twice'),
    (a_class_without_a_box, 'unused_classes', '1 of 25 classes .*unicorn'),
    (a_predicate_without_a_relation, 'unused_predicates', '1 of 19 predicates .*orbiting'),
    (a_class_only_in_test, 'untrained_classes', '1 of 25 classes .*unicorn'),
    (a_predicate_only_in_test, 'untrained_predicates', '1 of 19 predicates .*orbiting'),
    (a_predicate_none, 'no_relation_predicate', r"'None' \(number \d+, \d+ % .*no annotation"),
    (a_predicate_no_relation, 'no_relation_predicate', "'no_relation'"),
    (a_class_background, 'background_class', "'__background__'"),
    (a_side_without_a_partner, 'one_sided_predicates', '1 predicates .*=no_flip.*left-of'),
    (names_alike, 'similar_names', '2 predicates differ only .*on; ON|ON; on'),
    (one_image_annotated_twice, 'copied_annotations', '2 images .*106.jpg; 460.jpg'),
    (one_image_annotated_twice_in_training, 'copied_annotations_within_a_split', '107.jpg'),
    (a_crowd, 'crowded_images', r'1 images .* one of them 4\d\d: 2\d\d,\d{3} pairs.* MiB'),
    (one_predicate_for_nearly_all, 'dominant_predicate', "% of the training .* 'on'"),
    (objects_far_apart, 'distant_relations', 'recall is at most about 0 %'),
    (no_test_image, 'empty_split', 'test_dataloader.dataset has no image'),
    (a_class_without_a_name, 'unreadable', 'row 3 of labels is 99'),
    (a_huge_image, 'huge_images', '4.jpg'),
]
# Faults that bring another one with them.
TOGETHER = {
    shuffled_images_of_several_sizes: {'image_order'},
    names_alike: {'repeated_relations'},
    a_box_outside: {'boxes_outside'},
    one_predicate_for_nearly_all: {'untrained_predicates'},
}


@pytest.mark.parametrize(
    'plant, found, message',
    FAULTS,
    ids=lambda value: getattr(value, '__name__', str(value)[:40]),
)
def test_a_planted_fault_is_found(data, plant, found, message):
    plant(data)
    by_pixels = found in (
        ['image_sizes', 'exif_frame', 'exif_unclear', 'damaged_images', 'copied_images']
    )
    findings = check(data, images=by_pixels)
    assert found in findings
    assert re.search(message, str(findings[found])), str(findings[found])
    assert set(findings) - {found} <= TOGETHER.get(plant, set())


def test_what_is_checked_depends_on_the_config(data):
    found = check(data, train_dataloader__dataset__num_val_images=NUM_TRAIN)
    assert found['empty_split'].severity == 'error'
    assert 'num_val_images=400 are for validation' in found['empty_split'].message
    a_side_without_a_partner(data)
    for unpaired in ('keep', 'no_flip'):
        assert check(data, train_dataloader__dataset__pipeline__4__unpaired=unpaired) == {}
    assert check(data, train_dataloader__dataset__pipeline__4__prob=0) == {}
    swap = [['left-of', 'behind']]
    assert check(data, train_dataloader__dataset__pipeline__4__swap_predicates=swap) == {}


def test_the_setting_that_the_message_names_mends_one_sided_predicates(data):
    a_side_without_a_partner(data)
    message = check(data)['one_sided_predicates'].message
    key, value = re.search(r'--cfg-options (\S+)=(\w+)', message).groups()
    assert check(data, **{key.replace('.', '__'): value}) == {}


def test_the_flip_of_mmdetection_swaps_no_predicate(data):
    rename(data, 'predicates', 'near', 'left of')
    rename(data, 'predicates', 'behind', 'right of')
    assert check(data) == {}
    found = check(data, train_dataloader__dataset__pipeline__4={'type': 'mmdet.RandomFlip'})
    assert '2 predicates' in found['one_sided_predicates'].message


def test_missing_images_may_be_left_out_and_are_counted(data):
    for i in (3, NUM_VAL + 3, NUM_TRAIN + 3):
        file_of(data, i).unlink()
    finding = check(data, skip_missing_images=True)['missing_images']
    assert (finding.severity, finding.count) == ('warning', 3)
    kwargs = dict(num_val_images=NUM_VAL, skip_missing_images=True)
    train, test = (data.dataset(split=split, **kwargs) for split in ('train', 'test'))
    assert len(train) == NUM_TRAIN - NUM_VAL - 2  # the first 100 that exist are for validation
    assert len(test) == NUM_TEST - 1
    assert not {4, NUM_VAL + 4, NUM_TRAIN + 4} & {
        item['img_id'] for d in (train, test) for item in d.data_list
    }
    assert len(data.dataset(split='train', num_val_images=NUM_VAL)) == NUM_TRAIN - NUM_VAL


@DATASETS.register_module()
class ListedDataset(BaseSceneGraphDataset):
    """Images from a list that a test sets."""

    images: list = []

    def load_annotations(self):
        return GraphAnnotations.from_images(self.images, ('dog', 'man'), ('on', 'near'))


def check_listed(tmp_path, images):
    """Check images of a data set without checks of its own."""
    ListedDataset.images = images
    for image in images:
        (tmp_path / image['file_name']).touch()
    cfg = read_config_file(CONFIGS / 'motifnet_ce_minivg.py')
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        cfg[f'{split}_dataloader'].dataset = dict(
            type='ListedDataset',
            data_root=str(tmp_path),
            data_prefix=dict(img=''),
            split=split,
            pipeline=dataset.pipeline,
        )
    return {finding.check: finding for finding in check_config(cfg).findings}


def listed(name, split, **changes):
    number = 'abc'.index(name[0])
    image = dict(
        img_id=number, file_name=name, width=50, height=40, split=split,
        boxes=[[1 + number, 1, 20, 20], [5, 5, 30, 30 + number]], labels=[0, 1],
        relations=[[0, 1, 1], [1, 0, 2]],
    )  # fmt: skip
    return {**image, **changes}


@pytest.mark.parametrize(
    'changes, found, count',
    [
        ({}, None, 0),
        (dict(file_name='b.jpg'), 'leakage', 2),
        (dict(boxes=[[1, 1, 1, 20], [5, 5, 30, 30]]), 'boxes_without_area', 1),
        (dict(boxes=[[1, 1, 20, np.nan], [5, 5, 30, 30]]), 'boxes_without_area', 1),
        (dict(boxes=[[1, 1, 90, 20], [5, 5, 30, 30]]), 'boxes_outside', 1),
        (dict(labels=[0, 2]), 'classes_without_name', 1),
        (dict(relations=[[0, 2, 1], [1, 0, 2], [0, 1, 1]]), 'dangling_relations', 1),
        (dict(relations=[[0, 1, 3], [1, 0, 2], [0, 1, 1]]), 'dangling_relations', 1),
        (dict(width=0), 'sizes', 1),
    ],
)
def test_readers_without_checks_of_their_own_are_checked(tmp_path, changes, found, count):
    findings = check_listed(
        tmp_path,
        [listed('a.jpg', 'train', **changes), listed('b.jpg', 'val'), listed('c.jpg', 'test')],
    )
    assert findings.pop(found).count == count if found else True
    # of an image without width, and in place of a class without a name
    assert set(findings) <= {'boxes_outside', 'untrained_classes'}


def test_boxes_in_fractions_are_found(tmp_path):
    boxes = [[0.1, 0.1, 0.5, 0.6], [0.2, 0.3, 1.0, 1.0]]
    images = [
        listed(name, split, boxes=boxes)
        for name, split in (('a.jpg', 'train'), ('b.jpg', 'val'), ('c.jpg', 'test'))
    ]
    assert 'boxes_are_fractions' in check_listed(tmp_path, images)


def test_annotations_are_not_changed(data):
    before = copy.deepcopy(data.boxes)
    check(data)
    assert all(np.array_equal(a, b) for a, b in zip(before, data.boxes))
