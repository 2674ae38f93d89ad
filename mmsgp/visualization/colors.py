"""Colours of classes, and readable text on them."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

_GOLDEN_RATIO = 0.618033988749895
# Neighbouring hues also differ in lightness.
_LIGHTNESS = (0.42, 0.62, 0.52, 0.74)


def class_colors(num_classes: int, palette: Sequence[Sequence[int]] | None = None) -> np.ndarray:
    """Choose the colours of the object classes.

    Args:
        num_classes: C.
        palette: C colours ``(r, g, b)`` from 0 to 255, as in a dataset's
            metainfo. Defaults to None: hues are spread by the golden ratio, so
            that a class keeps its colour when more classes are added.

    Returns:
        np.ndarray: (C, 3), from 0 to 1.

    Raises:
        ValueError: If the palette has fewer colours than there are classes.
    """
    if palette is None:
        return np.array(
            [
                colorsys.hls_to_rgb(
                    index * _GOLDEN_RATIO % 1.0, _LIGHTNESS[index % len(_LIGHTNESS)], 0.65
                )
                for index in range(num_classes)
            ]
        ).reshape(-1, 3)
    if len(palette) < num_classes:
        raise ValueError(
            f'the palette has {len(palette)} colours for {num_classes} classes: '
            "give dataset_meta['palette'] one (r, g, b) per class"
        )
    return np.asarray(palette[:num_classes], dtype=float).reshape(-1, 3) / 255


def relative_luminance(color: Sequence[float]) -> float:
    """Compute the relative luminance of an sRGB colour, 0 to 1 (WCAG 2.1)."""
    rgb = np.asarray(color, dtype=float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def text_color(background: Sequence[float]) -> str:
    """Choose ``'black'`` or ``'white'`` by the higher contrast (WCAG 2.1)."""
    luminance = relative_luminance(background)
    on_white = 1.05 / (luminance + 0.05)
    on_black = (luminance + 0.05) / 0.05
    return 'black' if on_black > on_white else 'white'
