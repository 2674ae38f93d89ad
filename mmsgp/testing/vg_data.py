"""Tiny data sets in the VG-SGG format, for tests."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmsgp.datasets import VGDataset, write_vg_sgg

IMAGE_FOLDER = 'images'


@dataclass
class VGData:
    """Written data, to compare it with the data that is read.

    Args:
        root: Folder of the three files and of ``images/``.
        images: ``image_id``, ``width``, ``height`` and ``split`` of each image.
        boxes: (N, 4) float64 of each image, ``x1, y1, x2, y2`` in pixels.
        labels: (N,) of each image, 0-based.
        relations: (M, 3) of each image: subject, object, predicate ``1 .. R``.
        classes: Names.
        predicates: Names.
    """

    root: Path
    images: list[dict]
    boxes: list[np.ndarray]
    labels: list[np.ndarray]
    relations: list[np.ndarray]
    classes: tuple[str, ...]
    predicates: tuple[str, ...]

    def kwargs(self, **changes) -> dict:
        """Return arguments of :class:`VGDataset`, with one validation image."""
        return {
            **dict(data_root=str(self.root), data_prefix=dict(img=IMAGE_FOLDER), num_val_images=1),
            **changes,
        }

    def dataset(self, **changes) -> VGDataset:
        """Build the data set, with changes to :meth:`kwargs`."""
        return VGDataset(**self.kwargs(**changes))

    def write(self, **kwargs) -> VGData:
        """Write the three annotation files (again, after a change).

        Args:
            **kwargs: Further arguments of :func:`write_vg_sgg`.
        """
        write_vg_sgg(
            self.root,
            self.images,
            self.boxes,
            self.labels,
            self.relations,
            self.classes,
            self.predicates,
            **kwargs,
        )
        return self


def make_vg_data(
    root: str | os.PathLike,
    num_train: int = 6,
    num_test: int = 2,
    num_classes: int = 5,
    num_predicates: int = 4,
    num_objects: tuple[int, int] = (2, 6),
    image_size: tuple[int, int] = (64, 48),
    with_images: bool = True,
    seed: int = 0,
) -> VGData:
    """Write a random data set; the first training image is for validation.

    Args:
        root: Folder to write to, e.g. pytest's ``tmp_path``.
        num_train: Training images, including those for validation.
        num_test: Test images.
        num_classes: C.
        num_predicates: R.
        num_objects: Smallest and largest number of objects per image. An image
            with two or more has as many relations as objects; pairs may repeat.
        image_size: Width and height; each image is up to 8 pixels larger.
        with_images: Whether to write image files, of random noise.
        seed: The same seed gives the same data.
    """
    rng = np.random.default_rng(seed)
    data = VGData(
        root=Path(root),
        images=[],
        boxes=[],
        labels=[],
        relations=[],
        classes=tuple(f'class {c}' for c in range(num_classes)),
        predicates=tuple(f'predicate {p}' for p in range(1, num_predicates + 1)),
    )
    for index in range(num_train + num_test):
        width, height = rng.integers(8, size=2) + image_size
        n = rng.integers(num_objects[0], num_objects[1] + 1)
        data.images.append(
            dict(
                image_id=index + 1,
                width=int(width),
                height=int(height),
                split='train' if index < num_train else 'test',
            )
        )
        data.boxes.append(_random_boxes(rng, n, width, height))
        data.labels.append(rng.integers(num_classes, size=n))
        data.relations.append(_random_relations(rng, n, num_predicates))
        if with_images:
            _write_image(data.root, data.images[-1], rng)
    return data.write()


def _random_boxes(rng: np.random.Generator, n: int, width: int, height: int) -> np.ndarray:
    size = np.array([width, height])
    top_left = rng.uniform(0, 0.6, size=(n, 2))
    bottom_right = top_left + rng.uniform(0.1, 0.4, size=(n, 2))
    return np.concatenate([top_left * size, bottom_right * size], axis=1)


def _random_relations(rng: np.random.Generator, n: int, num_predicates: int) -> np.ndarray:
    if n < 2:
        return np.empty((0, 3), dtype=np.int64)
    subjects = rng.integers(n, size=n)
    objects = (subjects + rng.integers(1, n, size=n)) % n  # never the subject
    predicates = rng.integers(1, num_predicates + 1, size=n)
    return np.column_stack([subjects, objects, predicates])


def _write_image(root: Path, image: dict, rng: np.random.Generator) -> None:
    folder = root / IMAGE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(256, size=(image['height'], image['width'], 3), dtype=np.uint8)
    cv2.imwrite(str(folder / f'{image["image_id"]}.jpg'), pixels)
