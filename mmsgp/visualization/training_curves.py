"""Training curves of one or more runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from .run_legend import RUN_COLORS, add_run_legend

_LINES = ('-', '--', '-.', ':')
_FONT_SIZE = 9
_DPI = 144
Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]


def plot_training_curves(keys: Sequence[str], runs: Mapping[str, Curves]) -> Figure:
    """Plot logged values over the iterations, one panel per key.

    Args:
        keys: Names of the values, e.g. ``'loss'``.
        runs: Curves by the name of the run. Curves are, by key, the iterations
            (T,) and the values (T,). A run may lack keys.

    Returns:
        Figure: Up to three panels per row. Curves of few points, e.g. of
        validations, have markers.
    """
    columns = min(3, len(keys))
    rows = math.ceil(len(keys) / columns)
    figure = Figure(figsize=(3.4 * columns, 2.5 * rows + 0.4), dpi=_DPI, layout='constrained')
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    handles = {}
    for key, axes in zip(keys, all_axes):
        for i, (name, curves) in enumerate(runs.items()):
            if key in curves:
                (line,) = axes.plot(
                    *curves[key],
                    _LINES[i % len(_LINES)],
                    label=name,
                    color=RUN_COLORS[i % len(RUN_COLORS)],
                    linewidth=1.4,
                    marker='o' if len(curves[key][0]) < 15 else '',
                    markersize=4,
                )
                handles.setdefault(name, line)
        # The first losses are so large that a linear scale would hide the rest.
        if key.startswith('loss'):
            axes.set_yscale('log')
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter('{x:g}')
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_title(key, loc='left', fontsize=_FONT_SIZE + 1)
        axes.set_xlabel('iteration', fontsize=_FONT_SIZE)
        axes.set_xlim(left=0)
        axes.tick_params(labelsize=_FONT_SIZE)
        axes.locator_params('x', nbins=6)
        axes.grid(color='#d9d9d9', linewidth=0.6)
        axes.spines[['top', 'right']].set_visible(False)
    for axes in all_axes[len(keys) :]:
        axes.remove()
    if len(runs) > 1:
        add_run_legend(figure, list(handles.values()), list(handles), _FONT_SIZE)
    return figure
