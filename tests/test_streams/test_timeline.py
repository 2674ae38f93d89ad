"""Intervals of relations, and their picture."""

import matplotlib.image

from mmsgp.streams import Interval, Timeline, plot_timeline, save_timeline

RIDING, ON = ('person 1', 'riding', 'bike 2'), ('bike 2', 'on', 'street 3')


def test_intervals_are_those_of_a_hand_count():
    timeline = Timeline()
    for time, shown in [(0.0, [RIDING]), (0.1, [RIDING, ON]), (0.2, [ON]), (0.3, [RIDING, ON])]:
        timeline.update(time, shown)
    assert timeline.intervals(end=0.4) == [
        Interval(RIDING, 0.0, 0.2),
        Interval(ON, 0.1, 0.4),
        Interval(RIDING, 0.3, 0.4),
    ]


def bars(figure):
    (axes,) = figure.axes
    rows = [label.get_text() for label in axes.get_yticklabels()]
    paths = [path for collection in axes.collections for path in collection.get_paths()]
    times = [path.vertices[:, 0] for path in paths]
    return rows, [(round(time.min(), 6), round(time.max(), 6)) for time in times]


def test_a_relation_is_a_row_and_an_interval_a_bar():
    intervals = [Interval(RIDING, 0.0, 0.2), Interval(ON, 0.1, 0.4), Interval(RIDING, 0.3, 0.4)]
    rows, spans = bars(plot_timeline(intervals, 0.5))
    assert rows == ['person 1 riding bike 2', 'bike 2 on street 3']
    assert spans == [(0.0, 0.2), (0.3, 0.4), (0.1, 0.4)]


def test_only_the_longest_relations_are_drawn_and_the_title_says_so():
    intervals = [Interval((f'a {n}', 'on', 'b'), 0.0, 1.0 + n) for n in range(50)]
    figure = plot_timeline(intervals, 60)
    rows, _ = bars(figure)
    assert rows == [f'a {n} on b' for n in range(10, 50)]
    assert '40 of 50' in figure.axes[0].get_title(loc='left')


def test_without_relations_the_picture_says_so(tmp_path):
    save_timeline([], 0.0, tmp_path / 'empty.png')
    assert matplotlib.image.imread(tmp_path / 'empty.png').shape[2] == 4
    assert plot_timeline([], 0.0).axes[0].get_title(loc='left') == 'no relation was shown'
