"""Images of one size against MMDetection's preprocessor."""

import pytest
import torch

from mmsgp.registry import MODELS
from mmsgp.testing.models import random_samples

NORMALIZATION = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)


def build(**cfg):
    return MODELS.build({**NORMALIZATION, **cfg})


def batch(*shapes):
    torch.manual_seed(0)
    return dict(
        inputs=[torch.randint(0, 256, (3, *shape), dtype=torch.uint8) for shape in shapes],
        data_samples=random_samples([2] * len(shapes)),
    )


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('shapes', [[(64, 40), (30, 64)], [(64, 64)], [(1, 2)]])
def test_a_square_is_that_of_mmdetections_divisor(shapes, training):
    own = build(type='SceneGraphDataPreprocessor', pad_to=(64, 64), pad_value=3)
    other = build(type='mmdet.DetDataPreprocessor', pad_size_divisor=64, pad_value=3)
    found, expected = (preprocessor(batch(*shapes), training) for preprocessor in (own, other))
    assert torch.equal(found['inputs'], expected['inputs'])
    for sample, same in zip(found['data_samples'], expected['data_samples']):
        assert sample.metainfo == same.metainfo
        assert sample.batch_input_shape == (64, 64)


def test_height_and_width_may_differ():
    own = build(type='SceneGraphDataPreprocessor', pad_to=(32, 64))
    data = own(batch((20, 50), (32, 10)))
    assert data['inputs'].shape == (2, 3, 32, 64)
    assert not data['inputs'][0, :, 20:].any()
    assert not data['inputs'][1, :, :, 10:].any()
    assert data['inputs'][0, :, :20, :50].all(dim=0).any()


@pytest.mark.parametrize('shape', [(65, 10), (10, 65)])
def test_a_larger_image_is_refused(shape):
    own = build(type='SceneGraphDataPreprocessor', pad_to=(64, 64))
    height, width = shape
    with pytest.raises(
        ValueError, match=(rf'{height} x {width} .*data_preprocessor.pad_to=\(64, 64\).*img_scale')
    ):
        own(batch(shape))
