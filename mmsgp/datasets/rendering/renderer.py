"""Render an image of any annotated layout.

Annotations without image files, and generated scenes, become images from which a
detector can learn boxes and labels. This is not trivial: instances of a class vary,
occlude each other and lie on clutter, under uneven light, with blur and noise.

Shape shorthand: N objects, H and W the image's height and width.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .appearance import ClassAppearance, class_appearance, instance_colors
from .shapes import draw_mask
from .textures import TEXTURES, draw_texture

#: Increase it if the same seed gives other pixels.
VERSION = 2
#: Silhouettes of the clutter; classes have them, too.
_CLUTTER_SHAPES = ('ellipse', 'rounded', 'triangle', 'diamond', 'star')


class LayoutRenderer:
    """Renders boxes and labels as an image.

    The same seed, image id and layout give the same pixels, independent of earlier
    images and of the process.

    Args:
        num_classes: Number of object classes.
        appearances: Appearance of each class. Defaults to None: chosen by class
            and seed.
        seed: Seed of appearances and images.
        clutter: Mean number of distractors in the background.
        noise: Standard deviation of the sensor noise, in grey levels.
        blur: Standard deviation of the blur in pixels, for an image whose longer
            side is 160; it grows with the square root of that side.

    Example:
        >>> renderer = LayoutRenderer(num_classes=2)
        >>> image = renderer.render(
        ...     image_id=1, width=64, height=48,
        ...     boxes=np.array([[4, 8, 30, 40]]), labels=np.array([1]))
        >>> image.shape
        (48, 64, 3)
    """

    def __init__(
        self,
        num_classes: int,
        appearances: Sequence[ClassAppearance] | None = None,
        seed: int = 0,
        clutter: float = 9.0,
        noise: float = 6.0,
        blur: float = 0.5,
    ) -> None:
        if appearances is None:
            appearances = [class_appearance(label, seed) for label in range(num_classes)]
        if len(appearances) != num_classes:
            raise ValueError(
                f'LayoutRenderer: {len(appearances)} appearances for {num_classes} classes'
            )
        self.appearances = tuple(appearances)
        self.seed = seed
        self.clutter = clutter
        self.noise = noise
        self.blur = blur

    def __repr__(self) -> str:
        # Fingerprints contain it, to notice images of other settings.
        return (
            f'{type(self).__name__}(version={VERSION}, '
            f'appearances={self.appearances}, seed={self.seed}, '
            f'clutter={self.clutter}, noise={self.noise}, blur={self.blur})'
        )

    def render(
        self,
        image_id: int,
        width: int,
        height: int,
        boxes: np.ndarray,
        labels: np.ndarray,
        depths: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw a layout.

        Args:
            image_id: Seed of this image.
            width: Image width in pixels.
            height: Image height in pixels.
            boxes: (N, 4), ``x1, y1, x2, y2`` in pixels.
            labels: (N,), classes, 0-based.
            depths: (N,), painting order, smallest first. Defaults to None: larger
                boxes are painted first.

        Returns:
            ndarray: (H, W, 3) uint8, BGR.

        Raises:
            ValueError: If a label is not one of the renderer's classes.
        """
        boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        labels = np.asarray(labels, dtype=np.int64).reshape(-1)
        self._check_labels(image_id, labels)
        if depths is None:
            depths = -np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        rng = np.random.default_rng([self.seed, 0x20, image_id])
        canvas = self._background(width, height, rng)
        for index in np.argsort(depths, kind='stable'):
            # Own generators: an object's look is independent of other objects.
            instance = np.random.default_rng([self.seed, 0x21, image_id, index])
            self._paint_object(canvas, boxes[index], self.appearances[labels[index]], instance)
        return self._photograph(canvas, rng)

    def _check_labels(self, image_id: int, labels: np.ndarray) -> None:
        wrong = labels[(labels < 0) | (labels >= len(self.appearances))]
        if len(wrong):
            raise ValueError(
                f'Image {image_id}: label {wrong[0]} is not within 0..{len(self.appearances) - 1}'
            )

    def _background(self, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
        """Draw a smooth ground of dull colours, and clutter: (H, W, 3) float32."""
        base = (
            rng.uniform(90, 190)
            + rng.uniform(-20, 20, 3)
            + rng.uniform(-15, 15, (5, 5, 1))
            + rng.uniform(-6, 6, (5, 5, 3))
        )
        canvas = cv2.resize(base.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        longer = max(width, height)
        for _ in range(rng.poisson(self.clutter)):
            size = longer * rng.uniform(0.06, 0.3) * rng.uniform(0.25, 1, 2)
            centre = rng.uniform(0, 1, 2) * (width, height)
            look = ClassAppearance(
                shape=str(rng.choice(_CLUTTER_SHAPES)),
                texture=str(rng.choice(sorted(TEXTURES))),
                hue=rng.random(),
                saturation=rng.uniform(0.05, 0.35),
                value=rng.uniform(0.35, 0.8),
                accent=rng.uniform(0.75, 0.95),
                period=rng.uniform(0.2, 0.5),
                angle=rng.uniform(0, np.pi),
            )
            box = np.concatenate([centre - size / 2, centre + size / 2])
            self._paint(canvas, box, look, rng, opacity=rng.uniform(0.3, 0.7))
        return canvas

    def _paint_object(
        self, canvas: np.ndarray, box: np.ndarray, look: ClassAppearance, rng: np.random.Generator
    ) -> None:
        """Paint a dark rim, then the object, onto the canvas (H, W, 3) in place."""
        rim = max(canvas.shape[:2]) / 160
        if min(box[2] - box[0], box[3] - box[1]) > 6 * rim:
            window, inner = _clip(canvas, box)
            if window.size:
                mask = draw_mask(look.shape, inner, *window.shape[1::-1])
                window *= 1 - np.float32(0.55) * mask[..., None]
            box = box + rim * np.array([1, 1, -1, -1])
        self._paint(canvas, box, look, rng)

    def _paint(
        self,
        canvas: np.ndarray,
        box: np.ndarray,
        look: ClassAppearance,
        rng: np.random.Generator,
        opacity: float = 1.0,
    ) -> None:
        """Blend one silhouette into the canvas, in place."""
        crop, inner = _clip(canvas, box)
        if not crop.size:
            return
        height, width = crop.shape[:2]
        mask = draw_mask(look.shape, inner, width, height)
        mask *= np.float32(opacity)
        texture = self._texture(inner, look, rng, width, height)
        first, second = instance_colors(look, rng)
        color = second + texture[..., None] * (first - second)
        # The upper part of an object is lighter than its lower part.
        light = np.linspace(1.12, 0.88, height, dtype=np.float32)
        color *= light[:, None, None]
        crop += mask[..., None] * (color - crop)

    @staticmethod
    def _texture(
        box: np.ndarray, look: ClassAppearance, rng: np.random.Generator, width: int, height: int
    ) -> np.ndarray:
        size = box[2:] - box[:2]
        period = max(look.period * min(size) * rng.uniform(0.8, 1.25), 3.0)
        # Rings keep their centre; other textures are shifted.
        phase = rng.uniform(-0.5, 0.5, 2)
        centre = box[:2] + size * rng.uniform(0.4, 0.6, 2)
        angle = look.angle + rng.uniform(-0.2, 0.2)
        if look.texture == 'rings':
            phase = phase * 0
        return draw_texture(look.texture, width, height, tuple(centre), period, angle, tuple(phase))

    def _photograph(self, canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add uneven light, blur and sensor noise."""
        height, width = canvas.shape[:2]
        slope_x, slope_y = rng.uniform(-0.2, 0.2, 2)
        level = rng.uniform(0.9, 1.1)
        light = (
            level
            + slope_x * np.linspace(-1, 1, width)[None]
            + slope_y * np.linspace(-1, 1, height)[:, None]
        )
        canvas = canvas * light[..., None].astype(np.float32)
        sigma = self.blur * rng.uniform(0.6, 1.4) * np.sqrt(max(width, height) / 160)
        if sigma > 0:
            canvas = cv2.GaussianBlur(canvas, (0, 0), sigma)
        canvas = canvas + np.float32(self.noise) * rng.standard_normal(
            canvas.shape, dtype=np.float32
        )
        return np.clip(canvas + 0.5, 0, 255).astype(np.uint8)


def _clip(canvas: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the view of the canvas around a box, and the box inside this view."""
    height, width = canvas.shape[:2]
    x1, y1 = np.maximum(np.floor(box[:2]), 0).astype(int)
    x2, y2 = np.minimum(np.ceil(box[2:]), (width, height)).astype(int)
    x2, y2 = max(x1, x2), max(y1, y2)
    return canvas[y1:y2, x1:x2], box - (x1, y1, x1, y1)
