"""Run long commands with a log; its end is shown when one fails.

Standard library only, because the installation uses it, too.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TAIL_LINES = 40


@dataclass(frozen=True)
class Job:
    """A command.

    Attributes:
        title: Its purpose.
        command: Its program and arguments.
        log: File of its output; None prints it instead.
        results: Files that exist when it is done.
    """

    title: str
    command: Sequence[str]
    log: Path | None = None
    results: Sequence[Path] = ()

    @property
    def done(self) -> bool:
        """bool: Whether its results exist."""
        return bool(self.results) and all(path.is_file() for path in self.results)

    def start(self, environment: Mapping[str, str] | None = None) -> subprocess.Popen:
        """Start it without waiting for its end."""
        if self.log is None:
            return subprocess.Popen(self.command, env=environment)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open('wb') as log:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )


class JobFailed(RuntimeError):
    """A command has failed; the message has the end of its output.

    Attributes:
        status: Its exit status.
    """

    def __init__(self, job: Job, status: int) -> None:
        text = f'{job.title} failed'
        if job.log is not None:
            lines = job.log.read_text(errors='replace').splitlines()
            tail = '\n'.join(lines[-TAIL_LINES:])
            text = f'{tail}\n\n{text}. The whole output is in {job.log}'
        super().__init__(text)
        self.status = status


def run_jobs(
    jobs: Sequence[Job],
    environment: Mapping[str, str] | None = None,
    update: Callable[[], None] = lambda: None,
    period: float = 0.5,
) -> None:
    """Run commands side by side; those whose results exist are skipped.

    Args:
        jobs: The commands.
        environment: Their environment variables. Defaults to those of this
            process.
        update: Called again and again while they run, to show progress.
        period: Seconds between two calls.

    Raises:
        JobFailed: If one fails. The others are stopped.
    """
    jobs = [job for job in jobs if not job.done]
    processes = []
    try:
        for job in jobs:
            processes.append(job.start(environment))
        while running := [p for p in processes if p.poll() is None]:
            if any(p.returncode for p in processes):
                break
            try:
                running[0].wait(timeout=period)
            except subprocess.TimeoutExpired:
                update()
    finally:
        failed = [(job, p.returncode) for job, p in zip(jobs, processes) if p.returncode]
        for process in processes:
            process.terminate()
            process.wait()
    for job, status in failed:
        raise JobFailed(job, status)


def num_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sharing_cores(number: int) -> dict[str, str]:
    """Return environment variables that share the cores among commands."""
    threads = max(1, num_cores() // number)
    return {**os.environ, 'OMP_NUM_THREADS': str(threads)}
