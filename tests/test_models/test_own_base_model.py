"""The base model that the documentation shows works as it stands there."""
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper

from mmsgp.registry import MODELS
from mmsgp.testing.models import random_samples

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model(tmp_path, monkeypatch):
    text = (ROOT / 'docs' / 'models.md').read_text()
    for code in re.findall(r'```python\n(.*?)```', text, re.DOTALL):
        name = re.match(r'# (\w+\.py)\n', code).group(1)
        (tmp_path / name).write_text(
            code.replace("'configs/", f"'{ROOT}/configs/"))
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = Config.fromfile(tmp_path / 'pairwise_cce_scorer_minivg.py')
    cfg.model.detector.init_cfg = None
    cfg.model.test_tasks = ('predcls', 'sgcls', 'sggen')
    yield MODELS.build(cfg.model)
    MODELS.module_dict.pop('PairwiseHead')


def test_it_trains_and_tests(model):
    torch.manual_seed(0)
    assert type(model.relation_head).__name__ == 'PairwiseHead'
    optimizer = OptimWrapper(
        torch.optim.SGD(model.relation_head.parameters(), lr=1e-2))
    images = [torch.zeros(3, 160, 160, dtype=torch.uint8)] * 2
    losses = model.train().train_step(
        dict(inputs=images, data_samples=random_samples([4, 3], 24, 18)),
        optimizer)
    assert {'loss_object', 'loss_relation', 'loss_significance'} <= set(losses)
    assert torch.isfinite(losses['loss'])
    samples = random_samples([4, 3], 24, 18)
    for sample in samples:
        sample.set_metainfo(dict(img_shape=(160, 160)))
    for sample, pairs in zip(
            model.eval().test_step(dict(inputs=images, data_samples=samples)),
            (12, 6)):
        assert sample.pred_scene_graphs['sgcls'].num_relations == pairs
