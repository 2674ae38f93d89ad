import pytest
from mmengine.config import Config

from mmsgp.testing.models import CONFIGS
from mmsgp.utils.config_text import parse_config_text


@pytest.mark.parametrize('name', [
    'motifnet_cce_scorer_vg', 'kern_cce_scorer_vrd', 'linknet_focal_minivg'])
def test_configs_are_read_as_mmengine_reads_them(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    assert parse_config_text(cfg.pretty_text, name)._cfg_dict == cfg._cfg_dict


def test_values_of_every_kind_are_read():
    cfg = parse_config_text(
        "a = dict(b=[1, -2.5, None], c=('x', True))\nd = {1: 'e', 'f': dict()}", '')
    assert cfg.a == dict(b=[1, -2.5, None], c=('x', True))
    assert cfg.d == {1: 'e', 'f': {}}


@pytest.mark.parametrize('text', [
    'import os', "a = open('x')", "a = dict(b=__import__('os'))", 'a = [b for b in c]',
    "a = dict(type='os.system', command='ls')", "a = [{'type': 'mmengine.dump'}]",
    "a = dict(type='mmdet.registry.os')", 'a = dict([(1, 2)])', 'a = (', 'a.b = 1',
    'a = b = 1', 'a = dict(**{})'])
def test_what_would_have_to_be_run_is_refused(text):
    with pytest.raises(ValueError, match='config in epoch.pth is more than'):
        parse_config_text(text, 'epoch.pth')
