"""Definitions, written as naively as they read."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def iou(a: Sequence, b: Sequence, number: Callable = float):
    """IoU of two boxes with an area, ``x1, y1, x2, y2``.

    Args:
        a: A box.
        b: Another.
        number: The kind of numbers to compute with, such as ``Fraction``.
    """
    x1, y1, x2, y2 = map(number, a)
    u1, v1, u2, v2 = map(number, b)
    width = max(min(x2, u2) - max(x1, u1), 0)
    height = max(min(y2, v2) - max(y1, v1), 0)
    common = width * height
    return common / ((x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - common)
