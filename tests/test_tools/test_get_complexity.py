"""FLOPs of models against closed forms."""
import runpy
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools' / 'analysis_tools' / 'get_complexity.py'


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(TOOL))


def flops(tool, name, num_boxes):
    model, side = tool['build'](str(ROOT / 'configs' / f'{name}_minivg.py'))
    return model, tool['count_flops'](model, side, num_boxes)


@pytest.mark.parametrize('num_boxes', [2, 9])
def test_the_scorer_costs_what_its_formula_does(tool, num_boxes):
    model, counted = flops(tool, 'motifnet_cce_scorer', num_boxes)
    pairs = num_boxes * (num_boxes - 1)
    assert counted['scorer'] == 2 * pairs * (
        256 * 512 + 19 * 512  # features and distribution, 18 predicates
        + 3 * (512 + 64) * 256  # query, key and value
        + 2 * pairs * 256  # attention
        + 256)
    plain = flops(tool, 'motifnet_cce', num_boxes)[1]
    assert plain['scorer'] == 0
    assert plain['head'] == counted['head']
    assert plain['detector'] == counted['detector'] > 0


def test_kern_is_counted_with_all_edges(tool):
    model, counted = flops(tool, 'kern_ce', 3)
    head, pairs, hidden, nodes = model.relation_head, 6, 64, 19
    graph = head.pair_graph
    with torch.no_grad(), tool['counting_flops']() as counter:
        graph(*torch.zeros(3, pairs, hidden), torch.ones(pairs, nodes))
    # the first step shares a gate, but each node has a candidate in each
    assert counter.get_total_flops() > 2 * pairs * nodes * hidden**2 * 3
    assert counted['head'] > counter.get_total_flops()


def test_table_and_what_has_no_relation_head(tool, monkeypatch, capsys):
    run = ['get_complexity', '--boxes', '2']
    config = str(ROOT / 'configs' / 'linknet_cce_scorer_minivg.py')
    monkeypatch.setattr(sys, 'argv', [*run, config])
    tool['main']()
    out = capsys.readouterr().out
    assert 'linknet_cce_scorer_minivg' in out and '292 M' not in out
    detector = str(ROOT / 'configs' / 'faster_rcnn_vgg16_minivg.py')
    monkeypatch.setattr(sys, 'argv', [*run, detector])
    with pytest.raises(SystemExit, match='no relation head'):
        tool['main']()
