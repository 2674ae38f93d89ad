"""Run a long command with its output in a file and progress on the screen.

Usage: python run_with_progress.py TITLE LOGFILE COMMAND [ARGUMENT ...]

It prints the elapsed time and, if ninja compiles, the finished share and the time
left. If the command fails, it prints the end of the output. The exit status is the
command's.
"""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

TAIL_LINES = 40
# Seconds; a terminal's line is overwritten, a log file gets one line per minute.
PERIOD = 1 if sys.stdout.isatty() else 60
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


def run(title: str, log_file: Path, command: list[str]) -> int:
    """Run ``command`` and return its exit status."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    show(f'{title} ...')
    with log_file.open('wb') as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while True:
            try:
                status = process.wait(timeout=PERIOD)
                break
            except subprocess.TimeoutExpired:
                seconds = time.monotonic() - start
                show(describe(title, seconds, log_file.read_bytes()))
            except KeyboardInterrupt:
                # The terminal interrupts the command, too.
                process.wait()
                return 130
    outcome = 'done' if status == 0 else 'FAILED'
    show(f'{title}: {outcome} in {minutes(time.monotonic() - start)}', end=True)
    return status


def show_tail(log_file: Path) -> None:
    lines = log_file.read_text(errors='replace').splitlines()
    sys.stderr.write('\n'.join(lines[-TAIL_LINES:]))
    sys.stderr.write(f'\nThe whole output is in {log_file}\n')


def main() -> int:
    title, log_file, *command = sys.argv[1:]
    status = run(title, Path(log_file), command)
    if status:
        show_tail(Path(log_file))
    return status


if __name__ == '__main__':
    sys.exit(main())
