"""Show how far an extraction is, in a terminal and in a log file."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from mmsgp.extraction import extract_graphs

# Seconds between two lines.
_INTERVAL = 30


def extract_with_progress(output: Path, **arguments) -> None:
    """Call :func:`~mmsgp.extraction.extract_graphs`, and print a line every 30 seconds."""
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
    started = time.monotonic()
    printed = started
    first = None

    def report(done: int, blocks: int, parsed: int, failed: int) -> None:
        nonlocal printed, first
        now = time.monotonic()
        first = first or (now, done, parsed + failed)
        if now - printed < _INTERVAL and done < blocks:
            return
        printed = now
        images = parsed + failed
        since, earlier, before = first
        left = ''
        if done > earlier:
            seconds = (blocks - done) * (now - since) / (done - earlier)
            left = f', {(images - before) / (now - since):.1f} images/s, {_clock(seconds)} left'
        console.print(
            f'{_clock(now - started)}: {done} of {blocks} blocks, {parsed} graphs, '
            f'{failed} images without{left}'
        )

    console.print(f'parsing into {output}; call again after a stop, and what is done is kept')
    total = extract_graphs(output=output, on_progress=report, **arguments)
    if not total['blocks']:
        console.print('all blocks were done before')
    if total['failed']:
        console.print(f'{total["failed"]} images have no graph: see {output / "failures"}')


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f'{minutes // 60}:{minutes % 60:02d}:{seconds:02d}'
