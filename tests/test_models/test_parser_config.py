"""Configs of parsers are recognised."""

import pytest

from mmsgp.models.parsers import SceneGraphParser, is_parser_config
from mmsgp.registry import MODELS


class OwnParser(SceneGraphParser):
    """A parser that a user has derived."""


@pytest.mark.parametrize(
    ('type_', 'expected'),
    [
        ('SceneGraphParser', True),
        ('mmsgp.SceneGraphParser', True),
        (SceneGraphParser, True),
        (OwnParser, True),
        ('FasterRCNN', False),
        ('mmdet.FasterRCNN', False),
        ('NoSuchModel', False),
        ('', False),
        (None, False),
    ],
)
def test_a_parser_is_known_by_its_class(type_, expected):
    assert is_parser_config(dict(type=type_)) is expected


def test_a_derived_parser_is_known_by_its_registered_name():
    MODELS.register_module(name='OwnParser', module=OwnParser)
    try:
        assert is_parser_config(dict(type='OwnParser'))
    finally:
        MODELS.module_dict.pop('OwnParser')


@pytest.mark.parametrize('model_cfg', [None, {}])
def test_a_config_without_a_model_is_no_parser(model_cfg):
    assert not is_parser_config(model_cfg)
