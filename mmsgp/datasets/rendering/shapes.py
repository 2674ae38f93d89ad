"""Silhouettes in the unit square, and their masks inside a box.

Every silhouette touches all four sides of the unit square, so that a drawn object
fills its annotated box.
"""

from __future__ import annotations

import cv2
import numpy as np

#: Fractional bits of the vertices given to OpenCV.
_SHIFT = 4


def _ellipse(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)


def _rectangle(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])


def _rounded(radius: float) -> np.ndarray:
    quarter = np.linspace(0, np.pi / 2, 6)
    corners = [
        (1 - radius, 1 - radius, 0),
        (radius, 1 - radius, 1),
        (radius, radius, 2),
        (1 - radius, radius, 3),
    ]
    return np.concatenate(
        [
            np.stack(
                [
                    cx + radius * np.cos(quarter + k * np.pi / 2),
                    cy + radius * np.sin(quarter + k * np.pi / 2),
                ],
                axis=1,
            )
            for cx, cy, k in corners
        ]
    )


def _star(points: int) -> np.ndarray:
    angle = np.arange(2 * points) * np.pi / points - np.pi / 2
    radius = np.where(np.arange(2 * points) % 2, 0.55, 1.0)
    star = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    low, high = star.min(0), star.max(0)
    return (star - low) / (high - low)


#: Polygons by name, each (K, 2) with x to the right and y downwards. The union of
#: the polygons is the silhouette.
SILHOUETTES: dict[str, tuple[np.ndarray, ...]] = {
    'ellipse': (_ellipse(0.5, 0.5, 0.5, 0.5),),
    'rounded': (_rounded(0.18),),
    'rectangle': (_rectangle(0, 0, 1, 1),),
    'triangle': (np.array([(0.5, 0), (1, 1), (0, 1)]),),
    'diamond': (np.array([(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)]),),
    'cross': (_rectangle(0.3, 0, 0.7, 1), _rectangle(0, 0.3, 1, 0.7)),
    'hexagon': (np.array([(0.25, 0), (0.75, 0), (1, 0.5), (0.75, 1), (0.25, 1), (0, 0.5)]),),
    'star': (_star(6),),
    'person': (
        _rectangle(0.24, 0.22, 0.76, 0.66),
        _rectangle(0.26, 0.6, 0.47, 1),
        _rectangle(0.53, 0.6, 0.74, 1),
        np.array(
            [(0.3, 0.22), (0.7, 0.22), (1, 0.52), (0.9, 0.6), (0.5, 0.38), (0.1, 0.6), (0, 0.52)]
        ),
        _ellipse(0.5, 0.13, 0.19, 0.13),
    ),
    'quadruped': (
        _ellipse(0.46, 0.5, 0.44, 0.27),
        _rectangle(0.1, 0.5, 0.26, 1),
        _rectangle(0.62, 0.5, 0.78, 1),
        np.array([(0, 0.24), (0.1, 0.2), (0.2, 0.5), (0.08, 0.52)]),
        _ellipse(0.83, 0.24, 0.17, 0.24),
    ),
    'vehicle': (
        _rounded(0.18) * [1, 0.5] + [0, 0.35],
        np.array([(0.24, 0), (0.74, 0), (0.9, 0.4), (0.1, 0.4)]),
        _ellipse(0.22, 0.84, 0.14, 0.16),
        _ellipse(0.78, 0.84, 0.14, 0.16),
    ),
    'wheels': (
        _ellipse(0.23, 0.68, 0.23, 0.32),
        _ellipse(0.77, 0.68, 0.23, 0.32),
        np.array([(0.23, 0.72), (0.38, 0.16), (0.8, 0.1), (0.84, 0.7), (0.5, 0.74)]),
        _rectangle(0.26, 0, 0.5, 0.2),
    ),
    'tree': (_rectangle(0.42, 0.55, 0.58, 1), _ellipse(0.5, 0.33, 0.5, 0.33)),
    'table': (
        _rectangle(0, 0, 1, 0.42),
        _rectangle(0.05, 0.3, 0.2, 1),
        _rectangle(0.8, 0.3, 0.95, 1),
    ),
    'chair': (_rectangle(0, 0, 0.28, 1), _rectangle(0, 0.48, 1, 0.7), _rectangle(0.8, 0.5, 1, 1)),
    'sofa': (
        _rounded(0.18) * [0.8, 1] + [0.1, 0],
        _rectangle(0, 0.35, 0.2, 1),
        _rectangle(0.8, 0.35, 1, 1),
    ),
    'house': (np.array([(0, 0.22), (0.5, 0), (1, 0.22), (1, 1), (0, 1)]),),
    'dome': (_ellipse(0.5, 0.55, 0.32, 0.55) * [1, 1] * [1, 0.91], _rectangle(0, 0.66, 1, 1)),
    'cup': (
        np.array([(0, 0), (0.78, 0), (0.66, 1), (0.12, 1)]),
        np.array([(0.7, 0.12), (1, 0.12), (1, 0.62), (0.68, 0.62)]),
    ),
    'shirt': (
        _rectangle(0.2, 0, 0.8, 1),
        np.array(
            [(0.2, 0), (0.8, 0), (1, 0.42), (0.82, 0.52), (0.5, 0.3), (0.18, 0.52), (0, 0.42)]
        ),
    ),
    'bag': (_rectangle(0, 0.36, 1, 1), np.array([(0.2, 0.45), (0.3, 0), (0.7, 0), (0.8, 0.45)])),
    'wings': (
        _ellipse(0.5, 0.66, 0.24, 0.34),
        np.array([(0, 0), (0.5, 0.5), (1, 0), (0.8, 0.75), (0.5, 0.9), (0.2, 0.75)]),
    ),
    'lamp': (
        np.array([(0.25, 0), (0.75, 0), (1, 0.5), (0, 0.5)]),
        _rectangle(0.4, 0.4, 0.6, 1),
        _rectangle(0.2, 0.86, 0.8, 1),
    ),
    'laptop': (
        _rectangle(0.12, 0, 0.88, 0.72),
        np.array([(0.12, 0.7), (0.88, 0.7), (1, 1), (0, 1)]),
    ),
    'book': (np.array([(0, 0.12), (0.5, 0.24), (1, 0), (1, 0.84), (0.5, 1), (0, 0.9)]),),
}


def draw_mask(name: str, box: np.ndarray, width: int, height: int) -> np.ndarray:
    """Compute how much a silhouette covers each pixel of a crop.

    Args:
        name: A key of :data:`SILHOUETTES`.
        box: (4,), the silhouette's box ``x1, y1, x2, y2`` in pixels of the crop;
            parts may be outside.
        width: The crop's width.
        height: The crop's height.

    Returns:
        ndarray: (height, width) float32 in 0..1, anti-aliased.
    """
    mask = np.zeros((height, width), dtype=np.uint8)
    size = box[2:] - box[:2]
    for polygon in SILHOUETTES[name]:
        # OpenCV's integer coordinates are pixel centres, hence the half pixel.
        vertices = box[:2] + polygon * size - 0.5
        vertices = np.round(vertices * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(mask, [vertices], 255, cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) * np.float32(1 / 255)
