"""Progress shows as a bar on a terminal, and as a line now and then elsewhere."""

import io

import pytest
from rich.console import Console

from mmsgp.utils import progress as module
from mmsgp.utils.progress import Progress, describe


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, 'time', clock)
    return clock


@pytest.fixture
def log():
    return Console(file=io.StringIO())


def test_a_log_file_gets_a_line_every_30_seconds(clock, log):
    with Progress('parsing', 12, console=log) as progress:
        for _ in range(12):
            clock.now += 10
            progress.advance()
    assert log.file.getvalue().splitlines() == [
        'parsing: 25 % (3 of 12) in 0:30, about 1:30 left',
        'parsing: 50 % (6 of 12) in 1:00, about 1:00 left',
        'parsing: 75 % (9 of 12) in 1:30, about 0:30 left',
        'parsing: 100 % (12 of 12) in 2:00',
    ]


def test_a_short_step_writes_nothing_into_a_log_file(clock, log):
    with Progress('parsing', 12, console=log) as progress:
        clock.now += 29
        progress.advance(12)
    assert log.file.getvalue() == ''


def test_a_bar_ends_at_100_percent_even_if_fewer_parts_came():
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    with Progress('parsing', 4, console=terminal) as progress:
        progress.advance()
    assert terminal.file.getvalue().rstrip().count('100%') >= 1


def test_a_step_that_fails_is_not_shown_as_done(clock, log):
    with pytest.raises(OSError), Progress('parsing', 4, console=log) as progress:
        clock.now += 40
        progress.advance()
        raise OSError
    assert '100 %' not in log.file.getvalue()


def test_nothing_is_shown_where_nothing_shall_be(clock, log):
    with Progress('parsing', 4, shown=False, console=log) as progress:
        clock.now += 40
        progress.advance()
    assert log.file.getvalue() == ''


@pytest.mark.parametrize(
    'seconds, done, total, expected',
    [
        (75, 3, None, 'loading: 3 in 1:15'),
        (60, 0, 4, 'loading: 0 % (0 of 4) in 1:00'),
        (60, 0.25, 1, 'loading: 25 % in 1:00, about 3:00 left'),
        (3700, 12.5, 12.5, 'loading: 100 % (12.5 of 12.5) in 61:40'),
    ],
)
def test_a_line_has_what_is_done_and_the_time_left(seconds, done, total, expected):
    assert describe('loading', seconds, done, total) == expected
