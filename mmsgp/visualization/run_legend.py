"""Styles of runs, legends that fit, and wrapped titles."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from .scene_graph.panels import text_size

# Colours that colour-blind readers can distinguish (Okabe and Ito), then darker
# ones of the same hues.
RUN_COLORS = (
    '#0072b2',
    '#e69f00',
    '#009e73',
    '#cc79a7',
    '#56b4e9',
    '#d55e00',
    '#003f62',
    '#7e5700',
    '#00573f',
    '#70435c',
    '#2f6380',
    '#753400',
)
# Sizes in a legend besides its names, relative to the font size: the handle and
# the gaps (Matplotlib's defaults), and the height of a row.
_HANDLE, _COLUMN_GAP, _MARGIN, _ROW = 2.8, 2.0, 2.0, 1.7


def wrap(text: str, width: float, font_size: float) -> str:
    """Break a text into lines.

    Args:
        text: The text; words that are too long for a line are broken.
        width: Largest length of a line in points.
        font_size: In points.

    Returns:
        str: The text with line breaks.
    """
    for length in range(len(text), 1, -1):
        lines = textwrap.wrap(text, length)
        if all(text_size(line, font_size)[0] <= width for line in lines):
            return '\n'.join(lines)
    return text


def add_run_legend(
    figure: Figure, handles: Sequence[Artist], names: Sequence[str], font_size: float
) -> None:
    """Add a legend above the axes, with as many columns as fit.

    The figure grows by each row after the first.

    Args:
        figure: A figure with constrained layout.
        handles: The plotted elements.
        names: One per handle; long ones are wrapped.
        font_size: In points.
    """
    width = 72 * figure.get_figwidth() - _MARGIN * font_size
    names = [wrap(name, width - _HANDLE * font_size, font_size) for name in names]
    lines = [name.split('\n') for name in names]
    widest = max(text_size(line, font_size)[0] for name in lines for line in name)
    column = widest + (_HANDLE + _COLUMN_GAP) * font_size
    columns = int((width + _COLUMN_GAP * font_size) // column)
    columns = min(max(columns, 1), len(names))
    rows = math.ceil(sum(map(len, lines)) / columns)
    height = figure.get_figheight()
    figure.set_figheight(height + (rows - 1) * _ROW * font_size / 72)
    figure.legend(
        handles, names, loc='outside upper left', ncols=columns, frameon=False, fontsize=font_size
    )
