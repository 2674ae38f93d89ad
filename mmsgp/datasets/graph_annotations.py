"""The annotations of all images of a data set, in a few flat arrays.

Shape shorthand: I images, B boxes and M relations of all images together;
N boxes and K relations of one image.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np


def ragged_arange(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Concatenate ``arange(start, start + count)`` over all pairs.

    Example:
        >>> ragged_arange(np.array([5, 0]), np.array([2, 3]))
        array([5, 6, 0, 1, 2])
    """
    offsets = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(starts - offsets, counts)


def offsets_of(counts: np.ndarray) -> np.ndarray:
    """Row ranges of consecutive groups: (I,) counts to (I+1,) offsets."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


@dataclass(frozen=True, eq=False)
class VGAnnotations:
    """Images, boxes and relations, read like a list of dictionaries.

    A million boxes as Python objects would take gigabytes and, as every
    access changes a reference count, be copied into each worker of a
    ``DataLoader``. Arrays take a few dozen megabytes, and forked workers share
    them. They are read-only, so that copies of the container share them too.

    Args:
        image_ids: (I,) int64, an image's file is named after its id.
        sizes: (I, 2) int64, width and height in pixels.
        splits: (I,) int64, the split's code in the file.
        boxes: (B, 4) float32, ``x1, y1, x2, y2`` in the image's pixels.
        labels: (B,) int64, classes ``0 .. C-1``.
        box_offsets: (I+1,) int64, image ``i`` has the boxes
            ``box_offsets[i] : box_offsets[i+1]``.
        relations: (M, 3) int64, subject and object, as indices into the boxes
            of the image, and predicate ``1 .. R``.
        relation_offsets: (I+1,) int64, like ``box_offsets``.
    """

    image_ids: np.ndarray
    sizes: np.ndarray
    splits: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    box_offsets: np.ndarray
    relations: np.ndarray
    relation_offsets: np.ndarray

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).setflags(write=False)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __deepcopy__(self, memo: dict) -> VGAnnotations:
        return self

    def __getitem__(self, index: int | slice) -> dict | VGAnnotations:
        """The annotations of an image, or of a range of images.

        Returns:
            For an integer a dict of ``img_id``, ``width``, ``height``,
            ``instances`` (N dicts of ``bbox``, ``bbox_label`` and
            ``ignore_flag``) and ``relations``, (K, 3) int64; for a slice a
            :class:`VGAnnotations`.

        Raises:
            IndexError: If there is no such image.
        """
        if isinstance(index, slice):
            return self.subset(np.arange(len(self))[index])
        if not -len(self) <= index < len(self):
            raise IndexError(
                f'image {index} of a data set of {len(self)} images')
        index %= len(self)
        rows = slice(*self.box_offsets[index:index + 2])
        relations = slice(*self.relation_offsets[index:index + 2])
        width, height = self.sizes[index].tolist()
        instances = [
            dict(bbox=box, bbox_label=label, ignore_flag=0)
            for box, label in zip(
                self.boxes[rows].tolist(),
                self.labels[rows].tolist(),
                strict=True)
        ]
        return dict(
            img_id=int(self.image_ids[index]),
            width=width,
            height=height,
            instances=instances,
            relations=self.relations[relations].copy())

    @property
    def num_boxes(self) -> np.ndarray:
        """np.ndarray: (I,), boxes of each image."""
        return np.diff(self.box_offsets)

    @property
    def num_relations(self) -> np.ndarray:
        """np.ndarray: (I,), relations of each image."""
        return np.diff(self.relation_offsets)

    @property
    def relation_boxes(self) -> np.ndarray:
        """np.ndarray: (M, 2), subject and object as rows of ``boxes``."""
        first_box = np.repeat(self.box_offsets[:-1], self.num_relations)
        return self.relations[:, :2] + first_box[:, None]

    def subset(self, indices: Sequence[int] | np.ndarray) -> VGAnnotations:
        """The annotations of some images, in the order given.

        Args:
            indices: Image indices, negative ones from the end, or (I,)
                booleans.
        """
        indices = np.asarray(indices)
        if not indices.size:  # NumPy takes an empty list for floats
            indices = indices.astype(np.int64)
        indices = np.arange(len(self))[indices]
        num_boxes = self.num_boxes[indices]
        num_relations = self.num_relations[indices]
        rows = ragged_arange(self.box_offsets[indices], num_boxes)
        relations = ragged_arange(self.relation_offsets[indices],
                                  num_relations)
        return VGAnnotations(
            image_ids=self.image_ids[indices],
            sizes=self.sizes[indices],
            splits=self.splits[indices],
            boxes=self.boxes[rows],
            labels=self.labels[rows],
            box_offsets=offsets_of(num_boxes),
            relations=self.relations[relations],
            relation_offsets=offsets_of(num_relations))
