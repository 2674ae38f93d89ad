"""Run a long command with its output in a file and progress on the screen.

Usage: python run_with_progress.py TITLE LOGFILE COMMAND [ARGUMENT ...]

It prints the elapsed time and, if ninja compiles, the finished share and the time
left. If the command fails, it prints the end of the output, and a line with what to
do about known causes. The exit status is the command's.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path

# Nothing is installed yet.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmsgp.reporting.jobs import Job, JobFailed, run_jobs  # noqa: E402

# Seconds; a terminal's line is overwritten, a log file gets a line every 30 seconds.
PERIOD = 1 if sys.stdout.isatty() else 30
# What the output of a failed installation says, and what to do.
REMEDIES = (
    (
        r'NameResolutionError|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|'
        r'ProxyError|Network is unreachable|Connection broken',
        'the network or the package index cannot be reached. Check the connection and the proxy, '
        'and run the same command again: it goes on where it was. Without a network: '
        'make install PREBUILT=FOLDER, with the wheels of `make wheelhouse`',
    ),
    (r'No space left on device', 'the disk is full. Make room, and run the same command again'),
    (
        r'Killed signal|signal 9|MemoryError|virtual memory exhausted',
        'there is too little memory. Compile one file at a time: MAX_JOBS=1 make install',
    ),
    (
        r'Python\.h: No such file',
        "Python's header files are missing. Debian, Ubuntu: apt-get install python3-dev",
    ),
    (
        r'No matching distribution found for (\S+)',
        r'there is no \1 for this Python and system where pip looks. Take another Python '
        '(make PYTHON=python3.11) or versions (make LOCK= install), or another folder (PREBUILT=)',
    ),
)
NINJA_STEP = re.compile(rb'\[(\d+)/(\d+)\]')


def minutes(seconds: float) -> str:
    """Format seconds as minutes: ``75`` as ``1:15``."""
    return f'{int(seconds) // 60}:{int(seconds) % 60:02d}'


def describe(title: str, seconds: float, output: bytes) -> str:
    """Return the progress line after ``seconds`` with the current ``output``."""
    line = f'{title}: {minutes(seconds)}'
    steps = NINJA_STEP.findall(output)
    if not steps or steps[-1][0] == b'0':
        return line
    done, total = map(int, steps[-1])
    left = seconds / done * (total - done)
    return f'{line}, {done} of {total} files compiled, about {minutes(left)} left'


def show(line: str, *, end: bool = False) -> None:
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        sys.stdout.write(f'\r{line[:width]:<{width}}' + ('\n' if end else ''))
    else:
        sys.stdout.write(line + '\n')
    sys.stdout.flush()


def remedy(output: str) -> str | None:
    """Return what to do about the first known cause of a failure in an output."""
    for cause, words in REMEDIES:
        if found := re.search(cause, output):
            return found.expand(words)
    return None


def run(job: Job) -> int:
    """Run a command and return its exit status."""
    start = time.monotonic()
    show(f'{job.title} ...')
    failure = None
    try:
        run_jobs(
            [job],
            period=PERIOD,
            update=lambda: show(
                describe(job.title, time.monotonic() - start, job.log.read_bytes())
            ),
        )
    except KeyboardInterrupt:
        return 130
    except JobFailed as error:
        failure = error
    outcome = 'FAILED' if failure else 'done'
    show(f'{job.title}: {outcome} in {minutes(time.monotonic() - start)}', end=True)
    if failure:
        sys.stderr.write(f'{failure}\n')
        fix = remedy(job.log.read_text(errors='replace'))
        sys.stderr.write(f'FIX: {fix}\n' if fix else '')
    return failure.status if failure else 0


def main() -> int:
    title, log_file, *command = sys.argv[1:]
    return run(Job(title, command, Path(log_file)))


if __name__ == '__main__':
    sys.exit(main())
