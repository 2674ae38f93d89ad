"""The paper's figures from published numbers, and from runs."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from mmsgp.evaluation.image_ranks import TaskRanks
from mmsgp.evaluation.relation_ranks import RelationRanks
from mmsgp.testing.vg_data import make_vg_data
from mmsgp.visualization import save_figure

FIGURE_4 = Path(__file__).parents[2] / 'docs/paper/figure4_predcls_recall_at_100.csv'
HEADER = 'predicate_id,predicate,train_count,num_gt,recall@20,recall@100\n'


@pytest.fixture
def figures(monkeypatch):
    """The figures that a tool hands to ``save_figure``, which still writes."""
    kept = []

    def save(figure, *args):
        kept.append(figure)
        return save_figure(figure, *args)

    save.kept = kept
    return save


def read(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    'columns',
    [
        ('motifnet_ce', 'motifnet_cce_scorer'),
        ('linknet_ce', 'linknet_cce_scorer'),
        ('kern_ce', 'kern_cce_scorer'),
    ],
)
def test_figure_4_is_that_of_the_paper(run_tool, figures, tmp_path, columns):
    runs = [f'{FIGURE_4}:{column}' for column in columns]
    run_tool(
        'analysis_tools/plot_per_class_change',
        *runs,
        '--out',
        tmp_path / 'figure_4',
        save_figure=figures,
    )
    published = sorted(read(FIGURE_4), key=lambda row: -int(row['train_count']))
    expected = [Decimal(row[columns[1]]) - Decimal(row[columns[0]]) for row in published]
    (axes,) = figures.kept[0].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        row['predicate'] for row in published
    ]
    np.testing.assert_allclose(
        [bar.get_height() for bar in axes.patches], np.array(expected, np.float64), atol=1e-9
    )
    printed = [Decimal(text.get_text().replace('−', '-')) for text in axes.texts]
    assert len(printed) == len(expected) == 50
    for shown, exact in zip(printed, expected):
        assert abs(shown - exact) <= Decimal('0.005')
    for row, exact in zip(read(tmp_path / 'figure_4.csv'), expected):
        assert float(row['difference']) == pytest.approx(float(exact), abs=1e-9)
    assert (tmp_path / 'figure_4.pdf').read_bytes().startswith(b'%PDF')
    assert (tmp_path / 'figure_4.png').read_bytes().startswith(b'\x89PNG')


@pytest.fixture
def run(tmp_path):
    """The folder of a test run."""
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / 'per_class_recall_sgcls.csv').write_text(
        HEADER + '2,near,90,5,1,10\n1,on,7,2,40,80\n3,under,1,0,,\n'
    )
    RelationRanks(
        image_ids=np.array(['0']),
        images=np.zeros(4, np.int64),
        predicates=np.array([1, 1, 2, 2]),
        first_of_pair=np.ones(4, bool),
        unseen=None,
        tasks=dict(sgcls=TaskRanks(*np.zeros((2, 4), np.int32), predicted=np.array([1, 2, 2, 0]))),
        names=('on', 'near', 'under'),
        train_counts=[7, 90, 1],
    ).save(folder / 'ranks.npz')
    return folder


def test_recall_of_runs_is_drawn(run_tool, figures, run, tmp_path):
    run_tool(
        'analysis_tools/plot_per_class_recall',
        run,
        run,
        '--task',
        'sgcls',
        '--topk',
        20,
        '--names',
        'A',
        'B',
        '--out',
        tmp_path / 'recall',
        save_figure=figures,
    )
    (axes,) = figures.kept[0].axes
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_array_equal(heights, 2 * [1, 40, np.nan])
    assert read(tmp_path / 'recall.csv')[1:] == [
        dict(predicate='on', train_count='7', A='40.0', B='40.0'),
        dict(predicate='under', train_count='1', A='', B=''),
    ]


def test_only_the_most_frequent_predicates_are_drawn(run_tool, figures, run, tmp_path):
    run_tool(
        'analysis_tools/plot_per_class_change',
        run,
        f'{run}/',
        '--task',
        'sgcls',
        '--topk',
        20,
        '--names',
        'A',
        'B',
        '--num-predicates',
        2,
        '--out',
        tmp_path / 'change',
        save_figure=figures,
    )
    (axes,) = figures.kept[0].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ['near', 'on']
    assert [row['predicate'] for row in read(tmp_path / 'change.csv')] == ['near', 'on']


def test_confusion_is_sorted_by_frequency(run_tool, figures, run, tmp_path):
    run_tool(
        'analysis_tools/confusion_matrix',
        run,
        '--task',
        'sgcls',
        '--out',
        tmp_path / 'confusion',
        save_figure=figures,
    )
    assert read(tmp_path / 'confusion.csv') == [
        {'annotated': 'near', 'no prediction': '1', 'near': '1', 'on': '0', 'under': '0'},
        {'annotated': 'on', 'no prediction': '0', 'near': '1', 'on': '1', 'under': '0'},
        {'annotated': 'under', 'no prediction': '0', 'near': '0', 'on': '0', 'under': '0'},
    ]
    shares = figures.kept[0].axes[0].images[0].get_array().filled(np.nan)
    np.testing.assert_array_equal(
        shares, [[50, 0, 0, np.nan, 50], [50, 50, 0, np.nan, 0], 5 * [np.nan]]
    )


def test_predicates_of_a_config_are_counted(run_tool, figures, tmp_path):
    data = make_vg_data(tmp_path, with_images=False)
    config = tmp_path / 'config.py'
    config.write_text(
        "default_scope = 'mmsgp'\ntrain_dataloader = dict(dataset=dict("
        f"type='VGDataset', data_root={str(data.root)!r}, num_val_images=1))"
    )
    run_tool(
        'analysis_tools/plot_predicate_distribution',
        config,
        '--out',
        tmp_path / 'counts',
        save_figure=figures,
    )
    rows = read(tmp_path / 'counts.csv')
    counts = [int(row['train_count']) for row in rows]
    assert counts == sorted(counts, reverse=True) and counts[0] > 0
    assert sum(float(row['share']) for row in rows) == pytest.approx(1)
    assert [bar.get_height() for bar in figures.kept[0].axes[0].patches] == counts


def test_predicates_of_a_run_are_counted_whatever_its_task(run_tool, figures, tmp_path):
    (tmp_path / 'per_class_recall_sggen.csv').write_text(
        HEADER.replace('100', 'all') + '1,on,7,2,40,80\n2,near,9,2,40,80\n'
    )
    run_tool(
        'analysis_tools/plot_predicate_distribution',
        tmp_path,
        '--out',
        tmp_path / 'counts',
        save_figure=figures,
    )
    assert [(row['predicate'], row['train_count']) for row in read(tmp_path / 'counts.csv')] == [
        ('near', '9'),
        ('on', '7'),
    ]


def test_curves_of_trainings_are_drawn(run_tool, figures, tmp_path, capsys):
    logs = []
    for name, factor in (('first', 1), ('second', 2)):
        path = tmp_path / name / '1' / 'vis_data' / 'scalars.json'
        path.parent.mkdir(parents=True)
        path.write_text(
            ''.join(
                json.dumps(dict(iter=i, epoch=1, loss=factor / i, time=0.25, data_time=0.125))
                + '\n'
                for i in (1, 2)
            )
        )
        logs.append(tmp_path / name)
    run_tool(
        'analysis_tools/analyze_logs',
        'plot_curve',
        *logs,
        '--out',
        tmp_path / 'curves',
        save_figure=figures,
    )
    lines = figures.kept[0].axes[0].lines
    assert [line.get_ydata().tolist() for line in lines] == [[1, 0.5], [2, 1]]
    assert [row['value'] for row in read(tmp_path / 'curves.csv')] == ['1.0', '0.5', '2.0', '1.0']
    run_tool('analysis_tools/analyze_logs', 'cal_train_time', *logs)
    assert '0.2500' in capsys.readouterr().out
    with pytest.raises(SystemExit, match="nothing.*'loss'"):
        run_tool('analysis_tools/analyze_logs', 'plot_curve', *logs, '--keys', 'nothing')


@pytest.mark.parametrize(
    'tool, arguments, message',
    [
        ('report', ('{none}',), 'metrics.json not found'),
        ('plot_per_class_recall', ('{none}',), 'per_class_recall_predcls.csv not found'),
        (
            'plot_per_class_recall',
            ('{run}', '--task', 'sgcls', '--topk', '7'),
            'has no column .*recall@7',
        ),
        (
            'plot_per_class_change',
            ('{run}', '{other}', '--task', 'sgcls'),
            'run.* have different predicates',
        ),
        ('plot_predicate_distribution', ('{none}.py',), 'none.py'),
        ('confusion_matrix', ('{run}',), "'sgcls'.*'predcls'"),
        ('confusion_matrix', ('{none}',), 'ranks.npz'),
        ('analyze_logs', ('plot_curve', '{run}'), 'run has no .*scalars.json'),
    ],
)
def test_a_mistake_is_reported_in_a_line(run_tool, run, tmp_path, tool, arguments, message):
    other = tmp_path / 'other'
    other.mkdir()
    (other / 'per_class_recall_sgcls.csv').write_text(HEADER + '1,off,7,2,40,80\n')
    paths = dict(run=run, other=other, none=tmp_path / 'none')
    with pytest.raises(SystemExit, match=message):
        run_tool(f'analysis_tools/{tool}', *(argument.format(**paths) for argument in arguments))


@pytest.mark.parametrize(
    'tool, option, value',
    [
        ('plot_per_class_recall', '--num-predicates', 0),
        ('plot_predicate_distribution', '--num-predicates', -1),
        ('report', '--topk', 0),
        ('report', '--num-pictures', -1),
    ],
)
def test_numbers_out_of_range_are_refused(run_tool, capsys, tool, option, value):
    with pytest.raises(SystemExit):
        run_tool(f'analysis_tools/{tool}', 'run', option, value)
    assert f'argument {option}: ' in capsys.readouterr().err
