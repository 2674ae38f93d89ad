"""Encodings of boxes: where one lies, and how two lie to each other.

Shape shorthand: N objects, P pairs.
"""
from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from .normalization import BatchNorm1d


class _FourNumbers(nn.Module):
    """``dropout(ReLU(FC(BN(.))))`` of four numbers."""

    def __init__(self, dim: int = 128, dropout: float = 0.1,
                 momentum: float = 0.1) -> None:
        super().__init__()
        self.dim = dim
        self.layers = nn.Sequential(
            BatchNorm1d(4, momentum=momentum), nn.Linear(4, dim), nn.ReLU(inplace=True),
            nn.Dropout(dropout))


class BoxPositionEncoding(_FourNumbers):
    """``dropout(ReLU(FC(BN(cx, cy, w, h))))`` of each box, in pixels.

    Args:
        dim (int): Size of the encoding. Defaults to 128.
        dropout (float): Defaults to 0.1.
        momentum (float): Of the batch normalisation. Defaults to 0.1.
    """

    def forward(self, bboxes: Tensor) -> Tensor:
        """Encode boxes ``x1, y1, x2, y2`` (N, 4) to (N, dim)."""
        top_left, bottom_right = bboxes.chunk(2, dim=1)
        return self.layers(
            torch.cat([(top_left + bottom_right) / 2,
                       bottom_right - top_left], dim=1))


class RelativeLayoutEncoding(_FourNumbers):
    """How the object's box lies to the subject's (LinkNet, Woo et al., 2018).

    ``dropout(ReLU(FC(BN(dx / w_s, dy / h_s, log(w_o / w_s), log(h_o / h_s)))))``
    with the distances of the centres.

    Args:
        dim (int): Size of the encoding. Defaults to 128.
        dropout (float): Defaults to 0.1.
        momentum (float): Of the batch normalisation. Defaults to 0.1.
    """

    def forward(self, subjects: Tensor, objects: Tensor) -> Tensor:
        """Encode pairs of boxes ``x1, y1, x2, y2``, (P, 4) each: (P, dim)."""
        (centers_s, sizes_s), (centers_o, sizes_o) = map(
            _centers_and_sizes, (subjects, objects))
        return self.layers(
            torch.cat([(centers_o - centers_s) / sizes_s,
                       (sizes_o / sizes_s).log()], dim=1))


def _centers_and_sizes(bboxes: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 2) each; a side is at least a hundredth of a pixel."""
    top_left, bottom_right = bboxes.chunk(2, dim=1)
    return (top_left + bottom_right) / 2, (bottom_right -
                                           top_left).clamp(min=0.01)


def draw_pair_masks(subjects: Tensor, objects: Tensor,
                    size: int = 27) -> Tensor:
    """Draw two boxes into the frame of their union box.

    A cell's value is the share of its area that the box covers, computed as
    the product of the covered shares along x and along y.

    Args:
        subjects (Tensor): (P, 4), ``x1, y1, x2, y2``.
        objects (Tensor): (P, 4).
        size (int): Side of a mask in cells. Defaults to 27.

    Returns:
        Tensor: (P, 2, size, size), subject and object, within [0, 1].
    """
    boxes = torch.stack([subjects, objects], dim=1)  # (P, 2, 4)
    start = boxes[..., :2].amin(dim=1, keepdim=True)  # (P, 1, 2)
    extent = boxes[..., 2:].amax(dim=1, keepdim=True) - start
    scale = size / extent.clamp(min=1e-6)
    low = (boxes[..., :2] - start) * scale  # (P, 2, 2), x and y, in cells
    high = (boxes[..., 2:] - start) * scale
    cells = torch.arange(size, dtype=boxes.dtype, device=boxes.device)
    covered = ((cells + 1 - low[..., None]).clamp(0, 1) *
               (high[..., None] - cells).clamp(0, 1))  # (P, 2, 2, size)
    along_x, along_y = covered.unbind(dim=2)
    return along_y[..., :, None] * along_x[..., None, :]
