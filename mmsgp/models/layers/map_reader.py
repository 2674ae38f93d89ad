"""Features of objects and of scenes, read from feature maps without RoI pooling.

Shape shorthand: B images, N objects of a batch, L levels, C_l channels of a level.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .attention import Attention


class ObjectReader(nn.Module):
    """Reads each object around the centre of its box, on each level.

    The 3 x 3 cells around the centre's cell, clamped to the map, have the weights
    ``exp(-(dy^2 + dx^2))``, normalised. Each level is normalised and projected, then all
    of them together. Source: DAMP of REACT++, with the cell of the box's centre instead of
    a detector's anchor cell, so that any detector will do.

    Args:
        in_channels: C_l of each level.
        strides: Pixels per cell of each level.
        out_channels: Of the result. Defaults to 256.
    """

    def __init__(
        self, in_channels: Sequence[int], strides: Sequence[int], out_channels: int = 256
    ) -> None:
        super().__init__()
        self.strides = list(strides)
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(channels, elementwise_affine=False),
                nn.Linear(channels, out_channels, bias=False),
            )
            for channels in in_channels
        )
        total = len(self.levels) * out_channels
        self.fuse = nn.Sequential(
            nn.LayerNorm(total, elementwise_affine=False),
            nn.Linear(total, out_channels, bias=False),
        )

    def forward(self, feature_maps: Sequence[Tensor], bboxes: Tensor, image_ids: Tensor) -> Tensor:
        """Read objects.

        Args:
            feature_maps: (B, C_l, H_l, W_l) each.
            bboxes: (N, 4), in pixels of the network's input.
            image_ids: (N,), image of each object.

        Returns:
            Tensor: (N, out_channels).
        """
        centers = (bboxes[:, :2] + bboxes[:, 2:]) / 2
        read = [
            level(read_cells(own, centers / stride, image_ids))
            for level, stride, own in zip(self.levels, self.strides, feature_maps)
        ]
        return self.fuse(torch.cat(read, dim=1))


def read_cells(feature_map: Tensor, centers: Tensor, image_ids: Tensor) -> Tensor:
    """Read a map (B, C, H, W) around centres (N, 2), x and y in cells: (N, C)."""
    height, width = feature_map.shape[2:]
    steps = torch.arange(-1, 2, device=centers.device)
    weights = torch.exp(-(steps[:, None] ** 2 + steps**2).to(feature_map)).flatten()
    column, row = centers.floor().long().unbind(1)
    # The centre may lie on the border or, with padding, beyond it.
    columns = (column.clamp(0, width - 1)[:, None] + steps).clamp(0, width - 1)  # (N, 3)
    rows = (row.clamp(0, height - 1)[:, None] + steps).clamp(0, height - 1)
    cells = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)  # (N, 9)
    values = feature_map.flatten(2).transpose(1, 2)[image_ids[:, None], cells]  # (N, 9, C)
    return (values * (weights / weights.sum())[:, None]).sum(dim=1)


class SceneReader(nn.Module):
    """Reads a map as a few tokens that attend to each other.

    The map is pooled to a grid, normalised and projected; then a pre-norm Transformer
    layer follows. Source: the scene context of REACT++.

    Args:
        in_channels: Channels of the map.
        channels: Of a token. Defaults to 256.
        num_heads: Defaults to 4.
        feedforward_channels: Defaults to 512.
        grid: Side of the grid. Defaults to 4.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 256,
        num_heads: int = 4,
        feedforward_channels: int = 512,
        grid: int = 4,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.project = nn.Sequential(
            nn.LayerNorm(in_channels, elementwise_affine=False),
            nn.Linear(in_channels, channels, bias=False),
        )
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = Attention(channels, num_heads)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, feedforward_channels),
            nn.ReLU(inplace=True),
            nn.Linear(feedforward_channels, channels),
        )

    def forward(self, feature_map: Tensor) -> Tensor:
        """Read (B, in_channels, H, W): (B, grid * grid, channels)."""
        pooled = F.adaptive_avg_pool2d(feature_map, self.grid)
        tokens = self.project(pooled.flatten(2).transpose(1, 2))
        normed = self.attention_norm(tokens)
        tokens = tokens + self.attention(normed, normed)
        return tokens + self.feedforward(tokens)
