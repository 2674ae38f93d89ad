"""Ranks of the relations of a data set.

Shape shorthand: I images, T annotated relations of all images, R predicates.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mmsgp.utils.files import replacing

from .image_ranks import ImageRanks, PredictionScores, TaskRanks, check_images

RANKS_FILE = 'ranks.npz'


@dataclass(frozen=True, eq=False)
class RelationRanks:
    """Annotated relations of a data set and their ranks in each task.

    Every metric, for every K, follows from it. A test run saves it as ``ranks.npz``.

    Attributes:
        image_ids: (I,), all images, also those without relations.
        images: (T,) int64, the image of each relation, ascending.
        predicates: (T,) int64, ``1 .. R``.
        first_of_pair: (T,) bool, whether no earlier relation of the image has
            the same ordered pair.
        unseen: (T,) bool, whether the triplet of classes and predicate never
            occurs in training.
        tasks: Ranks by task.
        names: R predicate names.
        train_counts: R numbers of training relations.
        ng_limit: Predictions of an image that were ranked without the graph
            constraint.
        preset: Name of the protocol that the ranks belong to.
        predictions: Scores by task, of tasks whose predictions have some.
        detections: Of each image by task, for the score of Open Images; not saved.
        baseline: (T,) ranks of the frequency baseline by task; not saved.
    """

    image_ids: np.ndarray
    images: np.ndarray
    predicates: np.ndarray
    first_of_pair: np.ndarray
    unseen: np.ndarray | None
    tasks: dict[str, TaskRanks]
    names: Sequence[str]
    train_counts: Sequence[int] | None = None
    ng_limit: int = 100
    preset: str = 'mmsgp'
    predictions: dict[str, PredictionScores] = field(default_factory=dict)
    detections: dict[str, list] = field(default_factory=dict)
    baseline: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def concatenate(
        cls,
        images: Sequence[ImageRanks],
        names: Sequence[str],
        train_counts: Sequence[int] | None = None,
        ng_limit: int = 100,
        preset: str = 'mmsgp',
    ) -> RelationRanks:
        """Join the ranks of images.

        Ranks without the graph constraint are left out where an image lacks
        them.

        Args:
            images: I images.
            names: R predicate names.
            train_counts: R numbers of training relations.
            ng_limit: Predictions that were ranked without the graph constraint.
                Defaults to 100.
            preset: Name of the protocol. Defaults to ``'mmsgp'``.

        Raises:
            ValueError: If no image has a relation, images have different tasks
                or fields, or a predicate has no name.
        """
        sizes = [image.table.shape[1] for image in images]
        filled = [image for image, size in zip(images, sizes) if size]
        check_images(filled, len(images), len(names))
        by_image = [image.tasks for image in filled]
        tasks = {
            task: TaskRanks.concatenate([ranks[task] for ranks in by_image]) for task in by_image[0]
        }
        return cls(
            image_ids=np.array([str(image.key.img_id) for image in images]),
            images=np.repeat(np.arange(len(images)), sizes),
            predicates=np.concatenate([image.predicates for image in filled]).astype(np.int64),
            first_of_pair=np.concatenate([image.first_of_pair for image in filled]),
            unseen=None
            if filled[0].unseen is None
            else np.concatenate([image.unseen for image in filled]),
            tasks=tasks,
            names=tuple(names),
            train_counts=train_counts,
            ng_limit=ng_limit,
            preset=preset,
            predictions={
                task: PredictionScores.join([i.predictions[task] for i in images], ng_limit)
                for task in by_image[0]
                if all(i.predictions and task in i.predictions for i in images)
            },
            detections={
                task: [i.detections[task] for i in filled]
                for task in by_image[0]
                if task in (filled[0].detections or ())
            },
            baseline={
                task: np.concatenate([i.baseline[task] for i in filled])
                for task in by_image[0]
                if task in (filled[0].baseline or ())
            },
        )

    @property
    def num_images(self) -> int:
        """int: Images that have relations."""
        return len(np.unique(self.images))

    @property
    def num_gt(self) -> list[int]:
        """list[int]: Relations of each of the R predicates."""
        return np.bincount(self.predicates - 1, minlength=len(self.names)).tolist()

    def sorted_by_image(self) -> RelationRanks:
        """Return a copy with images in the order of their ids."""
        order = np.argsort(self.image_ids, kind='stable')
        position = np.empty(len(order), np.int64)
        position[order] = np.arange(len(order))
        images = position[self.images]
        rows = np.argsort(images, kind='stable')
        return replace(
            self._take(rows),
            image_ids=self.image_ids[order],
            images=images[rows],
            predictions={task: own.take(order) for task, own in self.predictions.items()},
        )

    def of_predicted_images(self, task: str) -> RelationRanks:
        """Return the relations of images that have predictions of a task."""
        return self._take(self.predictions[task].counts[self.images] > 0)

    def _take(self, rows: np.ndarray) -> RelationRanks:
        """Return some of the relations, by rows or booleans."""
        return replace(
            self,
            images=self.images[rows],
            predicates=self.predicates[rows],
            first_of_pair=self.first_of_pair[rows],
            unseen=None if self.unseen is None else self.unseen[rows],
            baseline={task: ranks[rows] for task, ranks in self.baseline.items()},
            tasks={
                task: TaskRanks(
                    **{
                        kind: None if values is None else values[rows]
                        for kind, values in vars(ranks).items()
                    }
                )
                for task, ranks in self.tasks.items()
            },
        )

    def sorted_by_frequency(self) -> RelationRanks:
        """Return a copy with predicates in the order of their training counts.

        The most frequent comes first. Without counts the order stays.
        """
        if self.train_counts is None:
            return self
        order = np.argsort(-np.asarray(self.train_counts), kind='stable')
        number = np.zeros(len(order) + 1, np.int64)  # 0 stays
        number[order + 1] = np.arange(1, len(order) + 1)
        return replace(
            self,
            predicates=number[self.predicates],
            names=[self.names[i] for i in order],
            train_counts=[self.train_counts[i] for i in order],
            tasks={
                task: ranks
                if ranks.predicted is None
                else replace(ranks, predicted=number[ranks.predicted])
                for task, ranks in self.tasks.items()
            },
        )

    def save(self, path: Path) -> None:
        """Write the ranks, compressed. After an error no partial file remains."""
        arrays = dict(
            image_ids=self.image_ids,
            images=self.images.astype(np.int32),
            predicates=self.predicates.astype(np.int16),
            first_of_pair=self.first_of_pair,
            names=np.array(self.names),
            ng_limit=np.array(self.ng_limit),
        )
        if self.preset != 'mmsgp':
            arrays['preset'] = np.array(self.preset)
        for task, own in self.predictions.items():
            arrays[f'{task}/scores'] = own.scores
            arrays[f'{task}/num_predictions'] = own.counts
        for name in ('unseen', 'train_counts'):
            if (value := getattr(self, name)) is not None:
                arrays[name] = np.asarray(value)
        for task, ranks in self.tasks.items():
            for kind, value in vars(ranks).items():
                if value is not None:
                    arrays[f'{task}/{kind}'] = value
        with replacing(path) as draft, draft.open('wb') as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> RelationRanks:
        """Read a file of :meth:`save`.

        Raises:
            FileNotFoundError: If the file does not exist.
            ValueError: If it is not such a file.
        """
        if not path.is_file():
            raise FileNotFoundError(f'{path} not found: test the model first, with tools/test.py')
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            tasks = {}
            for key in [key for key in arrays if '/' in key]:
                task, kind = key.split('/')
                tasks.setdefault(task, {})[kind] = arrays.pop(key)
            ng_limit = int(arrays.get('ng_limit', 0))
            predictions = {
                task: PredictionScores(
                    values.pop('num_predictions'), values.pop('scores'), ng_limit
                )
                for task, values in tasks.items()
                if 'scores' in values
            }
            return cls(
                image_ids=arrays['image_ids'],
                images=arrays['images'].astype(np.int64),
                predicates=arrays['predicates'].astype(np.int64),
                first_of_pair=arrays['first_of_pair'],
                unseen=arrays.get('unseen'),
                tasks={t: TaskRanks(**ranks) for t, ranks in tasks.items()},
                names=arrays['names'].tolist(),
                train_counts=arrays['train_counts'].tolist() if 'train_counts' in arrays else None,
                ng_limit=int(arrays['ng_limit']),
                preset=str(arrays.get('preset', 'mmsgp')),
                predictions=predictions,
            )
        except (
            OSError,
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            KeyError,
            TypeError,
            ValueError,
            tokenize.TokenError,
        ) as error:
            raise ValueError(
                f'{path} does not hold the ranks of a test run ({error}): test the model again'
            ) from error
