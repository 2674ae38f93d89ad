"""The base model that the documentation shows works as it stands there."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper

from mmsgp.models import ObjectEncoding, RegionFeatures, RelationHead
from mmsgp.registry import MODELS
from mmsgp.testing.models import random_samples, small_model_cfg

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model(tmp_path, monkeypatch):
    text = (ROOT / 'docs' / 'advanced_guides' / 'customize_head.md').read_text()
    for code in re.findall(r'```python\n(.*?)```', text, re.DOTALL):
        name = re.match(r'# (\w+\.py)\n', code).group(1)
        (tmp_path / name).write_text(code.replace("'configs/", f"'{ROOT}/configs/"))
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = Config.fromfile(tmp_path / 'pairwise_cce_scorer_minivg.py')
    cfg.model.detector.init_cfg = None
    cfg.model.test_tasks = ('predcls', 'sgcls', 'sggen')
    yield MODELS.build(cfg.model)
    MODELS.module_dict.pop('PairwiseHead')


class BareHead(RelationHead):
    """Sees classes alone, and does without extractors and heads of regions."""

    def encode_objects(self, regions, objects):
        return ObjectEncoding(objects.logits)

    def relation_features(self, context, regions, objects):
        return context.logits[regions.pairs].flatten(1)

    def extract_regions(self, feature_maps, objects, pairs=None):
        if pairs is None:
            pairs = self.candidate_pairs(objects)
        return RegionFeatures(pairs, feature_maps[-1].mean(dim=(2, 3)))


def bare_model(**settings):
    MODELS.register_module(module=BareHead)
    try:
        model = MODELS.build(
            small_model_cfg(visual=False, type='BareHead', relation_channels=12, **settings)
        )
    finally:
        MODELS.module_dict.pop('BareHead')
    model.init_weights()
    return model


@pytest.mark.parametrize('settings', [{}, dict(scorer=dict(type='Scorer'), image_channels=64)])
def test_a_head_does_without_features_of_regions(settings):
    """The detector has an fc_head, from which nothing starts here."""
    model, images = bare_model(**settings), torch.randn(2, 3, 96, 96)
    assert model.detector_adapter.fc_head is not None
    losses = model.train().loss(images, random_samples([4, 3]))
    assert torch.isfinite(losses['loss_relation'])
    for sample in model.eval().predict(images, random_samples([4, 3])):
        assert sample.pred_scene_graphs['sgcls'].num_relations in (12, 6)


def test_a_scorer_needs_the_size_of_an_image():
    with pytest.raises(ValueError, match='scorer needs image_channels'):
        bare_model(scorer=dict(type='Scorer'))


def test_it_trains_and_tests(model):
    torch.manual_seed(0)
    assert type(model.relation_head).__name__ == 'PairwiseHead'
    optimizer = OptimWrapper(torch.optim.SGD(model.relation_head.parameters(), lr=1e-2))
    images = [torch.zeros(3, 160, 160, dtype=torch.uint8)] * 2
    losses = model.train().train_step(
        dict(inputs=images, data_samples=random_samples([4, 3], 24, 18)), optimizer
    )
    assert {'loss_object', 'loss_relation', 'loss_significance'} <= set(losses)
    assert torch.isfinite(losses['loss'])
    samples = random_samples([4, 3], 24, 18)
    for sample in samples:
        sample.set_metainfo(dict(img_shape=(160, 160)))
    for sample, pairs in zip(
        model.eval().test_step(dict(inputs=images, data_samples=samples)), (12, 6)
    ):
        assert sample.pred_scene_graphs['sgcls'].num_relations == pairs
