"""Settings of a model that nothing reads."""

from pathlib import Path

import pytest
from mmengine.registry import init_default_scope

import mmsgp.models  # noqa: F401
from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.known_arguments import check_arguments

CONFIGS = Path(__file__).parents[2] / 'configs'


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmsgp')


@pytest.mark.parametrize(
    'name', ['kern_ce', 'vctree_ce', 'penet_cce_scorer', 'squat_ce', 'react_cce_scorer', 'imp_ce',
             'motifnet_ce_tde', 'transformer_ce', 'linknet_focal', 'gpsnet_ce'],
)  # fmt: skip
def test_the_settings_of_our_configs_are_known(name):
    check_arguments(read_config_file(CONFIGS / f'{name}_minivg.py').model, 'a.py')


@pytest.mark.parametrize(
    'config, change, message',
    [
        ('kern_ce', dict(relation_head=dict(word_vectors='glove.txt')),
         r'^a.py: model.relation_head.word_vectors is no setting of KERNHead, .*hidden_size'),
        ('motifnet_cce_scorer', dict(relation_head=dict(scorer=dict(hidden=3))),
         r'model.relation_head.scorer.hidden is no setting of Scorer'),
        ('motifnet_cce_scorer', dict(task='sgcls'),
         r'model.task is no setting of SceneGraphParser, .*train_task'),
    ],
)  # fmt: skip
def test_a_setting_that_a_part_does_not_have_is_named(config, change, message):
    cfg = read_config_file(CONFIGS / f'{config}_minivg.py')
    cfg.merge_from_dict(dict(model=change))
    with pytest.raises(ValueError, match=message):
        check_arguments(cfg.model, 'a.py')
