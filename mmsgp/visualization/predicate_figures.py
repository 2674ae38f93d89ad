"""The paper's figures of predicates: how many there are, and which are found.

Shape shorthand: R predicates, S runs. Predicates are drawn in the order given,
which should be that of their frequency in training.
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
# For print.
_HATCHES = ('', '////', '....', 'xxxx', '\\\\\\\\', '++++')
# In inches: a predicate's share of the width is that of its upright name.
_SLOT = 0.17
# What stands at the left of the axes.
_SCALE_WIDTH = 0.9
_BARS_HEIGHT = 2.7
_FONT_SIZE = 9
_DPI = 144


def plot_predicate_distribution(predicates: Sequence[str],
                                counts: Sequence[int]) -> Figure:
    """How often each predicate is annotated (Fig. 1a of the paper).

    Args:
        predicates: R names.
        counts: R numbers of relations.

    Returns:
        Figure: A bar a predicate, on a logarithmic scale.
    """
    figure, axes = _bar_chart(predicates, 'relations in training')
    axes.bar(range(len(predicates)), counts, width=0.8, color=RUN_COLORS[0])
    axes.set_yscale('log')
    axes.set_ylim(bottom=0.7)
    return figure


def plot_per_class_recall(predicates: Sequence[str],
                          recalls: Mapping[str, np.ndarray],
                          label: str = 'recall') -> Figure:
    """Recall of each predicate in one or more runs (Fig. 1b of the paper).

    Args:
        predicates: R names.
        recalls: (R,) percent by the name of the run;
            NaN where there is nothing to find.
        label: What is measured, e.g. ``'PredCls recall@100'``.

    Returns:
        Figure: A bar for each predicate and run.
    """
    figure, axes = _bar_chart(predicates, f'{label} (%)')
    width = 0.84 / len(recalls)
    for i, (name, values) in enumerate(recalls.items()):
        places = np.arange(len(predicates)) + (i + 0.5) * width - 0.42
        axes.bar(places, values, width, color=RUN_COLORS[i % len(RUN_COLORS)],
                 label=name, hatch=_HATCHES[i % len(_HATCHES)],
                 edgecolor='white', linewidth=0)
    axes.set_ylim(0, 100)
    absent = np.isnan(np.array(list(recalls.values()))).all(axis=0)
    _finish(axes, absent)
    return figure


def plot_per_class_change(predicates: Sequence[str],
                          first: np.ndarray,
                          second: np.ndarray,
                          label: str = 'recall') -> Figure:
    """What another run changes for each predicate (Fig. 4 of the paper).

    Args:
        predicates: R names.
        first: (R,) percent; NaN where there is nothing to find.
        second: (R,), of the other run.
        label: What is measured, e.g. ``'PredCls recall@100'``.

    Returns:
        Figure: A bar a predicate, as high as ``second - first``, with this
        number above it.
    """
    change = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    figure, axes = _bar_chart(predicates, f'change of {label} (points)')
    colors = [_LOSS if value < 0 else _GAIN for value in change]
    axes.bar(range(len(predicates)), change, width=0.8, color=colors)
    axes.axhline(0, color='black', linewidth=0.8)
    known = change[~np.isnan(change)]
    low, high = min(known.min(initial=0), 0), max(known.max(initial=0), 0)
    # The numbers stand upright: they take up to a quarter of the height.
    room = 0.3 * max(high - low, 1e-9)
    axes.set_ylim(low - 0.05 * (high - low), high + room)
    for place, value in enumerate(change):
        if not np.isnan(value):
            axes.annotate(
                format_change(value), (place, max(value, 0)),
                xytext=(0, 3), textcoords='offset points', rotation=90,
                ha='center', va='bottom', fontsize=_FONT_SIZE - 1.5)
    _finish(axes, np.isnan(change))
    return figure


def plot_confusion_matrix(predicates: Sequence[str],
                          counts: np.ndarray) -> Figure:
    """Which predicate is taken for which (Fig. 5 of the paper).

    Args:
        predicates: R names.
        counts: (R, R + 1), as
            :func:`~mmsgp.evaluation.functional.predicate_confusion` gives, in
            the same order as the names.

    Returns:
        Figure: Rows are annotated predicates with the number of their
        relations, columns predicted ones; the colour is the share of the row.
        The last column is "no prediction".
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.full(counts.shape, np.nan)
    np.divide(100 * counts, totals, out=shares, where=totals > 0)
    # A gap sets apart what is no predicate.
    gap = np.full((len(predicates), 1), np.nan)
    shares = np.hstack([shares[:, 1:], gap, shares[:, :1]])
    side, names = _SLOT * (len(predicates) + 2), _names_length(predicates)
    # The bar of colours has a place beside the matrix.
    figure = Figure(figsize=(side + names + 2.0, side + names + 0.4), dpi=_DPI,
                    layout='constrained')
    axes = figure.add_subplot()
    # Small shares matter: most errors are spread thin.
    norm = PowerNorm(0.5, 0, 100)
    axes.imshow(shares, cmap='viridis', norm=norm, interpolation='nearest')
    axes.set_facecolor('#e8e8e8')
    places = np.arange(len(predicates))
    axes.set_yticks(
        places, [f'{name} ({total})' for name, total in zip(
            predicates, totals[:, 0])], fontsize=_FONT_SIZE)
    axes.set_xticks([*places, len(predicates) + 1],
                    [*predicates, 'no prediction'], fontsize=_FONT_SIZE,
                    rotation=90)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel('predicted', fontsize=_FONT_SIZE + 1)
    axes.set_ylabel('annotated', fontsize=_FONT_SIZE + 1)
    bar = figure.colorbar(
        ScalarMappable(norm, 'viridis'), ax=axes, shrink=0.6, aspect=30,
        ticks=(0, 1, 5, 10, 25, 50, 75, 100))
    bar.set_label('share of the annotated relations (%)', fontsize=_FONT_SIZE)
    bar.ax.tick_params(labelsize=_FONT_SIZE)
    return figure


