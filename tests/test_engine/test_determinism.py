"""Two runs with the same seed end with the same weights."""

import pytest
import torch
from mmengine.config import Config

from mmsgp.engine.runner import SceneGraphRunner
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS


def train(work_dir, data, head):
    """Train for an epoch with ``randomness.deterministic``; return the head's weights."""
    cfg = Config.fromfile(CONFIGS / 'motifnet_cce_scorer_minivg.py')
    cfg.merge_from_dict(
        {
            'work_dir': str(work_dir),
            'randomness.deterministic': True,
            'train_cfg.max_epochs': 1,
            'default_hooks.checkpoint': None,
            'model.detector.init_cfg': None,
            'model.detector.roi_head.bbox_head.num_classes': len(data.classes),
            'model.relation_head.num_classes': len(data.classes),
            'model.relation_head.num_predicates': len(data.predicates),
            'model.relation_head.type': head,
            'train_dataloader.num_workers': 0,
            'train_dataloader.dataset.data_root': str(data.root),
            'train_dataloader.dataset.data_prefix': dict(img='images'),
            'train_dataloader.dataset.num_val_images': 1,
            'log_level': 'ERROR',
            'visualizer': None,
        }
    )
    for part in ('val', 'test'):
        cfg[f'{part}_dataloader'] = cfg[f'{part}_evaluator'] = cfg[f'{part}_cfg'] = None
    runner = SceneGraphRunner.from_cfg(cfg)
    runner.train()
    return runner.model.relation_head.state_dict()


def assert_repeatable(tmp_path, head):
    data = make_vg_data(tmp_path / 'data')
    try:
        first, second = (train(tmp_path / name, data, head) for name in ('one', 'two'))
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize('head', ['MotifNetHead', 'LinkNetHead', 'KERNHead'])
def test_two_deterministic_runs_end_with_equal_weights(tmp_path, head):
    assert_repeatable(tmp_path, head)


@pytest.mark.gpu
@pytest.mark.parametrize('head', ['MotifNetHead', 'LinkNetHead', 'KERNHead'])
def test_two_deterministic_runs_on_a_gpu_end_with_equal_weights(tmp_path, head):
    assert_repeatable(tmp_path, head)
