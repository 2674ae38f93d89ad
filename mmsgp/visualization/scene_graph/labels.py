"""Place the names of boxes inside the picture, near their box, without overlap.

Shape shorthand: N boxes, Q candidate places.
"""

from __future__ import annotations

import numpy as np

# Distance between candidate places all over the picture, in points.
_GRID_STEP = 4.0


def place_labels(
    boxes: np.ndarray, sizes: np.ndarray, canvas: tuple[float, float], gap: float = 1.0
) -> np.ndarray:
    """Choose the top left corners of the labels of boxes.

    Labels of small boxes are placed first, because they have the fewest places
    near. A label gets the first free place of: above its box, inside at the top,
    below, inside at the bottom, first at the left side, then at the right side;
    else the free place that is nearest to its box's corner. If the picture is
    full, it gets the place where it covers other labels least.

    Args:
        boxes: (N, 4) ``x1, y1, x2, y2``.
        sizes: (N, 2) width and height of the labels.
        canvas: Width and height of the picture.
        gap: Smallest distance between two labels. Defaults to 1.0.

    Returns:
        np.ndarray: (N, 2) ``x, y``.
    """
    corners = np.zeros((len(boxes), 2))
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    taken = np.empty((0, 4))
    for index in np.argsort(areas, kind='stable'):
        candidates = _candidates(boxes[index], sizes[index], canvas)  # (Q, 2)
        corner = _clearest(candidates, sizes[index], taken, gap)
        corners[index] = corner
        taken = np.vstack([taken, np.hstack([corner, corner + sizes[index]])])
    return corners


def place_in_middle(
    size: np.ndarray, taken: np.ndarray, canvas: tuple[float, float], gap: float = 4.0
) -> np.ndarray:
    """Choose the top left corner of a text, as near to the middle as possible.

    Args:
        size: (2,) width and height of the text.
        taken: (N, 4) ``x1, y1, x2, y2`` of the occupied places.
        canvas: Width and height of the picture.
        gap: Smallest distance to occupied places. Defaults to 4.0.

    Returns:
        np.ndarray: (2,) ``x, y``.
    """
    limit = np.maximum(np.subtract(canvas, size), 0)
    return _clearest(_everywhere(limit / 2, limit), size, taken, gap)


def _candidates(box: np.ndarray, size: np.ndarray, canvas: tuple[float, float]) -> np.ndarray:
    """List places (Q, 2) of a label, best first, all inside the picture."""
    x1, y1, x2, y2 = box
    width, height = size
    right = x2 - width
    near = np.array([(x, y) for x in (x1, right) for y in (y1 - height, y1, y2, y2 - height)])
    limit = np.maximum(np.subtract(canvas, size), 0)
    everywhere = _everywhere(np.array([x1, y1 - height]), limit)
    inside = ((near >= 0) & (near <= limit)).all(axis=1)
    # Places that leave the picture are moved inside and come after the others.
    moved = np.clip(near[~inside], 0, limit)
    return np.vstack([near[inside], moved, everywhere])


def _everywhere(wanted: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """List places (Q, 2) all over the picture, nearest to the wanted one first."""
    xs = np.arange(0, limit[0] + 1e-6, _GRID_STEP)
    ys = np.arange(0, limit[1] + 1e-6, _GRID_STEP)
    places = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    distance = np.abs(places - wanted).sum(axis=1)
    return places[np.argsort(distance, kind='stable')]


def _clearest(
    candidates: np.ndarray, size: np.ndarray, taken: np.ndarray, gap: float
) -> np.ndarray:
    """Return the first free place (2,), else the one that covers least."""
    rectangles = np.hstack([candidates, candidates + size])
    return candidates[np.argmin(_covered_area(rectangles, taken, gap))]


def _covered_area(rectangles: np.ndarray, taken: np.ndarray, gap: float) -> np.ndarray:
    """Compute the area (Q,) that each rectangle shares with occupied places."""
    top_left = np.maximum(rectangles[:, None, :2], taken[None, :, :2] - gap)
    bottom_right = np.minimum(rectangles[:, None, 2:], taken[None, :, 2:] + gap)
    overlap = (bottom_right - top_left).clip(min=0)  # (Q, taken, 2)
    return overlap.prod(axis=2).sum(axis=1)
