"""The paper's figures of predicates: their frequency and their recall.

Shape shorthand: R predicates, S runs. Predicates are drawn in the given order,
which should be their frequency in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from .run_legend import RUN_COLORS, add_run_legend, wrap
from .scene_graph.panels import text_size

_GAIN, _LOSS = '#0072b2', '#d55e00'
# For black-and-white print.
_HATCHES = ('', '////', '....', 'xxxx', '\\\\\\\\', '++++')
# Inches per predicate: the width of a vertical name.
_SLOT = 0.17
# Inches to the left of the axes.
_SCALE_WIDTH = 0.9
_BARS_HEIGHT = 2.7
_FONT_SIZE = 9
_DPI = 144


def plot_predicate_distribution(predicates: Sequence[str], counts: Sequence[int]) -> Figure:
    """Plot how often each predicate is annotated (Fig. 1a of the paper).

    Args:
        predicates: R names.
        counts: R numbers of relations.

    Returns:
        Figure: A bar per predicate, on a logarithmic scale.
    """
    figure, axes = _bar_chart(predicates, 'relations in training')
    axes.bar(range(len(predicates)), counts, width=0.8, color=RUN_COLORS[0])
    axes.set_yscale('log')
    axes.set_ylim(bottom=0.7)
    return figure


def plot_per_class_recall(
    predicates: Sequence[str], recalls: Mapping[str, np.ndarray], label: str = 'recall'
) -> Figure:
    """Plot the recall of each predicate in one or more runs (Fig. 1b).

    Args:
        predicates: R names.
        recalls: By the name of the run (R,) percent; NaN without annotated
            relations.
        label: Name of the metric, e.g. ``'PredCls recall@100'``.

    Returns:
        Figure: A bar per predicate and run.
    """
    figure, axes = _bar_chart(predicates, f'{label} (%)')
    width = 0.84 / len(recalls)
    for i, (name, values) in enumerate(recalls.items()):
        places = np.arange(len(predicates)) + (i + 0.5) * width - 0.42
        axes.bar(
            places,
            values,
            width,
            color=RUN_COLORS[i % len(RUN_COLORS)],
            label=name,
            hatch=_HATCHES[i % len(_HATCHES)],
            edgecolor='white',
            linewidth=0,
        )
    axes.set_ylim(0, 100)
    absent = np.isnan(np.array(list(recalls.values()))).all(axis=0)
    _finish(axes, absent)
    return figure


def plot_per_class_change(
    predicates: Sequence[str], first: np.ndarray, second: np.ndarray, label: str = 'recall'
) -> Figure:
    """Plot the change of each predicate's recall between two runs (Fig. 4).

    Args:
        predicates: R names.
        first: (R,) percent; NaN without annotated relations.
        second: (R,), the same for the other run.
        label: Name of the metric, e.g. ``'PredCls recall@100'``.

    Returns:
        Figure: A bar per predicate with the height ``second - first`` and this
        number above it.
    """
    change = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    figure, axes = _bar_chart(predicates, f'change of {label} (points)')
    colors = [_LOSS if value < 0 else _GAIN for value in change]
    axes.bar(range(len(predicates)), change, width=0.8, color=colors)
    axes.axhline(0, color='black', linewidth=0.8)
    known = change[~np.isnan(change)]
    low, high = min(known.min(initial=0), 0), max(known.max(initial=0), 0)
    # The numbers are vertical: they need up to a quarter of the height.
    room = 0.3 * max(high - low, 1e-9)
    axes.set_ylim(low - 0.05 * (high - low), high + room)
    for place, value in enumerate(change):
        if not np.isnan(value):
            axes.annotate(
                format_change(value),
                (place, max(value, 0)),
                xytext=(0, 3),
                textcoords='offset points',
                rotation=90,
                ha='center',
                va='bottom',
                fontsize=_FONT_SIZE - 1.5,
            )
    _finish(axes, np.isnan(change))
    return figure


def plot_confusion_matrix(predicates: Sequence[str], counts: np.ndarray) -> Figure:
    """Plot how often each predicate is confused with others (Fig. 5).

    Args:
        predicates: R names.
        counts: (R, R + 1), result of
            :func:`~mmsgp.evaluation.functional.predicate_confusion`, in the
            order of the names.

    Returns:
        Figure: Rows are annotated predicates with the number of their
        relations, columns predicted ones; the colour is the share of the row.
        The last column is "no prediction".
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.full(counts.shape, np.nan)
    np.divide(100 * counts, totals, out=shares, where=totals > 0)
    # A gap separates the column without a predicate.
    gap = np.full((len(predicates), 1), np.nan)
    shares = np.hstack([shares[:, 1:], gap, shares[:, :1]])
    side, names = _SLOT * (len(predicates) + 2), _names_length(predicates)
    # With room for the colour bar beside the matrix.
    figure = Figure(
        figsize=(side + names + 2.0, side + names + 0.4), dpi=_DPI, layout='constrained'
    )
    axes = figure.add_subplot()
    # Most errors have small shares: show their differences.
    norm = PowerNorm(0.5, 0, 100)
    axes.imshow(shares, cmap='viridis', norm=norm, interpolation='nearest')
    axes.set_facecolor('#e8e8e8')
    places = np.arange(len(predicates))
    axes.set_yticks(
        places,
        [f'{name} ({total})' for name, total in zip(predicates, totals[:, 0])],
        fontsize=_FONT_SIZE,
    )
    axes.set_xticks(
        [*places, len(predicates) + 1],
        [*predicates, 'no prediction'],
        fontsize=_FONT_SIZE,
        rotation=90,
    )
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel('predicted', fontsize=_FONT_SIZE + 1)
    axes.set_ylabel('annotated', fontsize=_FONT_SIZE + 1)
    bar = figure.colorbar(
        ScalarMappable(norm, 'viridis'),
        ax=axes,
        shrink=0.6,
        aspect=30,
        ticks=(0, 1, 5, 10, 25, 50, 75, 100),
    )
    bar.set_label('share of the annotated relations (%)', fontsize=_FONT_SIZE)
    bar.ax.tick_params(labelsize=_FONT_SIZE)
    return figure


