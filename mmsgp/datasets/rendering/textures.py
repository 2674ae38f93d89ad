"""Procedural textures: maps from pixel coordinates to 0..1.

A texture mixes two colours. Coordinates are in periods and rotated by the instance's
angle, so that the same formula works for every scale and direction.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Map = np.ndarray
_TAU = np.float32(2 * np.pi)


def _sharpen(wave: Map) -> Map:
    """Turn a sine into bands with soft edges."""
    return np.clip(1.6 * wave + 0.5, 0, 1)


def _plain(u: Map, v: Map) -> Map:
    """A slow gradient, half a turn in eight periods."""
    return 0.5 + 0.5 * np.sin(_TAU * u / 16)


def _stripes(u: Map, v: Map) -> Map:
    return _sharpen(np.sin(_TAU * u))


def _waves(u: Map, v: Map) -> Map:
    return _sharpen(np.sin(_TAU * (u + 0.35 * np.sin(_TAU * v / 2))))


def _checker(u: Map, v: Map) -> Map:
    return _sharpen(2 * np.sin(_TAU * u / 1.6) * np.sin(_TAU * v / 1.6))


def _plaid(u: Map, v: Map) -> Map:
    return 0.5 * (_sharpen(np.sin(_TAU * u)) + _sharpen(np.sin(_TAU * v)))


def _dots(u: Map, v: Map) -> Map:
    radius = np.hypot(u - np.round(u), v - np.round(v))
    return np.clip((0.34 - radius) * 8 + 0.5, 0, 1)


def _rings(u: Map, v: Map) -> Map:
    return _sharpen(np.sin(_TAU * np.hypot(u, v)))


def _bricks(u: Map, v: Map) -> Map:
    row = np.floor(v)
    along = u / 2 + 0.5 * (row % 2)
    joint = np.minimum(np.abs(v - row - 0.5), 2 * np.abs(along - np.floor(along) - 0.5))
    return np.clip((0.4 - joint) * 10, 0, 1)


def _scales(u: Map, v: Map) -> Map:
    row = np.floor(v)
    along = u + 0.5 * (row % 2)
    radius = np.hypot(along - np.round(along), v - row)
    return np.clip(radius * 1.2, 0, 1)


TEXTURES: dict[str, Callable[[Map, Map], Map]] = {
    'plain': _plain,
    'stripes': _stripes,
    'waves': _waves,
    'checker': _checker,
    'plaid': _plaid,
    'dots': _dots,
    'rings': _rings,
    'bricks': _bricks,
    'scales': _scales,
}


def draw_texture(
    name: str,
    width: int,
    height: int,
    origin: tuple[float, float],
    period: float,
    angle: float,
    phase: tuple[float, float],
) -> Map:
    """Draw a texture over a crop.

    Args:
        name: A key of :data:`TEXTURES`.
        width: The crop's width.
        height: The crop's height.
        origin: Centre of the texture, x and y in pixels of the crop.
        period: Pixels per repetition.
        angle: Direction in radians.
        phase: Shift along both axes, in periods.

    Returns:
        ndarray: (height, width) float32 in 0..1.
    """
    x = (np.arange(width, dtype=np.float32) - np.float32(origin[0])) / period
    y = (np.arange(height, dtype=np.float32) - np.float32(origin[1])) / period
    x, y = x.astype(np.float32)[None], y.astype(np.float32)[:, None]
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u = cos * x + sin * y + np.float32(phase[0])
    v = cos * y - sin * x + np.float32(phase[1])
    return TEXTURES[name](u, v)
