"""The curve of recall against mean recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from .run_legend import RUN_COLORS

_FONT_SIZE = 9
_DPI = 144


def plot_tradeoff(
    curves: Mapping[str, Sequence[tuple[float, float, float]]], topk: int | str
) -> Figure:
    """Plot R@K against mR@K over the strength tau of logit adjustment.

    Args:
        curves: By title: tau, mR@K and R@K of each point, in percent. One panel each.
        topk: K.

    Returns:
        Figure: The points, some with their tau; the one with the largest harmonic mean
        of both is filled.
    """
    figure = Figure(figsize=(3.6 * len(curves), 3.3), dpi=_DPI, layout='constrained')
    panels = figure.subplots(1, len(curves), squeeze=False).ravel()
    for axes, (title, points) in zip(panels, curves.items()):
        best = max(points, key=lambda point: _harmonic(*point[1:]))
        axes.plot(
            [mean for _, mean, _ in points],
            [recall for _, _, recall in points],
            color=RUN_COLORS[0],
            marker='o',
            markerfacecolor='white',
            markersize=4,
            linewidth=1.4,
        )
        axes.plot(*best[1:], marker='o', markersize=6, color=RUN_COLORS[0])
        step = max(1, len(points) // 5)
        for tau, mean, recall in {*points[::step], best}:
            axes.annotate(
                f'{tau:g}',
                (mean, recall),
                xytext=(5, 4),
                textcoords='offset points',
                fontsize=_FONT_SIZE,
                fontweight='bold' if tau == best[0] else 'normal',
            )
        axes.set_title(f'{title}: numbers are tau', loc='left', fontsize=_FONT_SIZE + 1)
        axes.set_xlabel(f'mR@{topk} (%)', fontsize=_FONT_SIZE)
        axes.set_ylabel(f'R@{topk} (%)', fontsize=_FONT_SIZE)
        axes.margins(0.12)
        axes.tick_params(labelsize=_FONT_SIZE)
        axes.grid(color='#d9d9d9', linewidth=0.6)
        axes.spines[['top', 'right']].set_visible(False)
    return figure


def _harmonic(first: float, second: float) -> float:
    return 2 * first * second / (first + second) if first + second else 0.0
