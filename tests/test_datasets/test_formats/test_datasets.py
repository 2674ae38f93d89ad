"""A model trains for a step on each format, by its data set and by the configs."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from helpers.formats import CLASSES, PREDICATES, SCENES, WRITERS, write_images
from mmsgp.registry import DATASETS
from mmsgp.testing.models import small_parser

CONFIGS = Path(__file__).parents[3] / 'configs'
TYPES = {
    'vg-sgg': 'VGDataset',
    'indoorvg': 'VGDataset',
    'psg': 'PSGDataset',
    'open-images': 'OpenImagesRelationDataset',
    'gqa-200': 'GQA200Dataset',
    'vrd': 'VRDDataset',
    'coco-rel-json': 'CocoRelJsonDataset',
    'coco-relations': 'CocoRelationsDataset',
    'label-studio': 'LabelStudioDataset',
    'cvat': 'CVATDataset',
}
DATA_CONFIGS = {'psg': 'psg', 'open-images': 'openimages', 'gqa-200': 'gqa200'}
FOLDERS = {'vg-sgg': 'VG_100K', 'indoorvg': 'VG_100K', 'psg': ''}


def write(name, root):
    """Write annotations and images; return what a config needs beside the type."""
    path = WRITERS[name](root)
    for scene in SCENES:
        folder = scene['split'] if name == 'coco-relations' else FOLDERS.get(name, 'images')
        write_images(root / folder, [scene])
    kwargs = dict(data_root=str(root), num_val_images=1)
    if path != root:
        kwargs['ann_file'] = path.name
    if name == 'indoorvg':
        kwargs['ann_file'] = 'VG-SGG-augmented-penet-cat.h5'
    if name == 'label-studio':
        kwargs['split_ids'] = dict(train=[21, 5, 9], val=[30], test=[7])
    return kwargs


@pytest.mark.parametrize('name', TYPES)
def test_a_model_trains_on_it(name, tmp_path):
    config = Config.fromfile(CONFIGS / '_base_/datasets/minivg_relation.py')
    kwargs = write(name, tmp_path)
    dataset = DATASETS.build(dict(type=TYPES[name], pipeline=config.train_pipeline, **kwargs))
    assert dataset.metainfo['classes'] == tuple(CLASSES)
    assert dataset.metainfo['predicates'] == tuple(PREDICATES)
    model = small_parser(num_classes=3, num_predicates=3).train()
    model.load_statistics(dataset)
    optimizer = torch.optim.SGD(model.relation_head.parameters(), lr=1e-3)
    before = [p.detach().clone() for p in model.relation_head.parameters()]
    batch = pseudo_collate([dataset[0], dataset[1]])
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.relation_head.parameters()))


@pytest.mark.parametrize('name', TYPES)
def test_each_split_finds_its_images(name, tmp_path):
    kwargs = write(name, tmp_path)
    own_val = name not in ('gqa-200', 'vrd')
    expected = dict(
        train=[21, 5, 9] if own_val else [5, 9, 30], val=[30] if own_val else [21], test=[7]
    )
    if name == 'vrd':  # in the order of the names of the files
        expected.update(train=[30, 5, 9])
    for split, ids in expected.items():
        dataset = DATASETS.build(dict(type=TYPES[name], split=split, **kwargs))
        items = [dataset.get_data_info(index) for index in range(len(dataset))]
        assert [item['img_id'] for item in items] == ids
        assert all(Path(item['img_path']).is_file() for item in items)


@pytest.mark.parametrize('name', DATA_CONFIGS)
@pytest.mark.parametrize('kind', ['relation', 'detection'])
def test_its_data_config_reads_it(name, kind, tmp_path):
    kwargs = write(name, tmp_path)
    config = Config.fromfile(CONFIGS / f'_base_/datasets/{DATA_CONFIGS[name]}_{kind}.py')
    for split in ('train', 'val', 'test'):
        cfg = config[f'{split}_dataloader'].dataset
        assert (cfg.type, cfg.split) == (TYPES[name], split)
        cfg.update(kwargs)
        dataset = DATASETS.build(cfg)
        sample = dataset[0]['data_samples']
        assert Path(sample.img_path).is_file()
        truth = sample.gt_scene_graph.objects if kind == 'relation' else sample.gt_instances
        assert len(truth) > 0


@pytest.mark.parametrize(
    'name', ['psg', 'open-images', 'gqa-200', 'vrd', 'coco-relations', 'coco-rel-json']
)
def test_names_are_known_without_building_it(name, tmp_path):
    kwargs = write(name, tmp_path)
    expected = dict(classes=tuple(CLASSES), predicates=tuple(PREDICATES))
    assert DATASETS.get(TYPES[name]).read_names(**kwargs) == expected