def format_change(value: float) -> str:
    """A signed number of two decimals; 0 is as short as it is."""
    return f'{value:+.2f}'.replace('-', '\N{MINUS SIGN}') if value else '0'


def _bar_chart(predicates: Sequence[str], label: str) -> tuple[Figure, Axes]:
    """An empty chart with the upright names of the predicates below it."""
    width = max(5.0, _SLOT * len(predicates) + _SCALE_WIDTH)
    figure = Figure(
        figsize=(width, _BARS_HEIGHT + _names_length(predicates)), dpi=_DPI,
        layout='constrained')
    axes = figure.add_subplot()
    axes.set_xticks(range(len(predicates)), predicates, rotation=90,
                    fontsize=_FONT_SIZE)
    axes.set_xlim(-0.7, len(predicates) - 0.3)
    axes.set_title(wrap(label, 72 * (width - _SCALE_WIDTH), _FONT_SIZE + 1),
                   loc='left', fontsize=_FONT_SIZE + 1)
    axes.tick_params(axis='x', length=0)
    axes.tick_params(axis='y', labelsize=_FONT_SIZE)
    axes.grid(axis='y', color='#d9d9d9', linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    return figure, axes


def _names_length(predicates: Sequence[str]) -> float:
    """Inches that the longest name takes."""
    return max(text_size(name, _FONT_SIZE)[0] for name in predicates) / 72


def _finish(axes: Axes, absent: np.ndarray) -> None:
    """Mark predicates (R,) that the split has no relation of; add a legend."""
    if absent.any():
        places = np.flatnonzero(absent)
        axes.plot(places, np.zeros(len(places)), 'x', color='#767676',
                  markersize=4, clip_on=False, label='not in this split')
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1 or absent.any():
        add_run_legend(axes.figure, handles, labels, _FONT_SIZE)