def format_change(value: float) -> str:
    """Format with a sign and two decimals; zero as ``0``."""
    return f'{value:+.2f}'.replace('-', '\N{MINUS SIGN}') if value else '0'


def _bar_chart(predicates: Sequence[str], label: str) -> tuple[Figure, Axes]:
    """Make an empty chart with vertical names of the predicates below it."""
    width = max(5.0, _SLOT * len(predicates) + _SCALE_WIDTH)
    figure = Figure(
        figsize=(width, _BARS_HEIGHT + _names_length(predicates)), dpi=_DPI, layout='constrained'
    )
    axes = figure.add_subplot()
    axes.set_xticks(range(len(predicates)), predicates, rotation=90, fontsize=_FONT_SIZE)
    axes.set_xlim(-0.7, len(predicates) - 0.3)
    axes.set_title(
        wrap(label, 72 * (width - _SCALE_WIDTH), _FONT_SIZE + 1),
        loc='left',
        fontsize=_FONT_SIZE + 1,
    )
    axes.tick_params(axis='x', length=0)
    axes.tick_params(axis='y', labelsize=_FONT_SIZE)
    axes.grid(axis='y', color='#d9d9d9', linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    return figure, axes


def _names_length(predicates: Sequence[str]) -> float:
    """Compute the length of the longest name in inches."""
    return max(text_size(name, _FONT_SIZE)[0] for name in predicates) / 72


def _finish(axes: Axes, absent: np.ndarray) -> None:
    """Mark predicates (R,) without relations in the split; add a legend."""
    if absent.any():
        places = np.flatnonzero(absent)
        axes.plot(
            places,
            np.zeros(len(places)),
            'x',
            color='#767676',
            markersize=4,
            clip_on=False,
            label='not in this split',
        )
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1 or absent.any():
        add_run_legend(axes.figure, handles, labels, _FONT_SIZE)
