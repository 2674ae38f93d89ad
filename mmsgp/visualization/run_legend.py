"""Names of runs on a figure: their styles, legends that fit, wrapped titles."""
from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from .scene_graph.panels import text_size

# Colours that differ for every kind of colour vision (Okabe and Ito), then
# darker ones of the same hues.
RUN_COLORS = ('#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00',
              '#003f62', '#7e5700', '#00573f', '#70435c', '#2f6380', '#753400')
# What a legend needs beside its names, in shares of the font size: the handle
# and the gaps (Matplotlib's defaults), the room between two rows.
_HANDLE, _COLUMN_GAP, _MARGIN, _ROW = 2.8, 2.0, 2.0, 1.7


def wrap(text: str, width: float, font_size: float) -> str:
    """Break a text into lines.

    Args:
        text: The text; a word that is too long for a line is broken.
        width: Points that a line may take.
        font_size: In points.

    Returns:
        str: The lines.
    """
    for length in range(len(text), 1, -1):
        lines = textwrap.wrap(text, length)
        if all(text_size(line, font_size)[0] <= width for line in lines):
            return '\n'.join(lines)
    return text


def add_run_legend(figure: Figure, handles: Sequence[Artist],
                   names: Sequence[str], font_size: float) -> None:
    """Add a legend above the axes, in as many columns as the width holds.

    The figure grows by the rows below the first one.

    Args:
        figure: With a constrained layout.
        handles: What the names stand for.
        names: As many; too long ones are wrapped.
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
    figure.legend(handles, names, loc='outside upper left', ncols=columns,
                  frameon=False, fontsize=font_size)
