"""A parser with random weights, and its exported file."""

import subprocess
import sys

import pytest
import torch
from mmengine.config import Config

from helpers.deployment import NUM_DETECTED, SIDE
from mmsgp.apis import SceneGraphInferencer
from mmsgp.checkpoint.integrity import add_checksum
from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS, spread_detections, write_random_checkpoint

CONFIG = f"""
_base_ = '{CONFIGS}/react_cce_scorer_rtmdet_tiny_minivg.py'
model = dict(
    detector=dict(
        data_preprocessor=dict(pad_to=({SIDE}, {SIDE})), init_cfg=None,
        backbone=dict(init_cfg=None)),
    detection_cfg=dict(max_per_image={NUM_DETECTED}))
test_pipeline = [
    {{**step, 'scale': ({SIDE}, {SIDE})}} if step.type == 'Resize' else step
    for step in _base_.test_pipeline]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
"""


@pytest.fixture(scope='package')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('deploy')


@pytest.fixture(scope='package')
def trained(folder):
    """A config, and a checkpoint whose detector finds objects."""
    config = folder / 'react_cce_scorer_rtmdet_tiny_96.py'
    config.write_text(CONFIG)
    path = write_random_checkpoint(
        folder / 'epoch_1.pth', str(config.with_suffix('')), NUM_DETECTED
    )
    checkpoint = torch.load(path, weights_only=False)
    model = MODELS.build(Config.fromfile(config).model)
    model.load_state_dict(checkpoint['state_dict'])
    spread_detections(model.eval().detector, torch.randn(4, 3, SIDE, SIDE), score=-5.0)
    checkpoint['state_dict'] = model.state_dict()
    add_checksum(checkpoint)
    torch.save(checkpoint, path)
    return config, path


@pytest.fixture(scope='package')
def exported(folder, trained):
    """The file that the tool writes."""
    path = folder / 'parser.onnx'
    subprocess.run(
        [sys.executable, 'tools/deployment/export_onnx.py', *trained, '--out', path],
        cwd=CONFIGS.parent,
        check=True,
    )
    return path


@pytest.fixture(scope='package')
def parser(trained):
    return SceneGraphInferencer(*map(str, trained), device='cpu', show_progress=False)
