"""Settings of a command line: what MMEngine reads, and texts as they are."""

import argparse

import pytest
from mmengine.config import DictAction

from mmsgp.cli.arguments import SettingsAction


def parse(*texts, action=SettingsAction):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=action)
    return parser.parse_args(['--cfg-options', *texts]).cfg_options


@pytest.mark.parametrize(
    'text',
    ['1', '-2', '1e-3', 'True', 'false', 'None', 'a/b.py', '1,2', '[1,2]', '(1, 2)', '(96)',
     '[a, b]', '[(1, 2), [a, b], c]', 'a,b', '', '[1e-3, True]', 'a=b', '[]'],
)  # fmt: skip
def test_values_are_read_as_mmengine_does(text):
    text = f'key={text}'
    assert parse(text) == parse(text, action=DictAction)


@pytest.mark.parametrize(
    'text, value',
    [
        ('data/é v/', 'data/é v/'),
        ('data/x[1]/', 'data/x[1]/'),
        ('data/x[1/', 'data/x[1/'),
        ("'data/v,x[1]/'", 'data/v,x[1]/'),
        ('"data/(a, b)/"', 'data/(a, b)/'),
        ("'7'", '7'),
        ("['a b', 'c,d']", ['a b', 'c,d']),
        ("[(1, 2), 'a b']", [(1, 2), 'a b']),
        ("{'img': 'a b'}", {'img': 'a b'}),
        ('数据/', '数据/'),
        ('[a', '[a'),
    ],
)
def test_texts_stay_as_they_are(text, value):
    assert parse(f'key={text}') == {'key': value}


@pytest.mark.parametrize('value', ['é v/', 'v,x[1]/', "it's", (1, 2), {'a': [None, 1.5]}])
def test_what_python_writes_is_read_back(value):
    assert parse(f'a.b={value!r}') == {'a.b': value}


def test_a_text_without_a_value_is_named(capsys):
    with pytest.raises(SystemExit):
        parse('train_cfg.max_epochs')
    assert '--cfg-options train_cfg.max_epochs: expected key=value' in capsys.readouterr().err
