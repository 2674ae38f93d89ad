"""Whether the memory of a process stands still."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import psutil

T = TypeVar('T')


def resident_mib(pid: int | None = None) -> float:
    """Resident memory of a process in MiB.

    Args:
        pid (int, optional): The process. Defaults to None: this one.
    """
    return psutil.Process(pid).memory_info().rss / 2**20


def measured(
    items: Iterable[T], every: int, seconds: float, readings: list[tuple[int, float]]
) -> Iterator[T]:
    """Iterate and read the memory of this process now and then.

    Args:
        items (Iterable): Worked on by the caller.
        every (int): Items between two readings.
        seconds (float): The loop ends after this time, whatever is left.
        readings (list[tuple[int, float]]): Gets the number of items so far and
            the memory in MiB; a last reading is made at the end.

    Yields:
        The items.
    """
    end, number = time.monotonic() + seconds, 0
    for number, item in enumerate(items, start=1):
        yield item
        if number % every == 0:
            gc.collect()
            readings.append((number, resident_mib()))
        if time.monotonic() > end:
            break
    if not readings or readings[-1][0] != number:
        readings.append((number, resident_mib()))
