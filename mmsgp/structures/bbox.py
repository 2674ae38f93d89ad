"""Geometry of boxes ``x1, y1, x2, y2``."""

from __future__ import annotations

import numpy as np


def boxes_overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether boxes share more than an edge.

    Args:
        boxes: (..., 4), ``x1, y1, x2, y2``.
        others: (..., 4), broadcast against ``boxes``.

    Returns:
        np.ndarray: (...) bool, whether the intersection has a positive area.
    """
    top_left = np.maximum(boxes[..., :2], others[..., :2])
    bottom_right = np.minimum(boxes[..., 2:], others[..., 2:])
    overlap = bottom_right > top_left
    return overlap[..., 0] & overlap[..., 1]
