"""Small functions as few kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch.utils._triton import has_triton


@cache
def fused(function: Callable, device: str) -> Callable:
    """Compile a function of a step that runs many times, where the device has Triton.

    A GPU waits longer for the start of a small operation than it computes. A CPU
    does not, and a compiler would take longer than it saves.

    Args:
        function: A pure function of tensors, or one that changes its arguments in
            place.
        device: Type of the device, ``'cpu'``, ``'cuda'`` ...

    Returns:
        Callable: The compiled function on a GPU with Triton, else the function.
    """
    if device == 'cuda' and has_triton():
        return torch.compile(function, dynamic=True, fullgraph=True)
    return function
