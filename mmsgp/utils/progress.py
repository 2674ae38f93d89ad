"""Show how far a long step is: a bar on a terminal, else a line every 30 seconds."""

from __future__ import annotations

import time

from rich import get_console
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

# Seconds between two lines where the output is not a terminal.
PERIOD = 30.0


class Progress:
    """A step whose progress is shown while the block lasts.

    Args:
        title: The step.
        total: Its parts. Defaults to None: unknown.
        shown: Whether anything is shown. Defaults to True.
        console: Where. Defaults to None: the standard output.
    """

    def __init__(
        self,
        title: str,
        total: float | None = None,
        shown: bool = True,
        console: Console | None = None,
    ) -> None:
        self.title, self.total, self.done = title, total, 0.0
        self.console = console or get_console()
        self._writes_lines = shown and not self.console.is_terminal
        self._bar = Bar(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            TextColumn('left:'),
            TimeRemainingColumn(),
            console=self.console,
            disable=not shown or self._writes_lines,
            speed_estimate_period=300,
        )

    def __enter__(self) -> Progress:
        self._start = self._last_line = time.monotonic()
        self._task = self._bar.add_task(self.title, total=self.total)
        self._bar.start()
        return self

    def __exit__(self, error_type: type | None, *_) -> None:
        if error_type is None:
            self.update(self.total or self.done)
            if self._last_line > self._start:
                self._write_line()
        self._bar.stop()

    def advance(self, number: float = 1) -> None:
        """Count parts that are done, or that have failed."""
        self.update(self.done + number)

    def update(self, done: float, total: float | None = None, title: str | None = None) -> None:
        """Set what is done, and, if they are known by now, all parts or another title."""
        self.done, self.total, self.title = done, total or self.total, title or self.title
        self._bar.update(self._task, completed=done, total=self.total, description=self.title)
        if done != self.total and time.monotonic() - self._last_line >= PERIOD:
            self._write_line()

    def _write_line(self) -> None:
        self._last_line = time.monotonic()
        if self._writes_lines:
            line = describe(self.title, self._last_line - self._start, self.done, self.total)
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def describe(title: str, seconds: float, done: float, total: float | None) -> str:
    """Return a line such as ``parsing: 24 % (120 of 500) in 1:05, about 3:26 left``."""
    if not total:
        return f'{title}: {done:g} in {minutes(seconds)}'
    counts = f' ({done:g} of {total:g})' if total > 1 else ''
    line = f'{title}: {100 * done / total:.0f} %{counts} in {minutes(seconds)}'
    left = seconds * (total - done) / done if done else 0
    return f'{line}, about {minutes(left)} left' if left else line


def minutes(seconds: float) -> str:
    """Format seconds as minutes: ``75`` as ``1:15``."""
    return f'{int(seconds) // 60}:{int(seconds) % 60:02d}'
