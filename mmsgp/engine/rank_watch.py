"""Which of several processes no longer answers."""
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
    """Says which process the others wait for in vain.

    The error of a process group that timed out names no rank. Here each process
    tells a common store, from a thread of its own, that it lives and what it is
    doing. Shortly before the group gives up, the first one that lives says of
    all of them where they are.

    Args:
        store: Common to all processes; this watch's own connection.
        rank: Of this process.
        size: Number of processes.
        timeout: Seconds after which the process group gives up.
    """

    def __init__(self, store: Store, rank: int, size: int, timeout: float) -> None:
        self._store = store
        self._rank = rank
        self._interval = min(timeout / 20, 15.0)
        self._limit = timeout - 3 * self._interval
        self._done = threading.Event()
        self._steps = 0
        self._stepped = time.monotonic()
        self._told = [None] * size  # what each process told last
        self._heard = [self._stepped] * size  # when that was

    def start(self) -> None:
        for target in (self._exchange, self._watch):
            threading.Thread(target=target, daemon=True).start()

    def step(self) -> None:
        """Note that this process goes on."""
        self._steps += 1
        self._stepped = time.monotonic()

    def stop(self) -> None:
        self._done.set()

    def _exchange(self) -> None:
        """Tell the store of this process, and hear of the others."""
        beats = 0
        while not self._done.is_set():
            beats += 1
            told = dict(beats=beats, steps=self._steps, pid=os.getpid(),
                        host=socket.gethostname(), place=_place_of_main_thread())
            try:
                self._store.set(f'rank {self._rank}', json.dumps(told))
                for rank, before in enumerate(self._told):
                    if not self._store.check([f'rank {rank}']):
                        continue
                    told = json.loads(self._store.get(f'rank {rank}'))
                    if told != before:
                        self._told[rank] = told
                        self._heard[rank] = time.monotonic()
            except RuntimeError:  # whoever keeps the store has ended
                return
            self._done.wait(self._interval)

    def _watch(self) -> None:
        """Say once what this process waits for; later again if it went on."""
        told_of_step = None
        while not self._done.wait(self._interval / 2):
            complaint = self.complaint()
            if complaint and told_of_step != self._steps:
                told_of_step = self._steps
                print_log(complaint, logger='current', level=logging.ERROR)

    def complaint(self) -> str | None:
        """Where all processes are, if this one has waited for too long.

        Returns:
            str, optional: One line; None if this process goes on, or if another
            one says it.
        """
        now = time.monotonic()
        waited = now - self._stepped
        alive = [now - heard < self._limit / 2 for heard in self._heard]
        if waited < self._limit or True in alive[:self._rank]:
            return None
        if not alive[self._rank]:
            return (f'rank {self._rank} has heard of no process for {waited:.0f} s: '
                    'rank 0 or the launcher, which keeps their common store, does not '
                    'answer')
        places = '; '.join(map(self._describe, range(len(alive)), alive))
        return (f'no step was done for {waited:.0f} s, and the processes give up '
                f'after env_cfg.dist_cfg.timeout: {places}')

    def _describe(self, rank: int, alive: bool) -> str:
        told = self._told[rank]
        if told is None:
            return f'rank {rank} never answered'
        name = f'rank {rank} (process {told["pid"]} on {told["host"]})'
        if not alive:
            return f'{name} DOES NOT ANSWER, last heard of in step {told["steps"] + 1}'
        return f'{name} answers, in step {told["steps"] + 1}, {told["place"]}'


def _place_of_main_thread() -> str:
    """The function and the line that the main thread is in."""
    frame = sys._current_frames().get(threading.main_thread().ident)
    if frame is None:
        return 'at its end'
    code = frame.f_code
    return f'{code.co_name} ({Path(code.co_filename).name}:{frame.f_lineno})'
