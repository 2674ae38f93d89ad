"""Cached feature maps against computed ones."""

import io
from types import SimpleNamespace

import pytest
import torch

from mmsgp.engine import FeatureCacheHook
from mmsgp.models.parsers.feature_cache import FeatureCache
from mmsgp.testing.models import random_samples, small_parser


class Counted:
    """Counts the images that a function gets."""

    def __init__(self, function):
        self.function = function
        self.images = 0

    def __call__(self, inputs):
        self.images += len(inputs)
        return self.function(inputs)


@pytest.fixture
def model():
    return small_parser().train()


def files(root):
    return sorted(root.rglob('*.pth'))


def test_maps_are_computed_once_and_equal_to_rounding(tmp_path, model):
    torch.manual_seed(0)
    images = torch.randn(3, 3, 96, 96)
    compute = Counted(model.detector.extract_feat)
    cache = FeatureCache(tmp_path, model.detector)
    cold = cache(images, compute)
    assert compute.images == 3 and len(files(tmp_path)) == 3
    warm = FeatureCache(tmp_path, model.detector)(images[[2, 0]], compute)
    assert compute.images == 3
    expected = model.detector.extract_feat(images)
    assert len(cold) == len(warm) == len(expected)
    for one, other, exact in zip(cold, warm, expected):
        assert torch.equal(one[[2, 0]], other)
        assert other.dtype == torch.float32
        torch.testing.assert_close(one, exact, rtol=1e-3, atol=1e-4)
        assert torch.equal(one, exact.half().float())

    # A batch of known and of new images: only the new are computed.
    cache(torch.cat([images, images.flip(3)]), compute)
    assert compute.images == 6 and len(files(tmp_path)) == 6


def test_other_weights_are_another_cache(tmp_path, model):
    image = torch.randn(1, 3, 64, 64)
    compute = Counted(model.detector.extract_feat)
    FeatureCache(tmp_path, model.detector)(image, compute)
    with torch.no_grad():
        next(model.detector.parameters())[0] += 1
    FeatureCache(tmp_path, model.detector)(image, compute)
    assert compute.images == 2


def test_other_settings_and_layers_are_another_cache(tmp_path, model):
    detector = model.detector
    folders = {
        FeatureCache(tmp_path, detector).folder,
        FeatureCache(tmp_path, detector, 'out_indices=(1, )').folder,
    }
    next(m for m in detector.modules() if isinstance(m, torch.nn.BatchNorm2d)).eps = 0.1
    folders.add(FeatureCache(tmp_path, detector).folder)
    assert len(folders) == 3


def flip_a_bit(content):
    middle = len(content) // 2  # within the values
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def something_else(content):
    file = io.BytesIO()
    torch.save({'a': 1}, file)
    return file.getvalue()


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: content[:100],
        lambda content: b'',
        lambda content: b'hello\n',
        lambda content: bytes(len(content)),
        flip_a_bit,
        something_else,
    ],
)
def test_damaged_file_is_computed_again(tmp_path, model, damage):
    image = torch.randn(1, 3, 64, 64)
    cache = FeatureCache(tmp_path, model.detector)
    expected = cache(image, model.detector.extract_feat)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    for _ in range(2):
        again = cache(image, model.detector.extract_feat)
        assert torch.equal(again[0], expected[0])
    assert path.stat().st_size == len(whole)


def test_a_folder_that_cannot_be_written_stops_no_training(tmp_path, model):
    (tmp_path / 'file').write_text('')
    cache = FeatureCache(tmp_path / 'file', model.detector)
    image = torch.randn(1, 3, 64, 64)
    assert cache(image, model.detector.extract_feat)[0].isfinite().all()
    assert not cache.writable


def test_a_full_disk_stops_no_training(tmp_path, model, monkeypatch):
    cache = FeatureCache(tmp_path, model.detector)
    image = torch.randn(1, 3, 64, 64)

    def fail(*args):
        raise RuntimeError('PytorchStreamWriter failed writing file')

    monkeypatch.setattr(torch, 'save', fail)
    for _ in range(2):
        assert cache(image, model.detector.extract_feat)[0].isfinite().all()
    assert not cache.writable and not any(path.is_file() for path in tmp_path.rglob('*'))


def test_values_beyond_half_precision_are_refused(tmp_path, model):
    cache = FeatureCache(tmp_path, model.detector)
    with pytest.raises(ValueError, match='half precision'):
        cache(torch.zeros(1, 3, 8, 8), lambda x: (torch.full((1, 1, 1, 1), 7e4),))
    assert not files(tmp_path)


def test_hook_keeps_the_losses_and_spares_the_backbone(tmp_path, model):
    torch.manual_seed(0)
    images, samples = torch.randn(2, 3, 96, 96), random_samples([4, 3])
    passes = []
    model.detector.backbone.register_forward_hook(lambda *args: passes.append(1))

    def losses():
        torch.manual_seed(1)  # dropout and sampling
        return model.loss(images, samples)

    expected = losses()
    hook = FeatureCacheHook(tmp_path)
    runner = SimpleNamespace(model=model, cfg={})
    hook.before_train(runner)
    cold, warm = losses(), losses()
    assert len(passes) == 2
    assert cold.keys() == expected.keys()
    for name in expected:
        assert torch.equal(cold[name], warm[name])
        torch.testing.assert_close(cold[name], expected[name], rtol=1e-3, atol=1e-3)
    hook.after_train(runner)
    for name, loss in losses().items():
        assert torch.equal(loss, expected[name])
