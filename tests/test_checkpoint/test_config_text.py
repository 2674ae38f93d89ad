import pytest
from mmengine.config import Config

from mmsgp.checkpoint.config_text import parse_config_text
from mmsgp.testing.models import CONFIGS


@pytest.mark.parametrize(
    'name', ['motifnet_cce_scorer_vg', 'kern_cce_scorer_vrd', 'linknet_focal_minivg']
)
def test_configs_are_read_as_mmengine_reads_them(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    assert parse_config_text(cfg.pretty_text, name) == cfg.to_dict()


def test_values_of_every_kind_are_read():
    cfg = parse_config_text(
        "a = dict(b=[1, -2.5, None], c=('x', True))\nd = {1: 'e', 'f': dict()}", ''
    )
    assert cfg == dict(a=dict(b=[1, -2.5, None], c=('x', True)), d={1: 'e', 'f': {}})


@pytest.mark.parametrize(
    'text',
    [
        'import os',
        "a = open('x')",
        "a = dict(b=__import__('os'))",
        'a = [b for b in c]',
        'a = dict([(1, 2)])',
        'a = (',
        'a.b = 1',
        'a = b = 1',
        'a = dict(**{})',
        'a = {[]: 1}',
        'a = \0',
        'a = 0x' + 'f' * 9000,
        'a = ' + '[' * 5000,
        'a = ' + '-' * 100_000 + '1',
    ],
)
def test_code_in_a_config_is_refused(text):
    with pytest.raises(ValueError, match='epoch.pth .*--config') as error:
        parse_config_text(text, 'epoch.pth')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('text', [5, None, b'a = 1', 'a' * 500_001])
def test_a_config_that_is_not_a_text_is_refused(text):
    with pytest.raises(ValueError, match="epoch.pth.*'cfg'"):
        parse_config_text(text, 'epoch.pth')
