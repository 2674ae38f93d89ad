"""Appearance of object classes."""

from __future__ import annotations

from colorsys import hsv_to_rgb
from dataclasses import dataclass

import numpy as np

from .shapes import SILHOUETTES
from .textures import TEXTURES

#: Fraction of the golden ratio; it spreads any number of hues evenly.
_GOLDEN = 0.6180339887


@dataclass(frozen=True)
class ClassAppearance:
    """The appearance that instances of a class vary.

    Args:
        shape: A key of ``shapes.SILHOUETTES``.
        texture: A key of ``textures.TEXTURES``.
        hue: Base hue, 0..1.
        saturation: Base saturation, 0..1.
        value: Base brightness, 0..1.
        accent: Brightness of the texture's second colour relative to the first.
        accent_hue: Hue of the second colour relative to the first.
        period: Period of the texture relative to the object's short side.
        angle: Direction of the texture in radians.
        hue_jitter: Half the range of an instance's hue; 0.5 means any.
    """

    shape: str
    texture: str
    hue: float
    saturation: float = 0.6
    value: float = 0.75
    accent: float = 0.55
    accent_hue: float = 0.0
    period: float = 0.3
    angle: float = 0.0
    hue_jitter: float = 0.03

    def __post_init__(self) -> None:
        for field, known in (('shape', SILHOUETTES), ('texture', TEXTURES)):
            if getattr(self, field) not in known:
                raise ValueError(
                    f'ClassAppearance: {field} {getattr(self, field)!r} is '
                    f'not one of {sorted(known)}'
                )


def class_appearance(label: int, seed: int = 0) -> ClassAppearance:
    """Choose an appearance by the number of a class.

    Shape and texture cycle through lists of coprime length, so that the first two
    hundred classes have different combinations; hues are spread evenly.

    Args:
        label: Class, 0-based.
        seed: Another seed gives every class another appearance.
    """
    start = np.random.default_rng([seed, 0x10])
    shapes = start.permutation(sorted(SILHOUETTES))
    textures = start.permutation(sorted(TEXTURES))
    hue = start.random()
    own = np.random.default_rng([seed, 0x11, label])
    return ClassAppearance(
        shape=str(shapes[label % len(shapes)]),
        texture=str(textures[label % len(textures)]),
        hue=(hue + label * _GOLDEN) % 1.0,
        saturation=own.uniform(0.35, 0.85),
        value=own.uniform(0.55, 0.95),
        accent=own.uniform(0.35, 0.7),
        accent_hue=own.uniform(-0.15, 0.15),
        period=own.uniform(0.22, 0.45),
        angle=own.choice(4) * np.pi / 4,
    )


def instance_colors(look: ClassAppearance, rng: np.random.Generator) -> np.ndarray:
    """Choose two colours of an instance: (2, 3) float32, BGR 0..255."""
    hue = look.hue + look.hue_jitter * rng.uniform(-1, 1)
    saturation = look.saturation * rng.uniform(0.75, 1.2)
    value = look.value * rng.uniform(0.75, 1.2)
    colors = []
    for shift, factor in ((0.0, 1.0), (look.accent_hue, look.accent)):
        rgb = hsv_to_rgb((hue + shift) % 1.0, min(saturation, 1.0), min(value * factor, 1.0))
        colors.append(rgb[::-1])
    return np.array(colors, dtype=np.float32) * 255
