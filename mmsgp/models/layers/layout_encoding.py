"""Encodings of boxes: position of one, relative layout of two.

Shape shorthand: N objects, P pairs.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from .normalization import BatchNorm1d


class _BoxEncoding(nn.Module):
    """``dropout(ReLU(FC(BN(.))))`` of four numbers."""

    def __init__(self, dim: int = 128, dropout: float = 0.1, momentum: float = 0.1) -> None:
        super().__init__()
        self.dim = dim
        self.layers = nn.Sequential(
            BatchNorm1d(4, momentum=momentum),
            nn.Linear(4, dim),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )


class BoxPositionEncoding(_BoxEncoding):
    """``dropout(ReLU(FC(BN(cx, cy, w, h))))`` of each box, in pixels.

    Args:
        dim: Size of the encoding. Defaults to 128.
        dropout: Defaults to 0.1.
        momentum: Of the batch normalisation. Defaults to 0.1.
    """

    def forward(self, bboxes: Tensor) -> Tensor:
        """Encode boxes ``x1, y1, x2, y2`` (N, 4) to (N, dim)."""
        top_left, bottom_right = bboxes.chunk(2, dim=1)
        return self.layers(
            torch.cat([(top_left + bottom_right) / 2, bottom_right - top_left], dim=1)
        )


class RelativeLayoutEncoding(_BoxEncoding):
    """Object's box relative to the subject's (LinkNet, Woo et al., 2018).

    ``dropout(ReLU(FC(BN(dx / w_s, dy / h_s, log(w_o / w_s), log(h_o / h_s)))))``
    with the distances of the centres.

    Args:
        dim: Size of the encoding. Defaults to 128.
        dropout: Defaults to 0.1.
        momentum: Of the batch normalisation. Defaults to 0.1.
    """

    def forward(self, subjects: Tensor, objects: Tensor) -> Tensor:
        """Encode pairs of boxes ``x1, y1, x2, y2``, (P, 4) each: (P, dim)."""
        (centers_s, sizes_s), (centers_o, sizes_o) = map(_centers_and_sizes, (subjects, objects))
        return self.layers(
            torch.cat([(centers_o - centers_s) / sizes_s, (sizes_o / sizes_s).log()], dim=1)
        )


def _centers_and_sizes(bboxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return (n, 2) each; a side has at least a hundredth of a pixel."""
    top_left, bottom_right = bboxes.chunk(2, dim=1)
    return (top_left + bottom_right) / 2, (bottom_right - top_left).clamp(min=0.01)
