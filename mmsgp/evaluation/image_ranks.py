"""Ranks of the relations of an image.

Shape shorthand: I images, M annotated relations of an image, T of all images, S
predictions of all images, R predicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np


class ImageKey(NamedTuple):
    """Identifies an image of a data set, also in messages."""

    img_id: Any = None
    img_path: str | None = None
    sample_idx: int | None = None

    @classmethod
    def of(cls, sample: dict) -> ImageKey:
        """Return the key of a sample, given as ``SceneGraphDataSample.to_dict``."""
        return cls(*map(sample.get, cls._fields))

    def __str__(self) -> str:
        return f'image {self.img_id} ({self.img_path})'


@dataclass(frozen=True, eq=False)
class TaskRanks:
    """Ranks of annotated relations in the predictions of a task.

    The relations are those of an image (T is M), or of all images.

    Attributes:
        triplet: (T,) int32, rank of the first hit under the graph constraint.
        pair: (T,) int32, rank of the first prediction for the pair.
        unconstrained: (T,) int32, rank of the first hit without the graph
            constraint.
        predicted: (T,) int32, predicate ``1 .. R`` of the first prediction for
            the pair, 0 without one.
    """

    triplet: np.ndarray
    pair: np.ndarray
    unconstrained: np.ndarray | None = None
    predicted: np.ndarray | None = None

    @classmethod
    def concatenate(cls, parts: Sequence[TaskRanks]) -> TaskRanks:
        """Join the ranks of images. A field that one of them lacks becomes None."""
        joined = {}
        for field in fields(cls):
            arrays = [getattr(part, field.name) for part in parts]
            joined[field.name] = None if any(a is None for a in arrays) else np.concatenate(arrays)
        return cls(**joined)


@dataclass(frozen=True, eq=False)
class PredictionScores:
    """Predictions of a task under the graph constraint.

    Attributes:
        counts: (I,) int32, predictions of each image.
        scores: (S,) float32, of the first predictions of each image, image after
            image.
        limit: Predictions of an image that have their score here.
    """

    counts: np.ndarray
    scores: np.ndarray
    limit: int

    @property
    def num_scored(self) -> np.ndarray:
        """np.ndarray: (I,) int64, predictions of each image that have their score."""
        return np.minimum(self.counts.astype(np.int64), self.limit)

    @property
    def images(self) -> np.ndarray:
        """np.ndarray: (S,), the image of each score."""
        return np.repeat(np.arange(len(self.counts)), self.num_scored)

    @classmethod
    def join(cls, images: Sequence[tuple[int, np.ndarray]], limit: int) -> PredictionScores:
        """Join number and first scores of the predictions of images."""
        counts = np.array([count for count, _ in images], np.int32)
        return cls(counts, np.concatenate([scores for _, scores in images]), limit)

    def take(self, order: np.ndarray) -> PredictionScores:
        """Return the images in another order."""
        parts = np.split(self.scores, np.cumsum(self.num_scored)[:-1])
        return self.join([(self.counts[i], parts[i]) for i in order], self.limit)


@dataclass(frozen=True, eq=False, slots=True)
class ImageRanks:
    """Annotated relations of an image and their ranks in each task.

    All numbers lie in one array, because many small arrays would take more memory
    than the numbers in them.

    Attributes:
        key: The image.
        layout: The meaning of each row of ``table``: a task (None for all
            tasks) and the name of a field.
        table: (F, M) int32.
        predictions: Number and first scores of the predictions of each task.
        detections: For the score of Open Images, by task.
        baseline: (M,) ranks of the first hits of the frequency baseline, by task.
    """

    key: ImageKey
    layout: tuple[tuple[str | None, str], ...]
    table: np.ndarray
    predictions: dict[str, tuple[int, np.ndarray]] | None = None
    detections: dict[str, tuple] | None = None
    baseline: dict[str, np.ndarray] | None = None

    @classmethod
    def pack(
        cls,
        key: ImageKey,
        predicates: np.ndarray,
        first_of_pair: np.ndarray,
        tasks: dict[str, TaskRanks],
        unseen: np.ndarray | None = None,
        predictions: dict[str, tuple[int, np.ndarray]] | None = None,
        detections: dict[str, tuple] | None = None,
        baseline: dict[str, np.ndarray] | None = None,
    ) -> ImageRanks:
        """Pack the relations of an image and their ranks.

        Args:
            key: The image.
            predicates: (M,), ``1 .. R``.
            first_of_pair: (M,) bool, whether no earlier relation has the same
                ordered pair.
            tasks: Ranks by task.
            unseen: (M,) bool, whether the triplet of classes and predicate
                never occurs in training.
            predictions: See the class, as the next two.
            detections: By task.
            baseline: By task.
        """
        rows = {
            (None, 'predicates'): predicates,
            (None, 'first_of_pair'): first_of_pair,
            (None, 'unseen'): unseen,
        }
        for task, ranks in tasks.items():
            rows |= {(task, field): row for field, row in vars(ranks).items()}
        rows = {name: row for name, row in rows.items() if row is not None}
        layout = tuple(rows)
        return cls(
            key,
            _layouts.setdefault(layout, layout),
            np.array(list(rows.values()), np.int32),
            predictions,
            detections,
            baseline,
        )

    @property
    def predicates(self) -> np.ndarray:
        """ndarray: (M,) int32."""
        return self._fields(None)['predicates']

    @property
    def first_of_pair(self) -> np.ndarray:
        """ndarray: (M,) bool."""
        return self._fields(None)['first_of_pair'].astype(bool)

    @property
    def unseen(self) -> np.ndarray | None:
        """ndarray: (M,) bool; None if it is not known."""
        row = self._fields(None).get('unseen')
        return None if row is None else row.astype(bool)

    @property
    def tasks(self) -> dict[str, TaskRanks]:
        """dict[str, TaskRanks]: Ranks by task."""
        names = dict.fromkeys(task for task, _ in self.layout if task is not None)
        return {task: TaskRanks(**self._fields(task)) for task in names}

    def _fields(self, task: str | None) -> dict[str, np.ndarray]:
        return {field: row for (owner, field), row in zip(self.layout, self.table) if owner == task}


# Images of a data set share one layout.
_layouts: dict[tuple, tuple] = {}


def distinct(images: Sequence[ImageRanks]) -> list[ImageRanks]:
    """Drop images that occurred before. Images without a key are all kept."""
    unique = {}
    for i, image in enumerate(images):
        known = any(value is not None for value in image.key)
        unique.setdefault(image.key if known else i, image)
    return list(unique.values())


def check_images(filled: Sequence[ImageRanks], num_images: int, num_predicates: int) -> None:
    """Check that images can be joined.

    Args:
        filled: The images that have relations.
        num_images: Number of all images.
        num_predicates: R.

    Raises:
        ValueError: If no image has a relation, images have different tasks or
            fields, or a predicate has no name.
    """
    if not filled:
        raise ValueError(
            f'None of the {num_images} evaluated images has an annotated '
            'relation, so recall is undefined. Check the split and the '
            'annotation file of the evaluated data set.'
        )
    parts = [_parts_of(image) for image in filled]
    everything = set().union(*parts)
    for image, own in zip(filled, parts):
        missing = sorted(everything - own)
        if missing:
            other = filled[next(i for i, part in enumerate(parts) if missing[0] in part)]
            raise ValueError(
                f'{image.key} lacks {missing}, which {other.key} has; expected '
                'the same tasks and fields for all.'
            )
        low, high = image.predicates.min(), image.predicates.max()
        if low < 1 or high > num_predicates:
            raise ValueError(
                f'Annotated predicates {low}..{high} of {image.key} lie outside '
                f'1..{num_predicates}. Do the annotations and the list of '
                'predicate names belong to the same data set?'
            )


def _parts_of(image: ImageRanks) -> set[str]:
    """Return the tasks and fields that all images must have."""
    return {field if task is None else task for task, field in image.layout}
