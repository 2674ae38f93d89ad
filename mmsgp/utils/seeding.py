"""Seed random numbers by their purpose."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_all(*entropy: int) -> None:
    """Seed the generators of Python, NumPy and PyTorch.

    Args:
        *entropy: Numbers, 0 or more; the same numbers give the same seed.
    """
    seed = _seed(*entropy)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - MMCV's transforms draw from it
    torch.manual_seed(seed)


@contextmanager
def seeded(*entropy: int) -> Iterator[None]:
    """Draw from seeded generators, and restore their states afterwards.

    Generators of accelerators are not seeded.

    Args:
        *entropy: See :func:`seed_all`.
    """
    seed = _seed(*entropy)
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002


def _seed(*entropy: int) -> int:
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
