"""Tables of text."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def new_table(title: str, *columns: str, wide: Sequence[str] = ()) -> Table:
    """A table whose first column is left-aligned, and the others right-aligned.

    Args:
        title: Printed above it.
        *columns: Names of the columns.
        wide: Columns whose long names are folded, while the others keep their
            lines.
    """
    table = Table(title=escape(title), title_justify='left', box=box.SIMPLE_HEAD)
    for i, name in enumerate(columns):
        table.add_column(
            escape(name),
            justify='right' if i else 'left',
            no_wrap=bool(wide) and name not in wide,
            overflow='fold',
        )
    return table


def percent(value: float) -> str:
    """Two decimals, or a dash for what is undefined."""
    return '-' if math.isnan(value) else f'{value:.2f}'


def render(table: Table) -> str:
    """The table as text, as wide as its content."""
    # A log file has no terminal to fit into.
    console = Console(file=io.StringIO(), width=1000, emoji=False)
    console.print(table)
    return '\n'.join(line.rstrip() for line in console.file.getvalue().splitlines())
