import pickle

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from torch.utils.data import DataLoader

from mmsgp.datasets.vg_sgg.vg150 import VG150_CLASSES, VG150_PREDICATES
from mmsgp.registry import DATASETS
from mmsgp.testing import make_vg_data

DETECTOR = dict(filter_empty_relations=False)


@pytest.fixture
def sparse(data):
    """Six training images: 1 lacks boxes, 2 and 4 lack relations."""
    for row, keep_boxes in ((0, False), (1, True), (3, True)):
        data.relations[row] = np.empty((0, 3), int)
        if not keep_boxes:
            data.boxes[row], data.labels[row] = np.empty((0, 4)), []
    return data.write()


def image_ids(dataset):
    return [info['img_id'] for info in dataset.data_list]


def test_item_has_what_mmdetection_and_relations_need(data):
    dataset = data.dataset(split='test')
    for index, row in enumerate((6, 7)):
        info = dataset.get_data_info(index)
        assert info['img_id'] == row + 1
        assert info['sample_idx'] == index
        assert info['height'] == data.images[row]['height']
        assert info['width'] == data.images[row]['width']
        assert info['img_path'] == str(data.root / 'images' / f'{row + 1}.jpg')
        assert info['predicates'] == data.predicates
        assert [o['bbox_label'] for o in info['instances']] == data.labels[row].tolist()
        assert info['relations'].dtype == np.int64
        np.testing.assert_array_equal(info['relations'], data.relations[row])
    assert dataset.get_cat_ids(0) == data.labels[6].tolist()


@pytest.mark.parametrize(
    'filter_cfg, num_val, val, train',
    [
        (None, 1, [3], [5, 6]),
        (None, 2, [3, 5], [6]),
        (DETECTOR, 1, [2], [3, 4, 5, 6]),
        (DETECTOR, 3, [2, 3, 4], [5, 6]),
        (dict(filter_empty_relations=False, filter_empty_gt=False), 2, [1, 2, 3], [4, 5, 6]),
    ],
)
def test_validation_takes_the_first_images_that_count(sparse, filter_cfg, num_val, val, train):
    for split, expected in dict(val=val, train=train).items():
        dataset = sparse.dataset(split=split, filter_cfg=filter_cfg, num_val_images=num_val)
        assert image_ids(dataset) == expected


def test_without_validation_images_there_is_only_training(sparse):
    assert image_ids(sparse.dataset(num_val_images=0)) == [3, 5, 6]
    with pytest.raises(ValueError, match="no image for the split 'val'.*=0"):
        sparse.dataset(split='val', num_val_images=0)


def test_test_split_keeps_images_without_relations_unless_filtered(sparse):
    sparse.relations[6] = np.empty((0, 3), int)
    sparse.relations[7] = np.empty((0, 3), int)
    sparse.boxes[7], sparse.labels[7] = np.empty((0, 4)), []
    sparse.write()
    assert image_ids(sparse.dataset(split='test')) == [7]
    assert image_ids(sparse.dataset(split='test', filter_cfg=dict(filter_empty_gt=False))) == [7, 8]
    assert not len(sparse.dataset(split='test', filter_cfg=dict(filter_empty_relations=True)))


def test_validation_must_leave_something_to_train_on(data):
    with pytest.raises(ValueError, match='num_val_images=6 '):
        data.dataset(split='train', num_val_images=6)
    # What was trained elsewhere can be tested on such a file all the same.
    assert len(data.dataset(split='val', num_val_images=6)) > 0
    assert len(data.dataset(split='test', num_val_images=6)) == 2


def test_file_without_training_images_can_be_tested_on(tmp_path):
    data = make_vg_data(tmp_path, num_train=0, with_images=False)
    dataset = data.dataset(split='test')
    assert len(dataset) == 2
    assert dataset.metainfo['predicate_train_counts'] == [0] * 4


def test_wrong_options_are_refused(data):
    with pytest.raises(ValueError, match="got 'valid'"):
        data.dataset(split='valid')
    with pytest.raises(ValueError, match=r"got \['min_size'\]"):
        data.dataset(filter_cfg=dict(min_size=32))


def test_metainfo_is_of_plain_types_for_weights_only_checkpoints(data, tmp_path):
    metainfo = data.dataset().metainfo
    assert metainfo['classes'] == data.classes
    assert metainfo['predicates'] == data.predicates
    assert len(metainfo['palette']) == len(data.classes)
    torch.save(metainfo, tmp_path / 'meta.pth')
    assert torch.load(tmp_path / 'meta.pth', weights_only=True) == metainfo


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_predicates_are_counted_in_the_training_split(data, split):
    predicates = np.concatenate(data.relations[1:6])[:, 2].tolist()
    metainfo = data.dataset(split=split).metainfo
    assert metainfo['predicate_train_counts'] == [predicates.count(p) for p in (1, 2, 3, 4)]


def test_names_are_of_vg150_until_a_file_says_otherwise(data, tmp_path):
    nowhere = DATASETS.build(dict(type='VGDataset', data_root='/nowhere', lazy_init=True))
    assert nowhere.metainfo['classes'] == VG150_CLASSES
    assert len(VG150_CLASSES) == 150
    assert nowhere.metainfo['predicates'] == VG150_PREDICATES
    assert len(VG150_PREDICATES) == 50
    lazy = data.dataset(lazy_init=True)
    assert lazy.metainfo['classes'] == data.classes
    assert len(lazy) == 5


