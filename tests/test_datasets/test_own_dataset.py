"""The data set that the documentation shows works as it stands there."""

import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmsgp.datasets import ConcatDataset
from mmsgp.engine.data_sizes import fill_in_sizes
from mmsgp.registry import DATASETS

ROOT = Path(__file__).parents[2]
BASE = ROOT / 'configs' / '_base_' / 'datasets' / 'vg_relation.py'
CONTENT = dict(
    class_names=['cup', 'table'],
    predicate_names=['on', 'under'],
    images=[
        dict(
            file=f'{split}.jpg',
            width=60,
            height=40,
            split=split,
            boxes=[[0, 0, 30, 20], [0, 10, 60, 40]],
            classes=[0, 1],
            relations=[[0, 1, 1], [1, 0, 2]][:count],
        )
        for split, count in (('train', 1), ('val', 2), ('test', 2))
    ],
)


@pytest.fixture
def config(tmp_path, monkeypatch):
    text = (ROOT / 'docs' / 'advanced_guides' / 'customize_dataset.md').read_text()
    for code in re.findall(r'```python\n(.*?)```', text, re.DOTALL):
        name = re.match(r'# (\w+\.py)\n', code).group(1)
        (tmp_path / name).write_text(
            code.replace("'./vg_relation.py'", repr(str(BASE))).replace(
                "'data/my/'", repr(str(tmp_path))
            )
        )
    (tmp_path / 'graphs.json').write_text(json.dumps(CONTENT))
    (tmp_path / 'pictures').mkdir()
    for image in CONTENT['images']:
        cv2.imwrite(str(tmp_path / 'pictures' / image['file']), np.zeros((40, 60, 3), np.uint8))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Config.fromfile(tmp_path / 'my_relation.py')
    DATASETS.module_dict.pop('MyDataset')
    sys.modules.pop('my_dataset')


def build(config, split):
    return DATASETS.build(config[f'{split}_dataloader'].dataset)


@pytest.mark.parametrize(
    'split, triplets, unseen',
    [
        ('train', [[0, 1, 1]], None),
        ('val', [[0, 1, 1], [1, 2, 0]], [False, True]),
        ('test', [[0, 1, 1], [1, 2, 0]], [False, True]),
    ],
)
def test_it_gives_graphs_of_each_split(config, split, triplets, unseen):
    dataset = build(config, split)
    assert dataset.metainfo['classes'] == ('cup', 'table')
    assert dataset.metainfo['predicate_train_counts'] == [1, 0]
    (sample,) = (item['data_samples'] for item in dataset)
    assert Path(sample.img_path).name == f'{split}.jpg'
    graph = sample.gt_scene_graph
    assert graph.triplets.tolist() == triplets
    if unseen is not None:
        assert graph.relations.unseen.tolist() == unseen


def test_it_joins_with_others(config):
    part = config.train_dataloader.dataset
    both = DATASETS.build(dict(type='ConcatDataset', datasets=[part, part]))
    assert isinstance(both, ConcatDataset)
    assert both.statistics.predicate_counts.tolist() == [2, 0]


def test_its_mistakes_are_named(config, tmp_path):
    content = json.loads(json.dumps(CONTENT))
    content['images'][0]['classes'] = [0, 2]
    (tmp_path / 'graphs.json').write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match='graphs.json: image train.jpg has the class 2, expected 0 .. 1'
    ):
        build(config, 'train')


def test_a_model_of_it_gets_its_numbers_from_the_config(config):
    head = dict(num_classes=2, num_predicates=2)
    config.merge_from_dict(dict(model=dict(relation_head=head)))
    fill_in_sizes(config)
    assert config.model.relation_head == head
    config.model.relation_head.num_predicates = None
    with pytest.raises(
        ValueError,
        match='num_predicates is missing.*MyDataset',
    ):
        fill_in_sizes(config)
