"""When which relation was shown, and a picture of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from mmsgp.utils.files import replacing
from mmsgp.visualization.colors import class_colors
from mmsgp.visualization.fonts import families_of

_MAX_ROWS = 40


class Interval(NamedTuple):
    """A time in which a relation was shown without a break.

    Args:
        relation: Subject, predicate and object in words.
        start: Seconds of the first frame.
        end: Seconds of the first frame without it, or of the end.
    """

    relation: tuple[str, str, str]
    start: float
    end: float


class Timeline:
    """Collects the intervals in which relations are shown; keeps no frames.

    Example:
        >>> timeline = Timeline()
        >>> timeline.update(0.0, [('person 1', 'riding', 'bike 2')])
        >>> timeline.update(0.5, [])
        >>> timeline.intervals(end=1.0)
        [Interval(relation=('person 1', 'riding', 'bike 2'), start=0.0, end=0.5)]
    """

    def __init__(self) -> None:
        self._done: list[Interval] = []
        self._since: dict[tuple[str, str, str], float] = {}

    def update(self, time: float, relations: Sequence[tuple[str, str, str]]) -> None:
        """Take in the relations that are shown from a time on."""
        for relation in self._since.keys() - set(relations):
            self._done.append(Interval(relation, self._since.pop(relation), time))
        for relation in relations:
            self._since.setdefault(relation, time)

    def intervals(self, end: float) -> list[Interval]:
        """List all intervals by their start; those that last end at ``end``."""
        lasting = [Interval(relation, start, end) for relation, start in self._since.items()]
        return sorted(self._done + lasting, key=lambda item: (item.start, item.relation))


def plot_timeline(intervals: Sequence[Interval], seconds: float) -> Figure:
    """Draw a row per relation, with a bar per interval.

    Args:
        intervals: Of :meth:`Timeline.intervals`. The 40 relations that were shown
            longest are drawn.
        seconds: End of the time axis.
    """
    rows: dict[tuple[str, str, str], list[Interval]] = {}
    for item in intervals:
        rows.setdefault(item.relation, []).append(item)
    longest = sorted(rows, key=lambda row: sum(item.start - item.end for item in rows[row]))
    drawn = [row for row in rows if row in set(longest[:_MAX_ROWS])]
    predicates = sorted({row[1] for row in rows})
    colors = dict(zip(predicates, class_colors(len(predicates))))
    names = [' '.join(row) for row in drawn]
    with rc_context({'font.family': list(families_of(names))}):
        figure = Figure(
            figsize=(10, 1.2 + 0.24 * max(len(drawn), 2)), dpi=110, layout='constrained'
        )
        axes = figure.add_subplot()
        for place, row in enumerate(drawn):
            bars = [(item.start, item.end - item.start) for item in rows[row]]
            axes.broken_barh(bars, (place - 0.35, 0.7), color=colors[row[1]])
        axes.set_yticks(np.arange(len(drawn)), names, fontsize=8)
        axes.set_ylim(max(len(drawn), 1) - 0.5, -0.5)
        axes.set_xlim(0, max(seconds, 1e-3))
        axes.set_xlabel('seconds')
        axes.grid(axis='x', alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[['top', 'right']].set_visible(False)
        which = f'the {len(drawn)} of {len(rows)} relations that were shown longest'
        title = which if len(drawn) < len(rows) else f'{len(rows)} relations over time'
        axes.set_title(title if rows else 'no relation was shown', loc='left', fontsize=10)
    return figure


def save_timeline(intervals: Sequence[Interval], seconds: float, path: Path) -> None:
    """Write the picture of :func:`plot_timeline` as PNG."""
    with replacing(path) as draft:
        plot_timeline(intervals, seconds).savefig(draft, format='png')
