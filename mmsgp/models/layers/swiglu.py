"""A gated feed-forward layer."""

from __future__ import annotations

import math

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class SwiGLU(nn.Module):
    """``W3 dropout(SiLU(W1 x) * W2 x)``, without biases (Shazeer, 2020).

    Args:
        in_channels: Of x.
        out_channels: Of the result.
        expansion: Hidden channels over ``in_channels``; they are rounded up to a multiple
            of 8.
        dropout: Defaults to 0.
    """

    def __init__(
        self, in_channels: int, out_channels: int, expansion: float, dropout: float = 0.0
    ) -> None:
        super().__init__()
        hidden = 8 * math.ceil(math.ceil(in_channels * expansion) / 8)
        self.gate = nn.Linear(in_channels, hidden, bias=False)  # W1
        self.value = nn.Linear(in_channels, hidden, bias=False)  # W2
        self.out = nn.Linear(hidden, out_channels, bias=False)  # W3
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (..., in_channels) to (..., out_channels)."""
        return self.out(self.dropout(F.silu(self.gate(inputs)) * self.value(inputs)))
