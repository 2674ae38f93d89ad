"""Panoptic scene graphs, read from a small file in their format."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmsgp.datasets import PSGDataset
from mmsgp.registry import DATASETS

ROOT = Path(__file__).parents[2]
THINGS, STUFF = ['person', 'dog'], ['grass', 'sky']
PREDICATES = ['over', 'beside', 'on']


def image(image_id, boxes, relations, folder='train2017', categories=(0, 2, 1)):
    return dict(
        image_id=image_id,
        file_name=f'{folder}/{int(image_id):012d}.jpg',
        height=40,
        width=60,
        pan_seg_file_name=f'panoptic_{folder}/{int(image_id):012d}.png',
        segments_info=[dict(id=i) for i in range(len(boxes))],
        annotations=[
            dict(bbox=box, category_id=category, bbox_mode=0)
            for box, category in zip(boxes, categories)
        ],
        relations=relations,
    )


BOXES = [[1, 2, 30, 40], [0, 20, 60, 40], [40, 5, 50, 5]]
IMAGES = [
    image('7', BOXES, [[0, 1, 2]]),
    image('3', BOXES, []),
    image('12', BOXES, [[2, 1, 0], [2, 1, 0], [0, 2, 1]]),
    image('5', [], []),
    image('20', BOXES, [[0, 1, 2], [2, 1, 1], [0, 1, 2]], 'val2017'),
    image('21', BOXES, [], 'val2017'),
    image('9', BOXES, [[1, 0, 0]], categories=(3, 3, 3)),
]


@pytest.fixture
def write(tmp_path):
    """Writes the file, with changes at paths of keys, and gives its folder."""

    def write(changes=()):
        content = json.loads(
            json.dumps(
                dict(
                    data=IMAGES,
                    test_image_ids=['20', '21'],
                    thing_classes=THINGS,
                    stuff_classes=STUFF,
                    predicate_classes=PREDICATES,
                )
            )
        )
        for keys, value in changes:
            part = content
            for key in keys[:-1]:
                part = part[key]
            if value is None:
                del part[keys[-1]]
            else:
                part[keys[-1]] = value
        (tmp_path / 'psg.json').write_text(json.dumps(content))
        return str(tmp_path)

    return write


def image_ids(dataset):
    return dataset.data_list.image_ids.tolist()


@pytest.mark.parametrize(
    'split, filter_cfg, expected',
    [
        ('train', None, [12, 9]),
        ('val', None, [7]),
        ('test', None, [20, 21]),
        ('test', dict(filter_empty_relations=True), [20]),
        ('train', dict(filter_empty_relations=False), [3, 12, 9]),
    ],
)
def test_test_images_are_listed_and_validation_is_the_first_of_the_others(
    write, split, filter_cfg, expected
):
    dataset = PSGDataset(data_root=write(), split=split, num_val_images=1, filter_cfg=filter_cfg)
    assert image_ids(dataset) == expected


def test_items_have_the_boxes_of_all_segments_and_their_own_file_names(write):
    root = write()
    item = PSGDataset(data_root=root, split='test').get_data_info(0)
    assert item['img_path'] == f'{root}/val2017/000000000020.jpg'
    assert (item['img_id'], item['width'], item['height']) == (20, 60, 40)
    assert [o['bbox_label'] for o in item['instances']] == [0, 2, 1]
    # the last one is a line of pixels
    assert [o['bbox'] for o in item['instances']] == [*BOXES[:2], [40, 5, 50, 6]]


def test_predicates_start_at_1_and_repeated_ones_count_once_in_test(write):
    """0 is *unknown*; in the file it is the first predicate."""
    root = write()
    test = PSGDataset(data_root=root, split='test')
    assert test.metainfo['predicates'] == tuple(PREDICATES)
    assert test.metainfo['classes'] == ('person', 'dog', 'grass', 'sky')
    relations = test.get_data_info(0)['relations'].tolist()
    assert sorted(relations) == [[0, 1, 3], [2, 1, 2]]
    train = PSGDataset(data_root=root, num_val_images=1)
    assert train.get_data_info(0)['relations'].tolist() == [[2, 1, 1], [2, 1, 1], [0, 2, 2]]


def test_statistics_and_unseen_triplets_are_those_of_training(write):
    root = write()
    train = PSGDataset(data_root=root, num_val_images=1)
    counts = train.statistics.triplet_counts
    # person 0, dog 1, grass 2, sky 3
    assert {tuple(t): int(counts[tuple(t)]) for t in np.argwhere(counts[..., 1:]) + (0, 0, 1)} == {
        (1, 2, 1): 2,
        (0, 1, 2): 1,
        (3, 3, 1): 1,
    }
    assert train.metainfo['predicate_train_counts'] == [3, 1, 0]
    assert train.statistics.object_counts.tolist() == [1, 1, 1, 3]
    test = PSGDataset(data_root=root, split='test', num_val_images=0)
    unseen = test.get_data_info(0)['relations_unseen'].tolist()
    assert unseen == [False, True]  # image 7 is trained on as well now
    test = PSGDataset(data_root=root, split='test', num_val_images=1)
    assert test.get_data_info(0)['relations_unseen'].tolist() == [True, True]


@pytest.mark.parametrize(
    'changes, message',
    [
        ([(('predicate_classes',), None)], "psg.json has no key 'predicate_classes'"),
        ([(('data',), dict())], r'psg.json: data is \{\}, expected a list'),
        (
            [(('stuff_classes', 1), 'dog'), (('thing_classes', 0), ' ')],
            "psg.json: thing_classes.0. is ' ', expected a name",
        ),
        ([(('stuff_classes', 1), 'grass')], "psg.json: stuff_classes.1. is 'grass', expected"),
        ([(('data', 2, 'file_name'), None)], r"data\[2\] has no key 'file_name'"),
        (
            [(('data', 2, 'width'), '60')],
            r"psg.json: data\[2\]: width is '60', expected a whole number",
        ),
        (
            [(('data', 2, 'height'), 0)],
            r'psg.json: data\[2\].height is \[0\], expected \[1 .. 1048576\]',
        ),
        ([(('data', 2, 'width'), 10**30)], r'data\[2\].width is \[10{30}\], expected'),
        (
            [(('data', 2, 'annotations', 1, 'bbox'), [0, 0, 10**400, 1])],
            r'annotations\[1\].bbox is',
        ),
        ([(('data', 2, 'image_id'), '')], r"data\[2\]: image_id is '', expected a whole number"),
        (
            [(('data', 2, 'image_id'), '7')],
            'image train2017/000000000012.jpg has the id 7, expected',
        ),
        (
            [(('data', 2, 'annotations', 1, 'category_id'), 4)],
            r'data\[2\].annotations\[1\].category_id is \[4\], expected \[0 .. 3\]',
        ),
        (
            [(('data', 2, 'annotations', 1, 'bbox'), [1, 2, 3])],
            r'annotations\[1\].bbox is \[1, 2, 3\], expected \[a number, a number, ',
        ),
        (
            [(('data', 2, 'annotations', 1, 'bbox'), [9, 2, 3, 5])],
            r'train2017/000000000012.jpg has the box \[9.0, 2.0, 3.0, 5.0\]',
        ),
        (
            [(('data', 2, 'relations', 1), [0, 3, 1])],
            r'data\[2\].relations\[1\] is \[0, 3, 1\], expected \[0 .. 2, 0 .. 2, 0 .. 2\]',
        ),
        ([(('data', 2, 'relations', 1), [0, 1, 3])], r'relations\[1\] is \[0, 1, 3\]'),
        ([(('data', 2, 'relations', 1), [0, 1, -1])], r'relations\[1\] is'),
        ([(('data', 2, 'relations', 1), [0, 1, True])], r'relations\[1\] is'),
        ([(('test_image_ids',), [])], "no image for the split 'test'"),
    ],
)
def test_a_wrong_value_is_named_with_its_file_and_key(write, changes, message):
    with pytest.raises(ValueError, match=message):
        PSGDataset(data_root=write(changes), split='test')


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match='psg.json .* data_root'):
        PSGDataset(data_root=str(tmp_path))


def test_names_are_read_without_the_images(write):
    root = write([(('data',), None)])
    assert PSGDataset.read_names(data_root=root, split='train') == dict(
        classes=('person', 'dog', 'grass', 'sky'), predicates=tuple(PREDICATES)
    )


def test_the_config_reads_it_and_gives_a_graph_to_train_on(write):
    config = Config.fromfile(ROOT / 'configs/_base_/datasets/psg_relation.py')
    dataset = config.train_dataloader.dataset
    dataset.update(data_root=write(), num_val_images=1)
    dataset = DATASETS.build(dataset)
    path = Path(dataset.get_data_info(0)['img_path'])
    path.parent.mkdir()
    cv2.imwrite(str(path), np.zeros((40, 60, 3), np.uint8))
    item = dataset[0]
    assert item['inputs'].shape == (3, 395, 592)
    graph = item['data_samples'].gt_scene_graph
    assert graph.num_objects == 3
    assert sorted(graph.triplets.tolist()) == [[0, 2, 1], [1, 1, 2]]
    splits = [config[f'{split}_dataloader'].dataset.split for split in ('train', 'val', 'test')]
    assert splits == ['train', 'val', 'test']


def test_ids_may_be_text_and_images_for_validation_be_listed(write):
    root = write([(('data', 2, 'image_id'), 'x'), (('val_image_ids',), ['x', '9'])])
    assert image_ids(PSGDataset(data_root=root)) == ['7']
    assert image_ids(PSGDataset(data_root=root, split='val')) == ['x', '9']
