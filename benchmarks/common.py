"""Helpers that the benchmarks share."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch


def in_fresh_process(function: Callable, *args):
    """Call a function in a new process, without memory of other measurements."""
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args).result()


def seconds(call: Callable, repeats: int = 3) -> float:
    """Measure the best time of several calls."""
    best = float('inf')
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def matmul_rate(size: int = 2048) -> float:
    """Measure the FLOPs per second of a matrix product in float32."""
    one, other = torch.rand(size, size), torch.rand(size, size)
    return 2 * size**3 / seconds(lambda: one @ other, 10)


def memory_mb(key: str, path: str = '/proc/self/status') -> float:
    """Read a field of Linux's memory statistics of a process."""
    for line in Path(path).read_text().splitlines():
        if line.startswith(f'{key}:'):
            return int(line.split()[1]) / 1024
    raise KeyError(f'{path} has no field {key}')
