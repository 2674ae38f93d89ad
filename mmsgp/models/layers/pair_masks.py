"""Masks of the two boxes of a pair.

Shape shorthand: P pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor


def draw_pair_masks(subjects: Tensor, objects: Tensor, size: int = 27) -> Tensor:
    """Draw two boxes into the frame of their union box.

    A cell's value is the share of its area that the box covers, computed as
    the product of the covered shares along x and along y.

    Args:
        subjects: (P, 4), ``x1, y1, x2, y2``.
        objects: (P, 4).
        size: Side of a mask in cells. Defaults to 27.

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
    covered = (cells + 1 - low[..., None]).clamp(0, 1) * (high[..., None] - cells).clamp(
        0, 1
    )  # (P, 2, 2, size)
    along_x, along_y = covered.unbind(dim=2)
    return along_y[..., :, None] * along_x[..., None, :]
