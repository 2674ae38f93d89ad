"""Visual Relationship Detection (Lu et al., 2016), in JSON as published by StanfordVL."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from mmsgp.datasets.graph_annotations import GraphAnnotations
from mmsgp.datasets.json_fields import get_names
from mmsgp.datasets.vg_sgg.files import load_json, require_key

from .common import check_inside

TRAIN_FILE = 'annotations_train.json'
TEST_FILE = 'annotations_test.json'
METADATA_FILE = 'image_metadata.json'
HINT = f'. SRC_DIR has {TRAIN_FILE}, {METADATA_FILE}, objects.json and predicates.json'


def read_vrd(root: str) -> GraphAnnotations:
    """Read ``annotations_train.json`` and, if it is there, ``annotations_test.json``.

    Objects are distinct pairs of a category and a box. A box is at least a pixel wide
    and high, and within its image.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a value in it is wrong.
    """
    root = Path(root)
    names = read_vrd_names(root)
    counts = map(len, names.values())
    files = {'train': VRDFile(root / TRAIN_FILE, root / METADATA_FILE, *counts)}
    if (root / TEST_FILE).is_file():
        counts = map(len, names.values())
        files['test'] = VRDFile(root / TEST_FILE, root / METADATA_FILE, *counts)
    images = [
        dict(
            img_id=PurePath(name).stem,
            file_name=name,
            split=split,
            **file.read_image(name)._asdict(),
        )
        for split, file in files.items()
        for name in file.names
    ]
    annotations = GraphAnnotations.from_images(images, **names)
    check_inside(annotations, str(root), 'ymin, ymax, xmin, xmax')
    boxes = clip_boxes(annotations.boxes, annotations.sizes[annotations.image_of_box])
    return replace(annotations, boxes=boxes)


def read_vrd_names(root: str | os.PathLike) -> dict[str, tuple[str, ...]]:
    """Read the names of classes and predicates."""
    root = Path(root)
    return dict(
        classes=tuple(read_names(root / 'objects.json')),
        predicates=tuple(read_names(root / 'predicates.json')),
    )


class VRDImage(NamedTuple):
    """What is annotated of an image.

    Args:
        width: Of the image in pixels.
        height: Likewise.
        boxes: (N, 4) float64, ``x1, y1, x2, y2``, as they stand in the file.
        labels: (N,), 0-based.
        relations: (M, 3), subject, object and predicate ``1 .. R``.
    """

    width: int
    height: int
    boxes: np.ndarray
    labels: np.ndarray
    relations: np.ndarray


class VRDFile:
    """A file of annotations with the sizes of its images.

    Args:
        path: The annotations: lists of relations by image name.
        metadata_path: Width and height by image name.
        num_classes: Number of object categories.
        num_predicates: Number of predicates.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not a JSON object.
    """

    def __init__(
        self, path: Path, metadata_path: Path, num_classes: int, num_predicates: int
    ) -> None:
        self.path = path
        self.metadata_path = metadata_path
        self.annotations = load_json(str(path), HINT)
        self.metadata = load_json(str(metadata_path), HINT)
        for file, content in ((path, self.annotations), (metadata_path, self.metadata)):
            if not isinstance(content, dict):
                raise ValueError(f'{file} must map image names to their data')
        self.num_classes = num_classes
        self.num_predicates = num_predicates

    @property
    def names(self) -> list[str]:
        return sorted(self.annotations)

    def size(self, name: str) -> tuple[int, int]:
        """Return width and height of an image in pixels.

        Raises:
            ValueError: If the metadata lacks the image or its size, or the size
                is not positive.
        """
        if name not in self.metadata:
            raise ValueError(
                f'{self.metadata_path} has no entry for the image {name} of '
                f'{self.path}: add its width and height'
            )
        where = f'{self.metadata_path}, image {name},'
        if not isinstance(self.metadata[name], dict):
            raise ValueError(f'{where} must have width and height, got {self.metadata[name]!r}')
        for key in ('width', 'height'):
            require_key(self.metadata[name], key, where)
        width, height = (self.metadata[name][k] for k in ('width', 'height'))
        if not _are_numbers([width, height]) or min(width, height) <= 0:
            raise ValueError(
                f'{where} has width {width!r} and height {height!r}: expected positive numbers'
            )
        return width, height

    def read_image(self, name: str) -> VRDImage:
        """Read one image.

        Raises:
            ValueError: If a relation or the metadata lacks something, or a number
                is out of its range.
        """
        width, height = self.size(name)
        objects: dict[tuple, int] = {}
        relations = []
        if not isinstance(self.annotations[name], list):
            raise ValueError(
                f'{self._where(name)} must have a list of relations, got {self.annotations[name]!r}'
            )
        for relation in self.annotations[name]:
            pair = []
            for role in ('subject', 'object'):
                require_key(relation, role, self._where(name))
                key = self._object(name, relation[role])
                pair.append(objects.setdefault(key, len(objects)))
            require_key(relation, 'predicate', self._where(name))
            predicate = relation['predicate']
            self._check(name, 'predicate', predicate, self.num_predicates)
            relations.append((*pair, predicate + 1))
        table = np.array(list(objects), dtype=np.float64).reshape(-1, 5)
        return VRDImage(
            width=width,
            height=height,
            boxes=table[:, [3, 1, 4, 2]],
            labels=np.array([key[0] for key in objects], dtype=np.int64),
            relations=np.array(relations, dtype=np.int64).reshape(-1, 3),
        )

    def _object(self, name: str, entry: dict) -> tuple:
        """Check an object; return ``(category, ymin, ymax, xmin, xmax)``."""
        for key in ('category', 'bbox'):
            require_key(entry, key, self._where(name))
        self._check(name, 'category', entry['category'], self.num_classes)
        bbox = entry['bbox']
        if (
            not _are_numbers(bbox)
            or len(bbox) != 4
            or not (bbox[0] <= bbox[1] and bbox[2] <= bbox[3])
        ):
            raise ValueError(
                f'{self._where(name)} has the bbox {bbox!r}, expected [ymin, ymax, xmin, xmax]'
            )
        return entry['category'], *bbox

    def _check(self, name: str, key: str, value: int, count: int) -> None:
        if type(value) is not int or not 0 <= value < count:
            raise ValueError(
                f'{self._where(name)} has the {key} {value!r}, expected 0..{count - 1}'
            )

    def _where(self, name: str) -> str:
        return f'{self.path}: image {name}'


def clip_boxes(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Clip boxes (N, 4) to images of sizes (N, 2) or (2,), at least a pixel wide and high."""
    low = np.clip(boxes[:, :2], 0, sizes - 1)
    return np.concatenate([low, np.maximum(np.minimum(boxes[:, 2:], sizes), low + 1)], axis=1)


def read_names(path: Path) -> list[str]:
    """Read a list of class or predicate names.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it does not hold a list of distinct names.
    """
    names = load_json(str(path), HINT)
    if not isinstance(names, list):
        raise ValueError(f'{path} must hold a list of distinct names')
    return list(get_names({'names': names}, 'names', str(path)))


def _are_numbers(values: list) -> bool:
    return isinstance(values, list) and all(
        type(value) in (int, float) and abs(value) < 2**63 for value in values
    )
