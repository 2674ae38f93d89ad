"""Write figures, and the data that they show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from mmsgp.utils.files import replacing, write_csv


def save_figure(
    figure: Figure, stem: str | Path, columns: Sequence[str], rows: Iterable[Sequence]
) -> list[Path]:
    """Write a figure as PNG and PDF, and its data as CSV.

    Args:
        figure: The figure.
        stem: Path of the files without extension.
        columns: Names of the columns of the data.
        rows: The data; NaN becomes an empty cell.

    Returns:
        list[Path]: The three files.
    """
    paths = [Path(f'{stem}.{ending}') for ending in ('png', 'pdf', 'csv')]
    # TrueType, so that the text of a PDF can be searched and edited.
    with rc_context({'pdf.fonttype': 42}):
        for path, kind in zip(paths[:2], ('png', 'pdf')):
            with replacing(path) as draft:
                figure.savefig(draft, format=kind)
    write_csv(paths[2], [columns, *rows])
    return paths
