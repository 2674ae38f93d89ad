"""Counting floating-point operations."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


@contextmanager
def counting_flops() -> Iterator[FlopCounterMode]:
    """Count convolutions and matrix products, those of attention included.

    A multiplication and an addition are two. PyTorch's counter does not see a
    CPU's fused attention, so attention is computed step by step here.

    Yields:
        FlopCounterMode: Its ``get_total_flops()`` may be read at any time.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(
            display=False) as counter:
        yield counter
