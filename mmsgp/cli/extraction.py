"""Show how far an extraction is, in a terminal and in a log file."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from mmsgp.extraction import extract_graphs
from mmsgp.utils.progress import Progress


def extract_with_progress(output: Path, **arguments) -> None:
    """Call :func:`~mmsgp.extraction.extract_graphs`, and show its progress."""
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
    console.print(f'parsing into {output}; call again after a stop, and what is done is kept')
    with Progress('blocks of images', console=console) as progress:
        total = extract_graphs(
            output=output,
            on_progress=lambda done, blocks, *_: progress.update(done, blocks),
            **arguments,
        )
    if not total['blocks']:
        console.print('all blocks were done before')
        return
    console.print(f'{total["blocks"]} blocks, {total["parsed"]} graphs in {output / "graphs"}')
    if total['failed']:
        console.print(f'{total["failed"]} images have no graph: see {output / "failures"}')
