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


def test_bytes_and_floats_in_one_batch_keep_their_values():
    own = build(type='SceneGraphDataPreprocessor', pad_to=(8, 8))
    floats = torch.full((3, 8, 8), 0.7)
    data = dict(inputs=[torch.zeros(3, 8, 8, dtype=torch.uint8), floats], data_samples=None)
    expected = (floats - own.mean) / own.std
    torch.testing.assert_close(own(data)['inputs'][1], expected)


@pytest.mark.parametrize('channels', [(1, 1), (3, 1), (4, 4)])
def test_images_that_are_not_in_colour_are_refused(channels):
    own = build(type='SceneGraphDataPreprocessor', pad_to=(8, 8))
    images = [torch.zeros(number, 8, 8, dtype=torch.uint8) for number in channels]
    with pytest.raises(ValueError, match=r'channels, but data_preprocessor needs 3'):
        own(dict(inputs=images, data_samples=None))


@pytest.mark.parametrize(
    ('setting', 'key'),
    [
        (dict(pad_size_divisor=32), 'pad_size_divisor=32'),
        (dict(batch_augments=[dict(type='mmdet.BatchFixedSizePad', size=(64, 64))]), 'batch_aug'),
    ],
)
def test_settings_that_contradict_the_size_are_refused(setting, key):
    with pytest.raises(ValueError, match=key):
        build(type='SceneGraphDataPreprocessor', pad_to=(40, 40), **setting)


@pytest.mark.parametrize('shape', [(65, 10), (10, 65)])
def test_a_larger_image_is_refused(shape):
    own = build(type='SceneGraphDataPreprocessor', pad_to=(64, 64))
    height, width = shape
    with pytest.raises(
        ValueError, match=(rf'{height} x {width} .*data_preprocessor.pad_to=\(64, 64\).*img_scale')
    ):
        own(batch(shape))
