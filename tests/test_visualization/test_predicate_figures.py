"""Figures of predicates show their data, and their texts do not overlap."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from mmsgp.datasets.minivg.tables import PREDICATES
from mmsgp.visualization import (
    plot_confusion_matrix,
    plot_per_class_change,
    plot_per_class_recall,
    plot_predicate_distribution,
    plot_training_curves,
)

# Folders of runs, and a name that is too long for any line.
RUNS = (
    'motifnet_ce_minivg',
    'motifnet_cce_scorer_minivg',
    'motifnet_cce_scorer_faster_rcnn_r50_fpn_minivg',
    'x' * 120,
)
LABEL = f'PredCls recall@100, from {RUNS[1]} to {RUNS[2]}'
NAMES = [f'hanging far away from {i}' for i in range(70)]
VALUES = np.random.default_rng(0).uniform(0, 100, (3, len(NAMES)))


@pytest.fixture
def drawn(monkeypatch):
    """A function that draws a figure and returns its texts and their boxes."""
    draw = Text.draw

    def draw_texts(figure):
        boxes = {}

        def record(text, renderer, *args, **kwargs):
            if text.get_text() and text.get_visible():
                boxes[text] = text.get_window_extent(renderer)
            draw(text, renderer, *args, **kwargs)

        monkeypatch.setattr(Text, 'draw', record)
        FigureCanvasAgg(figure).draw()
        return boxes

    return draw_texts


@pytest.mark.parametrize(
    'figure',
    [
        plot_predicate_distribution(NAMES, range(1000, 930, -1)),
        plot_per_class_recall(NAMES, dict(zip('abc', VALUES)), 'PredCls recall@100'),
        plot_per_class_change(NAMES, VALUES[0], VALUES[1], 'PredCls recall@100'),
        plot_per_class_change(NAMES, VALUES[0], np.where(VALUES[1] > 50, np.nan, 0)),
        plot_per_class_change(NAMES[:3], VALUES[0, :3], VALUES[0, :3]),
        plot_confusion_matrix(NAMES, np.arange(70 * 71).reshape(70, 71)),
        plot_training_curves(
            ['loss', 'sgcls/R@100', 'acc_object', 'acc_relation'],
            {
                name: {
                    'loss': (np.arange(1, 9) * 1000, VALUES[0, :8]),
                    'acc_object': (np.arange(20), VALUES[1, :20]),
                }
                for name in 'ab'
            },
        ),
        plot_per_class_recall(
            PREDICATES, dict(zip(RUNS, np.resize(VALUES, (4, len(PREDICATES))))), LABEL
        ),
        plot_per_class_change(
            PREDICATES, VALUES[0, : len(PREDICATES)], VALUES[1, : len(PREDICATES)], LABEL
        ),
        plot_training_curves(
            ['loss'], {name: {'loss': (np.arange(20), VALUES[0, :20])} for name in RUNS}
        ),
    ],
    ids=[
        'distribution',
        'recall',
        'change',
        'absent',
        'few',
        'confusion',
        'curves',
        'recall of long names',
        'change of long names',
        'curves of long names',
    ],
)
def test_texts_neither_overlap_nor_leave_the_figure(figure, drawn):
    boxes = drawn(figure)
    assert len(boxes) > 5
    for text, box in boxes.items():
        assert np.all(box.min >= -1) and np.all(box.max <= figure.bbox.max + 1), (
            f'{text.get_text()} is cut off'
        )
    assert not [
        (one.get_text(), other.get_text())
        for (one, box), (other, other_box) in combinations(boxes.items(), 2)
        if box.overlaps(other_box)
    ]


def test_twelve_runs_differ_in_style():
    runs = {str(i): VALUES[0, :3] for i in range(12)}
    (axes,) = plot_per_class_recall(NAMES[:3], runs).axes
    assert len({bars[0].get_facecolor() for bars in axes.containers}) == 12


def test_numbers_stand_above_their_bars():
    first, second = np.array([50, 20, 0, np.nan]), np.array([40.25, 25, 0, np.nan])
    figure = plot_per_class_change(NAMES[:4], first, second)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ['−9.75', '+5.00', '0']
    for text, top in zip(axes.texts, (0, 5, 0)):
        assert text.xy[1] == top
    crosses = axes.lines[-1]
    assert crosses.get_xdata().tolist() == [3]


def test_rows_without_relations_are_blank_in_the_confusion_matrix():
    counts = np.array([[1, 3, 0], [0, 0, 0]])
    image = plot_confusion_matrix(['on', 'of'], counts).axes[0].images[0]
    shares = np.ma.filled(image.get_array(), np.nan)
    np.testing.assert_array_equal(shares, [[75, 0, np.nan, 25], 4 * [np.nan]])
