"""Numbers that mixed precision must not shorten."""
from __future__ import annotations

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> Tensor:
    """The tensor in float32, or in float64 if it is.

    Half precision cannot tell neighbouring pixels or close scores apart, and
    MMCV's operators take it on a GPU only.
    """
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
