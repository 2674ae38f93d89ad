"""The backbone and its head, by torchvision's names and sizes."""

import pytest
import torch

from mmsgp.models import VGG, VGGBBoxHead, VGGHead

# Convolutions of torchvision's VGG16: index in `features`, channels.
TORCHVISION = {
    0: 64,
    2: 64,
    5: 128,
    7: 128,
    10: 256,
    12: 256,
    14: 256,
    17: 512,
    19: 512,
    21: 512,
    24: 512,
    26: 512,
    28: 512,
}


def test_vgg16_has_torchvisions_parameters():
    with torch.device('meta'):
        backbone = VGG()
    shapes = {name: tuple(p.shape) for name, p in backbone.named_parameters()}
    expected, before = {}, 3
    for index, channels in TORCHVISION.items():
        expected[f'features.{index}.weight'] = (channels, before, 3, 3)
        expected[f'features.{index}.bias'] = (channels,)
        before = channels
    assert shapes == expected
    # the published size of VGG16's convolutions
    assert sum(p.numel() for p in backbone.parameters()) == 14_714_688


def test_fc_head_has_the_published_size():
    with torch.device('meta'):
        head = VGGHead()
    assert sum(p.numel() for p in head.parameters()) == 119_545_856
    assert {name.rsplit('.', 1)[0] for name in head.state_dict()} == {
        'classifier.0',
        'classifier.3',
    }


@pytest.mark.parametrize('stages, stride', [(3, 4), (4, 8), (5, 16)])
def test_stride_follows_from_the_stages(stages, stride):
    backbone = VGG(base_channels=4, num_stages=stages)
    (feature_map,) = backbone(torch.zeros(1, 3, 64, 32))
    assert feature_map.shape == (1, backbone.out_channels, 64 // stride, 32 // stride)


def test_batch_norm_follows_each_convolution_as_in_vgg16_bn():
    backbone = VGG(base_channels=4, norm_cfg=dict(type='BN'))
    kinds = [type(layer).__name__ for layer in backbone.features[:7]]
    assert kinds == ['Conv2d', 'BatchNorm2d', 'ReLU'] * 2 + ['MaxPool2d']


def test_unknown_depth_is_refused():
    with pytest.raises(ValueError, match='11, 13, 16, 19'):
        VGG(depth=50)


@pytest.fixture
def weights_file(tmp_path):
    """A file shaped like torchvision's, of a narrow VGG16."""
    torch.manual_seed(0)
    state = {
        **VGG(base_channels=2).state_dict(),
        **VGGHead(in_channels=16, out_channels=8).state_dict(),
        'classifier.6.weight': torch.zeros(1000, 8),
        'classifier.6.bias': torch.zeros(1000),
    }
    state = {name: torch.randn_like(value) for name, value in state.items()}
    torch.save(state, tmp_path / 'vgg16.pth')
    return str(tmp_path / 'vgg16.pth'), state


def test_torchvisions_file_fills_backbone_and_head(weights_file):
    path, state = weights_file
    init_cfg = dict(type='Pretrained', checkpoint=path)
    backbone = VGG(base_channels=2, init_cfg=init_cfg)
    head = VGGBBoxHead(
        num_classes=3,
        fc_head=dict(type='mmsgp.VGGHead', in_channels=16, out_channels=8, init_cfg=init_cfg),
    )
    backbone.init_weights()
    head.init_weights()
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, state[name])
    for name, value in head.fc_head.state_dict().items():
        assert torch.equal(value, state[name])


def test_bbox_head_classifies_and_regresses_per_class():
    head = VGGBBoxHead(
        num_classes=3, fc_head=dict(type='mmsgp.VGGHead', in_channels=4, out_channels=8)
    )
    scores, deltas = head(torch.zeros(5, 4, 7, 7))
    assert scores.shape == (5, 4) and deltas.shape == (5, 12)


@pytest.mark.gpu
@pytest.mark.parametrize('dtype', [torch.float, torch.half])
def test_convolutions_with_relu_give_what_the_layers_give(dtype, monkeypatch):
    torch.manual_seed(0)
    backbone = VGG(base_channels=16).cuda().to(dtype)
    images = torch.randn(2, 3, 192, 192, device='cuda', dtype=dtype)
    with torch.no_grad():
        expected = backbone.features(images)
        assert backbone._fuses(images)
        torch.full((1 << 24,), torch.nan, device='cuda')  # memory that results may get
        (found,) = backbone(images)
        scale = expected.abs().max()
        torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=1e-2)
        monkeypatch.setattr(torch.backends.cudnn, 'deterministic', True)
        assert not backbone._fuses(images)
        monkeypatch.undo()
    assert not backbone._fuses(images)  # with gradients
