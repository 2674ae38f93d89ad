"""What the training annotations say about classes and predicates.

Shape shorthand: I images, B boxes, M relations, P pairs of boxes, C object
classes, R predicates. Index C of an axis over classes is the background, index
0 of an axis over predicates is *unknown*.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from mmengine.dist import is_main_process
from rich.progress import track

from .boxes import boxes_overlap
from .graph_annotations import VGAnnotations, ragged_arange

# Pairs of boxes that are held in memory at once, about 100 bytes each.
_PAIRS_PER_CHUNK = 1_000_000


@dataclass(frozen=True, eq=False)
class DatasetStatistics:
    """Counts over the training images that have relations.

    Args:
        triplet_counts: (C+1, C+1, R+1) int64 over subject class, object class
            and predicate. For a predicate the number of annotated relations;
            for unknown one more than the number of ordered pairs of boxes
            that overlap, or of all pairs in an image where none do.
        object_counts: (C,) int64, boxes of each class.
        object_cooccurrence: (C, C) float64, entry ``(i, j)`` is the share of
            the images with class ``i`` that also have class ``j``. On the
            diagonal it is the share with two or more of class ``i``.
    """

    triplet_counts: np.ndarray
    object_counts: np.ndarray
    object_cooccurrence: np.ndarray

    @classmethod
    def from_annotations(cls, annotations: VGAnnotations, num_classes: int,
                         num_predicates: int) -> DatasetStatistics:
        """Count in the given images, all their relations.

        Args:
            annotations: The training images that have relations.
            num_classes: C.
            num_predicates: R.
        """
        return cls(
            triplet_counts=_triplet_counts(annotations, num_classes,
                                           num_predicates),
            object_counts=np.bincount(
                annotations.labels, minlength=num_classes),
            object_cooccurrence=_object_cooccurrence(annotations,
                                                     num_classes))

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
        """Logits of the predicates given the two classes.

        Source: neural-motifs (Zellers et al., 2018), ``FrequencyBias``.

        Args:
            eps: Added to each probability, so that a triplet that was never
                seen has a finite logit.

        Returns:
            (C+1, C+1, R+1) float32, ``log(P(predicate | classes) + eps)``.
        """
        return np.log(self.predicate_cooccurrence + eps).astype(np.float32)


def _triplet_counts(annotations: VGAnnotations, num_classes: int,
                    num_predicates: int) -> np.ndarray:
    shape = (num_classes + 1, num_classes + 1, num_predicates + 1)
    subjects, objects = annotations.labels[annotations.relation_boxes].T
    predicates = annotations.relations[:, 2]
    counts = np.bincount(
        np.ravel_multi_index((subjects, objects, predicates), shape),
        minlength=np.prod(shape)).reshape(shape)
    counts[..., 0] = 1 + _candidate_counts(annotations, num_classes + 1)
    return counts


def _candidate_counts(annotations: VGAnnotations,
                      num_rows: int) -> np.ndarray:
    """Overlapping pairs by the classes of subject and object.

    Returns:
        (num_rows, num_rows) int64.
    """
    counts = np.zeros(num_rows**2, dtype=np.int64)
    chunks = list(_chunks(annotations.num_boxes**2))
    for images in track(
            chunks,
            description='Counting pairs of overlapping boxes',
            transient=True,
            disable=len(chunks) <= 1 or not is_main_process()):
        chunk = annotations[images]
        labels = chunk.labels[_candidate_pairs(chunk)]  # (P, 2)
        counts += np.bincount(
            labels[:, 0] * num_rows + labels[:, 1], minlength=num_rows**2)
    return counts.reshape(num_rows, num_rows)


def _chunks(sizes: np.ndarray) -> Iterator[slice]:
    """Ranges of images with about as many pairs each."""
    chunk_of_image = np.cumsum(sizes) // _PAIRS_PER_CHUNK  # (I,)
    starts = np.flatnonzero(np.diff(chunk_of_image, prepend=-1))
    for start, stop in pairwise([*starts.tolist(), len(sizes)]):
        yield slice(start, stop)


def _candidate_pairs(annotations: VGAnnotations) -> np.ndarray:
    """Ordered pairs of boxes of an image that overlap, else all of them.

    Returns:
        (P, 2) int64 rows of ``annotations.boxes``.
    """
    num_boxes = annotations.num_boxes  # (I,)
    image_of_box = np.repeat(np.arange(len(annotations)), num_boxes)  # (B,)
    partners = num_boxes[image_of_box]
    subjects = np.repeat(np.arange(len(image_of_box)), partners)
    objects = ragged_arange(annotations.box_offsets[image_of_box], partners)
    distinct = subjects != objects
    subjects, objects = subjects[distinct], objects[distinct]
    overlap = boxes_overlap(annotations.boxes[subjects],
                            annotations.boxes[objects])
    image_of_pair = image_of_box[subjects]
    any_overlap = np.zeros(len(annotations), dtype=bool)
    any_overlap[image_of_pair[overlap]] = True
    candidate = overlap | ~any_overlap[image_of_pair]
    return np.column_stack([subjects[candidate], objects[candidate]])


def _object_cooccurrence(annotations: VGAnnotations,
                         num_classes: int) -> np.ndarray:
    together = np.zeros((num_classes, num_classes), dtype=np.int64)
    single = np.zeros(num_classes, dtype=np.int64)
    double = np.zeros(num_classes, dtype=np.int64)
    images_per_chunk = max(1, _PAIRS_PER_CHUNK // num_classes)
    for start in range(0, len(annotations), images_per_chunk):
        chunk = annotations[start:start + images_per_chunk]
        counts = _counts_per_image(chunk, num_classes)
        present = (counts > 0).astype(np.float32)
        together += (present.T @ present).astype(np.int64)
        single += (counts > 0).sum(axis=0)
        double += (counts > 1).sum(axis=0)
    np.fill_diagonal(together, double)
    # A class that no image has would be 0 / 0.
    return together / np.maximum(single, 1)[:, None]


def _counts_per_image(annotations: VGAnnotations,
                      num_classes: int) -> np.ndarray:
    """Boxes of each class in each image, (I, C) int64."""
    shape = (len(annotations), num_classes)
    image_of_box = np.repeat(np.arange(shape[0]), annotations.num_boxes)
    return np.bincount(
        image_of_box * num_classes + annotations.labels,
        minlength=np.prod(shape)).reshape(shape)
