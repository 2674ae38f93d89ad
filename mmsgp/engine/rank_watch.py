"""Find the process of a distributed run that no longer answers."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path

from mmengine.logging import print_log
from torch.distributed import Store


class RankWatch:
    """Reports which process the others wait for in vain.

    When a process group times out, its error names no rank. Here a thread of
    each process writes to a common store that the process is alive and where in
    the code it is. Shortly before the group times out, the lowest rank that is
    alive logs the places of all.

    Args:
        store: Common to all processes, over a connection that only this watch
            uses.
        rank: Rank of this process.
        size: Number of processes.
        timeout: Seconds after which the process group times out.
    """

    def __init__(self, store: Store, rank: int, size: int, timeout: float) -> None:
        self._store = store
        self._rank = rank
        self._interval = min(timeout / 20, 15.0)
        self._limit = timeout - 3 * self._interval
        self._done = threading.Event()
        self._steps = 0
        self._stepped = time.monotonic()
        self._reports = [None] * size  # the last report of each process
        self._heard = [self._stepped] * size  # the time of that report

    def start(self) -> None:
        for target in (self._exchange, self._watch):
            threading.Thread(target=target, daemon=True).start()

    def step(self) -> None:
        """Note that this process has done a step."""
        self._steps += 1
        self._stepped = time.monotonic()

    def stop(self) -> None:
        self._done.set()

    def _exchange(self) -> None:
        """Write the report of this process, and read those of the others."""
        beats = 0
        while not self._done.is_set():
            beats += 1
            report = dict(
                beats=beats,
                steps=self._steps,
                pid=os.getpid(),
                host=socket.gethostname(),
                place=_place_of_main_thread(),
            )
            try:
                self._store.set(f'rank {self._rank}', json.dumps(report))
                for rank, before in enumerate(self._reports):
                    if not self._store.check([f'rank {rank}']):
                        continue
                    report = json.loads(self._store.get(f'rank {rank}'))
                    if report != before:
                        self._reports[rank] = report
                        self._heard[rank] = time.monotonic()
            except RuntimeError:  # the process that holds the store has ended
                return
            self._done.wait(self._interval)

    def _watch(self) -> None:
        """Log what this process waits for, once per step."""
        reported_step = None
        while not self._done.wait(self._interval / 2):
            complaint = self.complaint()
            if complaint and reported_step != self._steps:
                reported_step = self._steps
                print_log(complaint, logger='current', level=logging.ERROR)

    def complaint(self) -> str | None:
        """Describe where all processes are, if this one has waited for too long.

        Returns:
            str, optional: One line; None if this process goes on, or if another
            one reports it.
        """
        now = time.monotonic()
        waited = now - self._stepped
        alive = [now - heard < self._limit / 2 for heard in self._heard]
        if waited < self._limit or True in alive[: self._rank]:
            return None
        if not alive[self._rank]:
            return (
                f'rank {self._rank} has heard of no process for {waited:.0f} s: '
                'rank 0 or the launcher, which holds the common store, does not '
                'answer'
            )
        places = '; '.join(map(self._describe, range(len(alive)), alive))
        return (
            f'no step was done for {waited:.0f} s, and the processes stop '
            f'after env_cfg.dist_cfg.timeout: {places}'
        )

    def _describe(self, rank: int, alive: bool) -> str:
        report = self._reports[rank]
        if report is None:
            return f'rank {rank} never answered'
        name = f'rank {rank} (process {report["pid"]} on {report["host"]})'
        step = report['steps'] + 1
        if not alive:
            return f'{name} DOES NOT ANSWER, last heard of in step {step}'
        return f'{name} answers, in step {step}, {report["place"]}'


def _place_of_main_thread() -> str:
    """Describe the function and the line where the main thread is."""
    frame = sys._current_frames().get(threading.main_thread().ident)
    if frame is None:
        return 'at its end'
    code = frame.f_code
    return f'{code.co_name} ({Path(code.co_filename).name}:{frame.f_lineno})'