def test_names_may_be_replaced_one_for_one(data):
    names = ('un', 'deux', 'trois', 'quatre')
    metainfo = data.dataset(metainfo=dict(predicates=names)).metainfo
    assert metainfo['predicates'] == names
    with pytest.raises(ValueError, match='metainfo has 1 classes, but .* 5'):
        data.dataset(metainfo=dict(classes=('thing',)))


def test_image_is_found_in_either_folder(data):
    for folder, image in (('VG_100K', 7), ('VG_100K_2', 8)):
        (data.root / folder).mkdir()
        (data.root / folder / f'{image}.jpg').touch()
    dataset = data.dataset(split='test', data_prefix=dict(img=['VG_100K', 'VG_100K_2']))
    assert [dataset.get_data_info(i)['img_path'] for i in (0, 1)] == [
        str(data.root / 'VG_100K' / '7.jpg'),
        str(data.root / 'VG_100K_2' / '8.jpg'),
    ]


def test_absolute_paths_do_not_need_a_root(data):
    dataset = data.dataset(
        split='test',
        data_root='',
        ann_file=str(data.root / 'VG-SGG.h5'),
        dict_file=str(data.root / 'VG-SGG-dicts.json'),
        image_file=str(data.root / 'image_data.json'),
        data_prefix=dict(img='/pictures'),
        img_suffix='.png',
    )
    assert dataset.get_data_info(0)['img_path'] == '/pictures/7.png'
    assert dataset.statistics.object_counts.sum() > 0


@pytest.mark.parametrize(
    'indices, expected',
    [
        (2, [2, 3]),
        (-2, [5, 6]),
        ([4, 0], [6, 2]),
    ],
)
def test_subsets(data, indices, expected):
    whole = data.dataset()
    assert image_ids(data.dataset(indices=indices)) == expected
    subset = whole.get_subset(indices)
    assert image_ids(subset) == expected
    assert subset.get_data_info(0)['img_id'] == expected[0]
    assert len(whole) == 5
    whole.get_subset_(indices)
    assert image_ids(whole) == expected


def test_dataset_builds_from_a_config_and_travels_to_spawned_workers(data):
    config = ConfigDict(type='VGDataset', **data.kwargs(split='test'))
    dataset = pickle.loads(pickle.dumps(DATASETS.build(config)))
    np.testing.assert_equal(list(dataset.data_list), list(data.dataset(split='test').data_list))


def test_workers_read_the_same_items(tmp_path):
    data = make_vg_data(tmp_path)
    dataset = data.dataset(
        split='test',
        pipeline=[
            dict(type='LoadImage'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='LoadRelations'),
            dict(type='PackSceneGraphInputs'),
        ],
    )
    loader = DataLoader(dataset, num_workers=2, collate_fn=lambda items: items)
    for index, (item,) in enumerate(loader):
        expected = dataset[index]
        assert torch.equal(item['inputs'], expected['inputs'])
        assert torch.equal(
            item['data_samples'].gt_scene_graph.triplets,
            expected['data_samples'].gt_scene_graph.triplets,
        )


@pytest.mark.parametrize('num_objects', [0, 1])
def test_image_with_hardly_an_object_passes_the_pipeline(tmp_path, num_objects):
    data = make_vg_data(tmp_path, num_objects=(num_objects, num_objects))
    dataset = data.dataset(
        split='test',
        filter_cfg=dict(filter_empty_gt=False),
        pipeline=[
            dict(type='LoadImage'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='LoadRelations', sample_duplicates=True),
            dict(type='Resize', scale=(32, 32), keep_ratio=True),
            dict(type='SceneGraphRandomFlip', prob=1.0),
            dict(type='PackSceneGraphInputs'),
        ],
    )
    graph = dataset[0]['data_samples'].gt_scene_graph
    assert graph.objects.bboxes.shape == (num_objects, 4)
    assert graph.num_relations == 0
    assert graph.relations.pairs.shape == (0, 2)


def test_missing_image_stops_with_its_id_and_folders(data):
    dataset = data.dataset(
        split='test', data_prefix=dict(img=['one', 'two']), pipeline=[dict(type='LoadImage')]
    )
    with pytest.raises(FileNotFoundError, match='image 7 .*one, .*two'):
        dataset[0]


@pytest.mark.parametrize('split', ['val', 'test'])
def test_triplets_that_training_never_shows_are_marked(tmp_path, split):
    data = make_vg_data(
        tmp_path, num_train=20, num_test=10, num_classes=5, num_predicates=3, with_images=False
    )
    train = data.dataset(num_val_images=5)
    seen = set()
    for i in range(len(train)):
        assert 'relations_unseen' not in train[i]
        seen |= set(triplets(train[i]))
    dataset = data.dataset(split=split, num_val_images=5)
    marks = []
    for i in range(len(dataset)):
        info = dataset[i]
        assert info['relations_unseen'].tolist() == [
            triplet not in seen for triplet in triplets(info)
        ]
        marks += info['relations_unseen'].tolist()
    assert 0 < sum(marks) < len(marks)


def triplets(info):
    labels = [instance['bbox_label'] for instance in info['instances']]
    return [(labels[s], labels[o], p) for s, o, p in info['relations'].tolist()]
