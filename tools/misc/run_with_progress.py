"""Run a long command with its output in a file and progress on the screen.

Usage: python run_with_progress.py TITLE LOGFILE COMMAND [ARGUMENT ...]

It prints the elapsed time and, if ninja compiles, the finished share and the time
left. If the command fails, it prints the end of the output. The exit status is the
command's.
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
    return failure.status if failure else 0


def main() -> int:
    title, log_file, *command = sys.argv[1:]
    return run(Job(title, command, Path(log_file)))


if __name__ == '__main__':
    sys.exit(main())
