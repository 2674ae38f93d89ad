"""A linear layer in parts.

Shape shorthand: P rows, K outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor


class SummedLinear(nn.Module):
    """A sum of linear layers, each over its own part of the features.

    Each part has its own Xavier initialisation (normal, zero bias), so that parts of
    unlike sizes have the same say at first.

    Args:
        sizes: Features of each part.
        out_channels: K.
    """

    def __init__(self, sizes: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.sizes = list(sizes)
        self.parts = nn.ModuleList(nn.Linear(size, out_channels) for size in sizes)
        for part in self.parts:
            init_xavier(part)

    def forward(self, features: Tensor) -> Tensor:
        """Map (P, sum of sizes) to (P, K)."""
        return sum(part(own) for part, own in zip(self.parts, features.split(self.sizes, dim=1)))


def init_xavier(layer: nn.Linear) -> nn.Linear:
    """Set Xavier-normal weights and zero biases; return the layer."""
    nn.init.xavier_normal_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
