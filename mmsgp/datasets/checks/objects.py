"""Checks of boxes and relations.

Shape shorthand: I images, B boxes and M relations of all images together.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmsgp.datasets.image_files import MAX_PIXELS
from mmsgp.structures.bbox import boxes_overlap

from .data import CheckedData, is_repeated, row_hashes
from .findings import ERROR, WARNING, Finding, some

# Pixels, and share of the longer side, by which a box may leave its image: rounded.
_ROUNDING = 1.0, 1 / 1024
_MANY = 0.1
# More boxes in an image make more pairs than most images of Visual Genome together.
_CROWDED = 200
_DOMINANT = 0.8
_MOST_APART = 0.5


def check_boxes(data: CheckedData) -> Iterator[Finding]:
    """Boxes without area, outside of their image, in other units or twice."""
    annotations = data.annotations
    boxes, image_of = annotations.boxes, annotations.image_of_box
    if not len(boxes):
        yield Finding('no_boxes', ERROR, 1, 'no image has a box: there is nothing to train on')
        return

    def examples(rows: np.ndarray) -> tuple[str, ...]:
        return some(
            [f'{data.names[image_of[i]]} {boxes[i].tolist()}' for i in np.flatnonzero(rows)[:5]]
        )

    empty = ~(np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    if empty.any():
        yield Finding(
            'boxes_without_area', ERROR, int(empty.sum()),
            f'{empty.sum()} of {len(boxes)} boxes have no area, expected x1 < x2 and y1 < y2; if '
            'these are x, y, width and height, convert them',
            examples(empty),
        )  # fmt: skip
    limits = annotations.sizes[image_of].astype(np.float32)  # (B, 2)
    slack = _ROUNDING[0] + _ROUNDING[1] * limits.max(axis=1, keepdims=True)
    outside = ((boxes[:, :2] < -slack) | (boxes[:, 2:] > limits + slack)).any(axis=1)
    if outside.any():
        is_many = outside.mean() > _MANY
        yield Finding(
            'boxes_outside', ERROR if is_many else WARNING, int(outside.sum()),
            f'{outside.sum()} of {len(boxes)} boxes leave their image'
            + (': sizes, or their order, belong to other data' if is_many else ''),
            examples(outside),
        )  # fmt: skip
    if len(boxes) > 1 and boxes.max() <= 1.01 and (annotations.sizes > 2).all():
        yield Finding(
            'boxes_are_fractions', ERROR, len(boxes),
            'all boxes lie within 0 and 1: multiply them by the width and height of their image',
            examples(np.ones(1, bool)),
        )  # fmt: skip
    twice = is_repeated(row_hashes([image_of, annotations.labels, *boxes.T]))
    if twice.any():
        yield Finding(
            'repeated_boxes', WARNING, int(twice.sum()),
            f'{twice.sum()} boxes stand twice in their image, with the same class: relations of '
            'one are missing at the other. Keep one',
            examples(twice),
        )  # fmt: skip


def check_relations(data: CheckedData) -> Iterator[Finding]:
    """Relations that point nowhere, are repeated or join an object with itself."""
    annotations, names = data.annotations, data.names
    relations, image_of = annotations.relations, annotations.image_of_relation
    if len(data.dangling_in):
        yield Finding(
            'dangling_relations', ERROR, len(data.dangling_in),
            f'{len(data.dangling_in)} relations join a box, or have a predicate, that does not '
            'exist: indices of boxes count from 0 within the image, predicates from 1',
            some([names[i] for i in data.dangling_in[:5]]),
        )  # fmt: skip

    def examples(rows: np.ndarray) -> tuple[str, ...]:
        return some(
            [f'{names[image_of[i]]} {relations[i].tolist()}' for i in np.flatnonzero(rows)[:5]]
        )

    own = relations[:, 0] == relations[:, 1]
    if own.any():
        yield Finding(
            'self_relations', WARNING, int(own.sum()),
            f'{own.sum()} of {len(relations)} relations join an object with itself: a parser '
            'never predicts them. Remove them',
            examples(own),
        )  # fmt: skip
    twice = is_repeated(row_hashes([image_of, *relations.T]))
    if twice.any():
        yield Finding(
            'repeated_relations', WARNING, int(twice.sum()),
            f'{twice.sum()} of {len(relations)} relations stand twice in their image: each counts '
            'in training and in the recall. Remove the copies',
            examples(twice),
        )  # fmt: skip
    counts = np.bincount(relations[_in(data, 'train'), 2], minlength=2)
    if counts.max() > _DOMINANT * counts.sum() and len(annotations.predicates) > 1:
        name = annotations.predicates[counts.argmax() - 1]
        yield Finding(
            'dominant_predicate', WARNING, int(counts.max()),
            f'{100 * counts.max() / counts.sum():.0f} % of the training relations are {name!r}: '
            'always saying it is right so often. See the debiasing methods and mR@K',
        )  # fmt: skip


def check_distances(data: CheckedData) -> Iterator[Finding]:
    """Relations between boxes that do not overlap, which SGGen never pairs."""
    annotations = data.annotations
    relations, image_of = annotations.relations, annotations.image_of_relation
    if not len(relations):
        return
    first = annotations.box_offsets[image_of]
    subjects, objects = (annotations.boxes[first + relations[:, end]] for end in (0, 1))
    apart = ~boxes_overlap(subjects, objects)
    if apart.mean() > _MOST_APART:
        yield Finding(
            'distant_relations', WARNING, int(apart.sum()),
            f'{apart.sum()} of {len(relations)} relations join boxes that do not overlap. SGGen '
            'pairs only detected boxes that overlap, so that its recall is at most about '
            f"{100 * (1 - apart.mean()):.0f} %, unless model.sggen_pairs='all'",
            some([data.names[i] for i in image_of[apart][:5]]),
        )  # fmt: skip


def check_images(data: CheckedData) -> Iterator[Finding]:
    """Sizes of images, and how many boxes an image has."""
    annotations, names = data.annotations, data.names
    wrong = (annotations.sizes < 1).any(axis=1)
    if wrong.any():
        yield Finding(
            'sizes', ERROR, int(wrong.sum()),
            f'{wrong.sum()} images have an annotated width or height of less than a pixel',
            some(names, wrong),
        )  # fmt: skip
    huge = annotations.sizes.prod(axis=1) > MAX_PIXELS
    if huge.any():
        yield Finding(
            'huge_images', ERROR, int(huge.sum()),
            f'{huge.sum()} images have more than {MAX_PIXELS / 1e6:g} million pixels, and would '
            'not be decoded: make them smaller, or set max_pixels of LoadImage',
            some(names, huge),
        )  # fmt: skip
    num_boxes = annotations.num_boxes
    crowded = num_boxes > _CROWDED
    if crowded.any():
        most = int(num_boxes.max())
        pairs = most * (most - 1)
        scores = pairs * (len(annotations.predicates) + 1) * 4 / 2**20
        yield Finding(
            'crowded_images', WARNING, int(crowded.sum()),
            f'{crowded.sum()} images have more than {_CROWDED} boxes, one of them {most}: '
            f'{pairs:,} pairs, whose predicate scores alone take {scores:.0f} MiB. Train with '
            'batch_size=1 if memory runs out, or cut the images into tiles',
            some([f'{names[i]}: {num_boxes[i]}' for i in (-num_boxes).argsort()[:5] if crowded[i]]),
        )  # fmt: skip


def _in(data: CheckedData, split: str) -> np.ndarray:
    """Return (M,) bool, whether a relation is of a split's images."""
    annotations = data.annotations
    is_in = annotations.splits == ('train', 'val', 'test').index(split)
    return is_in[annotations.image_of_relation]
