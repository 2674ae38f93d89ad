"""Counting without waiting for a GPU."""

from __future__ import annotations

import torch
from torch import Tensor


def count_groups(groups: Tensor, num_groups: int) -> Tensor:
    """Count the elements of each group.

    As ``bincount``, for which a GPU is waited for, because it looks for the largest
    number.

    Args:
        groups: (n,), numbers from 0 to ``num_groups - 1``.
        num_groups: Number of groups.

    Returns:
        Tensor: (num_groups,).
    """
    return groups.new_zeros(num_groups).index_add_(0, groups, torch.ones_like(groups))
