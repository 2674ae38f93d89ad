"""Count floating-point operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


@contextmanager
def counting_flops() -> Iterator[FlopCounterMode]:
    """Count the operations of convolutions and matrix products.

    A multiplication and an addition count as two. PyTorch's counter does not see
    fused attention on a CPU; therefore attention is computed step by step here.

    Yields:
        FlopCounterMode: Call its ``get_total_flops()`` at any time.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        yield counter
