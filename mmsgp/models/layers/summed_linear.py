"""Linear layers in parts.

Shape shorthand: P rows, K outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
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


class ProjectedParts(torch.autograd.Function):
    """The terms of a linear layer; call :func:`project_parts`."""

    @staticmethod
    def forward(ctx, weight: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(weight, *parts)
        return tuple(F.linear(part, own) for part, own in zip(parts, columns_of(weight, parts)))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *gradients: Tensor) -> tuple[Tensor, ...]:
        weight, *parts = ctx.saved_tensors
        of_weight = torch.empty_like(weight)
        for gradient, part, own in zip(gradients, parts, columns_of(of_weight, parts)):
            torch.mm(gradient.t(), part, out=own)
        both = zip(gradients, columns_of(weight, parts))
        return of_weight, *(gradient @ own for gradient, own in both)


def columns_of(weight: Tensor, parts: Sequence[Tensor]) -> Sequence[Tensor]:
    """Split a weight as the features that it is for."""
    return weight.split([part.shape[1] for part in parts], dim=1)


def project_parts(weight: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
    """Project each part of the features of a linear layer by its own columns.

    The gradient of the weight is written into one matrix. Autograd would compute those of
    the columns, and then copy them into one.

    Args:
        weight: (K, sum of sizes).
        *parts: (P, size) each, with as many rows as they like.

    Returns:
        tuple[Tensor, ...]: (P, K) for each part.
    """
    weight = weight.to(parts[0].dtype)  # in mixed precision
    if not torch.is_grad_enabled():
        return tuple(F.linear(part, own) for part, own in zip(parts, columns_of(weight, parts)))
    return ProjectedParts.apply(weight, *parts)
