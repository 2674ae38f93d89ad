"""A trained parser from its config and its checkpoint."""

import pytest
import torch
from mmengine.config import Config

from mmsgp.apis import load_parser
from mmsgp.models import SceneGraphParser
from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS

CONFIG = CONFIGS / 'motifnet_cce_scorer_minivg.py'


@MODELS.register_module()
class DerivedParser(SceneGraphParser):
    """A parser that a user has derived."""


def assert_loaded(model, checkpoint):
    saved = torch.load(checkpoint, weights_only=False)['state_dict']
    assert all(torch.equal(value, saved[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert len(model.dataset_meta['predicates']) == 18


@pytest.mark.parametrize('config', [None, CONFIG, str(CONFIG)])
def test_the_config_may_be_a_file_or_that_in_the_checkpoint(checkpoint, config):
    model = load_parser(config, checkpoint)
    assert type(model) is SceneGraphParser
    assert_loaded(model, checkpoint)


@pytest.mark.parametrize('type_', ['DerivedParser', 'mmsgp.DerivedParser', DerivedParser])
def test_a_derived_parser_is_loaded(checkpoint, type_):
    cfg = Config.fromfile(CONFIG)
    cfg.model.type = type_
    model = load_parser(cfg, checkpoint)
    assert type(model) is DerivedParser
    assert_loaded(model, checkpoint)


def test_a_detector_is_no_parser(checkpoint):
    with pytest.raises(ValueError, match='FasterRCNN; scene graphs need'):
        load_parser(CONFIGS / 'faster_rcnn_vgg16_minivg.py', checkpoint)
