"""FLOPs of models against closed forms."""

import sys
from pathlib import Path

import pytest
import torch

from helpers.tools import load_tool

ROOT = Path(__file__).parents[2]
LINKNET = ROOT / 'configs' / 'linknet_cce_scorer_minivg.py'


@pytest.fixture(scope='module')
def tool():
    return vars(load_tool('analysis_tools/get_complexity'))


def flops(tool, name, num_boxes):
    cfg = tool['read_config'](str(ROOT / 'configs' / f'{name}_minivg.py'))
    model, side = tool['build'](cfg)
    return model, tool['count_flops'](model, side, num_boxes)


@pytest.mark.parametrize('num_boxes', [2, 9])
def test_the_scorer_costs_what_its_formula_does(tool, num_boxes):
    model, counted = flops(tool, 'motifnet_cce_scorer', num_boxes)
    pairs = num_boxes * (num_boxes - 1)
    assert counted['scorer'] == 2 * pairs * (
        256 * 512
        + 19 * 512  # features and distribution, 18 predicates
        + 3 * (512 + 64) * 256  # query, key and value
        + 2 * pairs * 256  # attention
        + 256
    )
    plain = flops(tool, 'motifnet_cce', num_boxes)[1]
    assert plain['scorer'] == 0
    assert plain['head'] == counted['head']
    assert plain['detector'] == counted['detector'] > 0


def run(tool, monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['get_complexity', *map(str, arguments)])
    tool['main']()


def test_kern_is_counted_with_all_edges(tool):
    model, counted = flops(tool, 'kern_ce', 3)
    head, pairs, hidden, nodes = model.relation_head, 6, 64, 19
    graph = head.pair_graph
    with torch.no_grad(), tool['counting_flops']() as counter:
        graph(*torch.zeros(3, pairs, hidden), torch.ones(pairs, nodes))
    # the first step shares a gate, but each node has a candidate in each
    assert counter.get_total_flops() > 2 * pairs * nodes * hidden**2 * 3
    assert counted['head'] > counter.get_total_flops()


def test_table(tool, monkeypatch, capsys):
    run(tool, monkeypatch, '--boxes', 2, LINKNET)
    out = capsys.readouterr().out
    assert 'linknet_cce_scorer_minivg' in out and '292 M' not in out


@pytest.mark.parametrize(
    'content, message',
    [
        (None, 'other.py'),
        ('', 'other.py .*no model'),
        ('model = (', 'other.py.*: SyntaxError'),
        ('model = dict()', 'other.py has no relation head'),
    ],
)
def test_what_is_no_config_is_reported_before_counting(
    tool, monkeypatch, tmp_path, content, message
):
    if content is not None:
        (tmp_path / 'other.py').write_text(content)

    def counting_flops():
        pytest.fail('counted before all configs were read')

    monkeypatch.setitem(tool['main'].__globals__, 'counting_flops', counting_flops)
    with pytest.raises(SystemExit, match=message):
        run(tool, monkeypatch, LINKNET, tmp_path / 'other.py')


def test_finished_rows_are_printed_whatever_fails_later(tool, monkeypatch, tmp_path, capsys):
    config = tmp_path / 'other.py'
    config.write_text(
        "model = dict(type='SceneGraphParser', detector=dict(type='Unknown'), relation_head=dict())"
    )
    with pytest.raises(SystemExit, match='other.py: .*Unknown is not in the'):
        run(tool, monkeypatch, '--boxes', 2, LINKNET, config)
    assert 'linknet_cce_scorer_minivg' in capsys.readouterr().out


@pytest.mark.parametrize('boxes', ['-2', 'two'])
def test_boxes_are_counted_from_0(tool, monkeypatch, capsys, boxes):
    with pytest.raises(SystemExit):
        run(tool, monkeypatch, f'--boxes={boxes}', LINKNET)
    assert f'{boxes!r}' in capsys.readouterr().err
    run(tool, monkeypatch, '--boxes', 0, LINKNET)
    assert '0 boxes' in capsys.readouterr().out
