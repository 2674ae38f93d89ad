"""Gather the images of many requests into batches."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, NamedTuple


class TooBusy(RuntimeError):
    """As many items wait as may, or the batcher is closed."""


class _Waiting(NamedTuple):
    kind: Hashable
    item: Any
    result: Future


class Batcher:
    """Calls a function with batches of items that other threads submit.

    A batch begins with the item that has waited longest and ends when it is full, when
    no other item comes in time, or before an item of another kind.

    Args:
        function: Called as ``function(kind, items)`` in one thread; returns a result per
            item, or an exception for an item that failed.
        max_batch: Largest number of items per call.
        max_wait: Seconds to wait for more items after the first. Defaults to 0.01.
        max_waiting: Items that may wait; :meth:`submit` refuses more. Defaults to 64.
        on_batch: Called with the size of each batch. Defaults to None.
    """

    def __init__(
        self,
        function: Callable[[Hashable, list], list],
        max_batch: int,
        max_wait: float = 0.01,
        max_waiting: int = 64,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        self._function = function
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._on_batch = on_batch
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(max_waiting)
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name='batcher', daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """Number of items that wait."""
        return self._queue.qsize()

    @property
    def is_full(self) -> bool:
        """Whether :meth:`submit` would refuse an item."""
        return self._is_closed or self._queue.full()

    def submit(self, kind: Hashable, item: Any) -> Future:
        """Hand in an item.

        Args:
            kind: Items of unlike kinds are never in one batch.
            item: The item.

        Returns:
            Future: Its result. An item whose future is cancelled before its batch begins
            is left out.

        Raises:
            TooBusy: If too many items wait, or the batcher is closed.
        """
        waiting = _Waiting(kind, item, Future())
        with self._lock:  # so that nothing comes after the end of the queue
            if self._is_closed:
                raise TooBusy('the server is shutting down')
            try:
                self._queue.put_nowait(waiting)
            except queue.Full as error:
                raise TooBusy(
                    f'{self._queue.maxsize} images are waiting: try again later'
                ) from error
        return waiting.result

    def close(self) -> None:
        """Finish what was submitted, and refuse what comes."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        first = self._queue.get()
        while first is not None:
            batch, first = self._gather(first)
            batch = [item for item in batch if item.result.set_running_or_notify_cancel()]
            if batch:
                self._call(batch)
            if first is _NOTHING:
                first = self._queue.get()

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], Any]:
        """A batch, and what came after it: an item, None at the end, or nothing yet."""
        batch = [first]
        deadline = time.monotonic() + self._max_wait
        while len(batch) < self._max_batch:
            try:
                item = self._queue.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if item is None or item.kind != first.kind:
                return batch, item
            batch.append(item)
        return batch, _NOTHING

    def _call(self, batch: list[_Waiting]) -> None:
        if self._on_batch is not None:
            self._on_batch(len(batch))
        try:
            results = self._function(batch[0].kind, [waiting.item for waiting in batch])
        except Exception as error:  # noqa: BLE001 it belongs to those who wait
            results = [error] * len(batch)
        for waiting, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                waiting.result.set_exception(result)
            else:
                waiting.result.set_result(result)


_NOTHING = object()
