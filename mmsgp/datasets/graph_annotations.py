"""Annotations of all images of a data set, in a few flat arrays.

Shape shorthand: I images, B boxes and M relations of all images together;
N boxes and K relations of one image; C object classes, R predicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

SPLITS = ('train', 'val', 'test')


def id_array(ids: Iterable[int | str]) -> np.ndarray:
    """Return image ids as int64 if all are whole numbers, or such in text; else as text.

    Example:
        >>> id_array(['7', 12]), id_array(['7', 'a', '012'])
        (array([ 7, 12]), array(['7', 'a', '012'], dtype='<U3'))
    """
    ids = list(ids)
    if set(map(type, ids)) <= {int} and (not ids or -(2**63) <= min(ids) <= max(ids) < 2**63):
        return np.array(ids, np.int64)
    texts = list(map(str, ids))
    if all(t.isdecimal() and len(t) < 19 and t == str(int(t)) for t in texts):
        return np.array(list(map(int, texts)), np.int64)
    return np.array(texts, np.str_)


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
class GraphAnnotations:
    """Images, boxes and relations, read like a list of dictionaries.

    A million boxes as Python objects would take gigabytes and, as every
    access changes a reference count, be copied into each worker of a
    ``DataLoader``. Arrays take a few dozen megabytes, and forked workers share
    them. They are read-only, so that copies of the container share them too.

    Args:
        image_ids: (I,) int64, or text if an id is not a whole number, all different.
        file_names: (I,) text, paths within the image folder.
        sizes: (I, 2) int64, width and height in pixels.
        splits: (I,) int64, indices into ``SPLITS``.
        boxes: (B, 4) float32, ``x1, y1, x2, y2`` in the image's pixels; float64 from
            readers of files, so that converters lose nothing.
        labels: (B,) int64, classes ``0 .. C-1``.
        box_offsets: (I+1,) int64, image ``i`` has the boxes
            ``box_offsets[i] : box_offsets[i+1]``.
        relations: (M, 3) int64, subject and object, as indices into the boxes
            of the image, and predicate ``1 .. R``.
        relation_offsets: (I+1,) int64, as ``box_offsets``.
        classes: C names.
        predicates: R names; predicate ``p`` is ``predicates[p - 1]``.
        unseen: (M,) bool, whether training lacks the triplet of the relation.
            Defaults to None: not known.
    """

    image_ids: np.ndarray
    file_names: np.ndarray
    sizes: np.ndarray
    splits: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    box_offsets: np.ndarray
    relations: np.ndarray
    relation_offsets: np.ndarray
    classes: tuple[str, ...]
    predicates: tuple[str, ...]
    unseen: np.ndarray | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), np.ndarray):
                value.setflags(write=False)

    @classmethod
    def from_images(
        cls, images: Iterable[dict], classes: Sequence[str], predicates: Sequence[str]
    ) -> GraphAnnotations:
        """Join the annotations of single images.

        Args:
            images: A dict per image: ``img_id`` (a whole number or text),
                ``file_name``, ``width``, ``height``, ``split`` (one of
                ``SPLITS``), ``boxes`` (N, 4), ``labels`` (N,) and
                ``relations`` (K, 3), with the meaning they have above.
            classes: C names.
            predicates: R names.

        Raises:
            ValueError: If a split is not one of ``SPLITS``.
        """
        images = list(images)
        unknown = {image['split'] for image in images} - set(SPLITS)
        if unknown:
            raise ValueError(f'split must be one of {SPLITS}, got {sorted(unknown)}')

        def joined(key: str, dtype: type, *shape: int) -> np.ndarray:
            rows = [np.reshape(image[key], (-1, *shape)) for image in images]
            return np.concatenate([np.empty((0, *shape)), *rows]).astype(dtype)

        return cls(
            image_ids=id_array(image['img_id'] for image in images),
            file_names=np.array([image['file_name'] for image in images], np.str_),
            sizes=np.column_stack([joined('width', np.int64), joined('height', np.int64)]),
            splits=np.array([SPLITS.index(image['split']) for image in images], np.int64),
            boxes=joined('boxes', np.float64, 4),
            labels=joined('labels', np.int64),
            box_offsets=offsets_of([len(image['boxes']) for image in images]),
            relations=joined('relations', np.int64, 3),
            relation_offsets=offsets_of([len(image['relations']) for image in images]),
            classes=tuple(classes),
            predicates=tuple(predicates),
        )

    def __len__(self) -> int:
        return len(self.image_ids)

    def __deepcopy__(self, memo: dict) -> GraphAnnotations:
        return self

    def __getitem__(self, index: int | slice) -> dict | GraphAnnotations:
        """Return the annotations of an image, or of a range of images.

        Returns:
            For an integer a dict of ``img_id``, ``file_name``, ``width``,
            ``height``, ``instances`` (N dicts of ``bbox``, ``bbox_label`` and
            ``ignore_flag``), ``relations``, (K, 3) int64, and, if known,
            ``relations_unseen``, (K,) bool; for a slice a
            :class:`GraphAnnotations`.

        Raises:
            IndexError: If the image does not exist.
        """
        if isinstance(index, slice):
            return self.subset(np.arange(len(self))[index])
        if not -len(self) <= index < len(self):
            raise IndexError(f'image {index} does not exist: the data set has {len(self)} images')
        index %= len(self)
        rows = slice(*self.box_offsets[index : index + 2])
        relations = slice(*self.relation_offsets[index : index + 2])
        width, height = self.sizes[index].tolist()
        instances = [
            dict(bbox=box, bbox_label=label, ignore_flag=0)
            for box, label in zip(
                self.boxes[rows].tolist(), self.labels[rows].tolist(), strict=True
            )
        ]
        item = dict(
            img_id=self.image_ids[index].item(),
            file_name=str(self.file_names[index]),
            width=width,
            height=height,
            instances=instances,
            relations=self.relations[relations].copy(),
        )
        if self.unseen is not None:
            item['relations_unseen'] = self.unseen[relations].copy()
        return item

    def image(self, index: int) -> dict:
        """Return an image as :meth:`from_images` takes it, with arrays."""
        boxes = slice(*self.box_offsets[index : index + 2])
        width, height = self.sizes[index].tolist()
        return dict(
            img_id=self.image_ids[index].item(),
            file_name=str(self.file_names[index]),
            width=width,
            height=height,
            split=SPLITS[self.splits[index]],
            boxes=self.boxes[boxes],
            labels=self.labels[boxes],
            relations=self.relations[slice(*self.relation_offsets[index : index + 2])],
        )

    @property
    def num_boxes(self) -> np.ndarray:
        """np.ndarray: (I,), boxes of each image."""
        return np.diff(self.box_offsets)

    @property
    def num_relations(self) -> np.ndarray:
        """np.ndarray: (I,), relations of each image."""
        return np.diff(self.relation_offsets)

    @property
    def image_of_box(self) -> np.ndarray:
        """np.ndarray: (B,), the index of each box's image."""
        return np.repeat(np.arange(len(self)), self.num_boxes)

    @property
    def image_of_relation(self) -> np.ndarray:
        """np.ndarray: (M,), the index of each relation's image."""
        return np.repeat(np.arange(len(self)), self.num_relations)

    @property
    def triplets(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """tuple: (M,) subject classes, (M,) object classes, (M,) predicates."""
        first_box = self.box_offsets[self.image_of_relation]  # (M,)
        subjects, objects, predicates = self.relations.T
        return (self.labels[first_box + subjects], self.labels[first_box + objects], predicates)

    def subset(self, indices: Sequence[int] | np.ndarray) -> GraphAnnotations:
        """Return the annotations of some images, in the order given.

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
        relations = ragged_arange(self.relation_offsets[indices], num_relations)
        return GraphAnnotations(
            image_ids=self.image_ids[indices],
            file_names=self.file_names[indices],
            sizes=self.sizes[indices],
            splits=self.splits[indices],
            boxes=self.boxes[rows],
            labels=self.labels[rows],
            box_offsets=offsets_of(num_boxes),
            relations=self.relations[relations],
            relation_offsets=offsets_of(num_relations),
            classes=self.classes,
            predicates=self.predicates,
            unseen=None if self.unseen is None else self.unseen[relations],
        )

    def check(self, source: str) -> None:
        """Check that the numbers fit each other.

        Args:
            source: Where they come from, for errors.

        Raises:
            ValueError: If a number does not fit; it names the image and the value.
        """
        num_classes, num_predicates = len(self.classes), len(self.predicates)
        ends, predicates = self.relations[:, :2], self.relations[:, 2]
        num_boxes = self.num_boxes[self.image_of_relation]  # (M,)
        images = np.arange(len(self))
        _, first, inverse = np.unique(self.image_ids, return_index=True, return_inverse=True)
        for name, values, is_good, image_of, expected in (
            (
                'id',
                self.image_ids,
                first[inverse] == images,
                images,
                'an id that no other image has',
            ),
            (
                'size',
                self.sizes,
                (self.sizes > 0).all(axis=1),
                images,
                'a width and a height of at least 1',
            ),
            (
                'box',
                self.boxes,
                np.isfinite(self.boxes).all(axis=1)
                & (self.boxes[:, 2:] > self.boxes[:, :2]).all(axis=1),
                self.image_of_box,
                'x1 < x2 and y1 < y2, in this order',
            ),
            (
                'class',
                self.labels,
                (self.labels >= 0) & (self.labels < num_classes),
                self.image_of_box,
                f'0 .. {num_classes - 1}',
            ),
            (
                'relation',
                self.relations,
                ((ends >= 0) & (ends < num_boxes[:, None])).all(axis=1)
                & (predicates > 0)
                & (predicates <= num_predicates),
                self.image_of_relation,
                f'two indices of its boxes and a predicate 1 .. {num_predicates}',
            ),
        ):
            if not is_good.all():
                row = is_good.argmin()
                raise ValueError(
                    f'{source}: image {self.file_names[image_of[row]]} has the '
                    f'{name} {values[row].tolist()}, expected {expected}'
                )
