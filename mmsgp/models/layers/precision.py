"""Full precision within mixed precision."""

from __future__ import annotations

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> Tensor:
    """Return the tensor in float32, or in float64 if it already is.

    Half precision rounds neighbouring pixels and close scores to one value, and
    MMCV's operators support it on GPUs only.
    """
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
