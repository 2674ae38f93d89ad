"""Statistics of classes and predicates in the training annotations.

Shape shorthand: I images, B boxes, M relations, P pairs of boxes, C object
classes, R predicates. Index C of an axis over classes is the background, index
0 of an axis over predicates is *unknown*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from mmsgp.structures.bbox import boxes_overlap

from .graph_annotations import GraphAnnotations, ragged_arange

# Pairs of boxes that are held in memory at once, about 100 bytes each.
_PAIRS_PER_CHUNK = 100_000
_CELLS_PER_CHUNK = 1_000_000  # of a table of images and classes


@dataclass(frozen=True, eq=False)
class DatasetStatistics:
    """Counts over the training images that have relations.

    The sum of two has the counts of all their images.

    Args:
        triplet_counts: (C+1, C+1, R+1) int64 over subject class, object class
            and predicate. For a predicate the number of annotated relations;
            for unknown one more than the number of ordered pairs of boxes
            that overlap, or of all pairs in an image where none do.
        object_counts: (C,) int64, boxes of each class.
        images_with: (C,) int64, images that have the class.
        images_with_both: (C, C) int64, images that have both classes; on the
            diagonal those with two or more boxes of the class.
    """

    triplet_counts: np.ndarray
    object_counts: np.ndarray
    images_with: np.ndarray
    images_with_both: np.ndarray

    @classmethod
    def from_annotations(cls, annotations: GraphAnnotations) -> DatasetStatistics:
        """Count all boxes and relations of the given images.

        Args:
            annotations: The training images that have relations.
        """
        num_classes = len(annotations.classes)
        images_with, images_with_both = _image_counts(annotations, num_classes)
        return cls(
            triplet_counts=_triplet_counts(annotations, num_classes, len(annotations.predicates)),
            object_counts=np.bincount(annotations.labels, minlength=num_classes),
            images_with=images_with,
            images_with_both=images_with_both,
        )

    def __add__(self, other: DatasetStatistics) -> DatasetStatistics:
        total = DatasetStatistics(
            **{
                field.name: getattr(self, field.name) + getattr(other, field.name)
                for field in fields(self)
            }
        )
        total.triplet_counts[..., 0] -= 1  # each of them has added 1
        return total

    @property
    def object_cooccurrence(self) -> np.ndarray:
        """np.ndarray: (C, C) float64, entry ``(i, j)`` is the share of the
        images with class ``i`` that also have class ``j``, on the diagonal of
        those that have two or more of class ``i``."""
        # A class that no image has would be 0 / 0.
        return self.images_with_both / np.maximum(self.images_with, 1)[:, None]

    @property
    def predicate_counts(self) -> np.ndarray:
        """np.ndarray: (R,) int64, relations of each predicate."""
        return self.triplet_counts[..., 1:].sum(axis=(0, 1))

    @property
    def predicate_cooccurrence(self) -> np.ndarray:
        """np.ndarray: (C+1, C+1, R+1) float64, P(predicate | classes)."""
        counts = self.triplet_counts
        return counts / counts.sum(axis=-1, keepdims=True)

    def frequency_prior(self, eps: float = 1e-3) -> np.ndarray:
        """Compute logits of the predicates given the two classes.

        Source: neural-motifs (Zellers et al., 2018), ``FrequencyBias``.

        Args:
            eps: Added to each probability, so that a triplet that was never
                seen has a finite logit.

        Returns:
            (C+1, C+1, R+1) float32, ``log(P(predicate | classes) + eps)``.
        """
        return np.log(self.predicate_cooccurrence + eps).astype(np.float32)


def _triplet_counts(
    annotations: GraphAnnotations, num_classes: int, num_predicates: int
) -> np.ndarray:
    shape = (num_classes + 1, num_classes + 1, num_predicates + 1)
    counts = np.bincount(
        np.ravel_multi_index(annotations.triplets, shape), minlength=np.prod(shape)
    ).reshape(shape)
    counts[..., 0] = 1
    counts[:-1, :-1, 0] += _candidate_counts(annotations, num_classes)
    return counts


def _candidate_counts(annotations: GraphAnnotations, num_classes: int) -> np.ndarray:
    """Count overlapping pairs by the classes of subject and object.

    In an image where no boxes overlap, all pairs count.

    Returns:
        (C, C) int64.
    """
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    image_of_box = annotations.image_of_box
    any_overlap = np.zeros(len(annotations), dtype=bool)
    for first, second in _box_pairs(annotations):
        overlap = boxes_overlap(annotations.boxes[first], annotations.boxes[second])
        first, second = first[overlap], second[overlap]
        any_overlap[image_of_box[first]] = True
        counts += _count_classes(annotations, first, second, num_classes)
    scattered = annotations.subset(~any_overlap)
    for first, second in _box_pairs(scattered):
        counts += _count_classes(scattered, first, second, num_classes)
    return counts + counts.T  # either box is the subject once


def _box_pairs(annotations: GraphAnnotations) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the unordered pairs of boxes of each image, in chunks.

    Yields:
        (P,) int64 and (P,) int64, two rows of ``annotations.boxes``.
    """
    rows = np.arange(len(annotations.boxes))  # (B,)
    partners = annotations.box_offsets[1:][annotations.image_of_box] - rows - 1
    for some in _chunks(partners):
        yield (np.repeat(rows[some], partners[some]), ragged_arange(rows[some] + 1, partners[some]))


def _chunks(sizes: np.ndarray) -> Iterator[slice]:
    """Yield ranges of boxes with about equal numbers of pairs."""
    chunk_of_box = np.cumsum(sizes) // _PAIRS_PER_CHUNK  # (B,)
    starts = np.flatnonzero(np.diff(chunk_of_box, prepend=-1))
    for start, stop in pairwise([*starts.tolist(), len(sizes)]):
        yield slice(start, stop)


def _count_classes(
    annotations: GraphAnnotations, first: np.ndarray, second: np.ndarray, num_classes: int
) -> np.ndarray:
    """Count pairs of boxes (P,) and (P,) by their classes, (C, C) int64."""
    labels = annotations.labels
    return np.bincount(
        labels[first] * num_classes + labels[second], minlength=num_classes**2
    ).reshape(num_classes, num_classes)


def _image_counts(annotations: GraphAnnotations, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Count images with a class (C,), and with two (C, C)."""
    single = np.zeros(num_classes, dtype=np.int64)
    double = np.zeros(num_classes, dtype=np.int64)
    both = np.zeros((num_classes, num_classes), dtype=np.int64)
    images_per_chunk = max(1, _CELLS_PER_CHUNK // num_classes)
    for start in range(0, len(annotations), images_per_chunk):
        chunk = annotations[start : start + images_per_chunk]
        counts = _counts_per_image(chunk, num_classes)
        present = (counts > 0).astype(np.float32)
        both += (present.T @ present).astype(np.int64)
        single += (counts > 0).sum(axis=0)
        double += (counts > 1).sum(axis=0)
    np.fill_diagonal(both, double)
    return single, both


def _counts_per_image(annotations: GraphAnnotations, num_classes: int) -> np.ndarray:
    """Count boxes of each class in each image, (I, C) int64."""
    shape = (len(annotations), num_classes)
    return np.bincount(
        annotations.image_of_box * num_classes + annotations.labels, minlength=np.prod(shape)
    ).reshape(shape)
