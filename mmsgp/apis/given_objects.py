"""Boxes and classes that a user gives for an image.

Shape shorthand: N objects, C object classes.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.structures import SceneGraph

from .image_inputs import ImageSource

MAX_OBJECTS = 200


def given_task(bboxes: Sequence | None, labels: Sequence | None) -> str:
    """Return the task that fits the given arguments."""
    if bboxes is None and labels is not None:
        raise ValueError('labels need bboxes: give both, or only bboxes')
    return 'sggen' if bboxes is None else 'sgcls' if labels is None else 'predcls'


def with_objects(
    source: ImageSource,
    bboxes: Sequence,
    labels: Sequence | None,
    classes: Sequence[str],
    max_objects: int = MAX_OBJECTS,
) -> Iterator[dict]:
    """Add the given objects to the images of a source, under ``given``.

    Args:
        source: Images.
        bboxes: Boxes per image; for a single image its boxes.
        labels: Classes per image; for a single image its classes.
        classes: C names.
        max_objects: Limit of objects per image. Defaults to 200.

    Raises:
        WrongNumber: If the number of images differs.
    """
    if source.is_single:
        bboxes = [bboxes]
        labels = None if labels is None else [labels]
    labels = [None] * len(bboxes) if labels is None else labels
    total = len(bboxes) if source.total is None else source.total
    for name, values in (('bboxes', bboxes), ('labels', labels)):
        if len(values) != total:
            raise WrongNumber(name, len(values), total)
    images = iter(source)
    if source.total is None:
        # One more request shows whether images are left over.
        bboxes, labels = chain(bboxes, [None]), chain(labels, [None])
        images = _Exactly(images, total)

    def attach(boxes: Sequence, names: Sequence | None, image: dict) -> dict:
        if image.get('finished'):
            return image
        image['given'] = given_graph(
            boxes,
            names,
            classes,
            image['ori_shape'],
            image['img_path'] or image['name'],
            max_objects,
        )
        return image

    # The images last: one that cannot be read still consumes its objects.
    return map(attach, bboxes, labels, images)


class WrongNumber(ValueError):
    """The number of box lists and of images differ. ``on_error`` never skips it."""

    def __init__(self, name: str, given: int, images: int | str) -> None:
        super().__init__(
            f'{name} for {given} images were given, but there are '
            f'{images}: give a list with one item per image'
        )


class _Exactly:
    """Iterator that checks the number of images.

    An image that cannot be read counts, too.

    Raises:
        WrongNumber: After the last image if there are too few, or at the first
            one too many.
    """

    def __init__(self, images: Iterator[dict], number: int) -> None:
        self._images = images
        self._number = number
        self._asked = 0

    def __iter__(self) -> Iterator[dict]:
        return self

    def __next__(self) -> dict:
        self._asked += 1
        try:
            image = next(self._images)
        except StopIteration:
            if self._asked <= self._number:
                raise WrongNumber('bboxes', self._number, self._asked - 1) from None
            raise
        if self._asked > self._number:
            raise WrongNumber('bboxes', self._number, 'more')
        return image


def given_graph(
    bboxes: np.ndarray | Tensor | Sequence,
    labels: Sequence[int | str] | np.ndarray | Tensor | None,
    classes: Sequence[str],
    image_size: tuple[int, int],
    image: str,
    max_objects: int = MAX_OBJECTS,
) -> SceneGraph:
    """Build a graph of given objects, without relations.

    Args:
        bboxes: (N, 4) ``x1, y1, x2, y2`` in pixels of the image.
        labels: (N,) classes, by number ``0 .. C-1`` or by name; None for SGCls,
            which predicts them.
        classes: C names.
        image_size: Height and width of the image.
        image: Name of the image in error messages.
        max_objects: Limit of objects. Defaults to 200.

    Returns:
        SceneGraph: The input of PredCls and SGCls.

    Raises:
        ValueError: If a box is invalid or leaves the image, a class is unknown,
            the numbers of classes and boxes differ, or there are too many boxes.
    """
    boxes = _as_numbers(bboxes, image)
    if boxes.shape == (0,):
        boxes = boxes.reshape(0, 4)
    _check_boxes(boxes, image_size, image)
    if len(boxes) > max_objects:
        # Memory grows with the number of pairs.
        raise ValueError(
            f'{image}: {len(boxes)} objects are given, more than the limit of '
            f'{max_objects} (max_objects): give fewer, or raise the limit'
        )
    numbers = [0] * len(boxes) if labels is None else _class_numbers(labels, classes, image)
    if len(numbers) != len(boxes):
        raise ValueError(f'{image}: {len(boxes)} boxes, but {len(numbers)} labels')
    return SceneGraph(
        objects=InstanceData(bboxes=boxes, labels=torch.tensor(numbers, dtype=torch.long)),
        relations=InstanceData(
            pairs=torch.empty((0, 2), dtype=torch.long), labels=torch.empty(0, dtype=torch.long)
        ),
    )


def _as_numbers(bboxes: np.ndarray | Tensor | Sequence, image: str) -> Tensor:
    """Convert boxes to float32; booleans and texts are not numbers."""
    try:
        array = np.array(bboxes)
        if array.size and array.dtype.kind not in 'iuf':
            raise ValueError(f'got {array.dtype}')
        with np.errstate(over='ignore'):
            return torch.as_tensor(array.astype(np.float32))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f'{image}: expected boxes as numbers of shape (N, 4): {error}') from error


def _check_boxes(boxes: Tensor, image_size: tuple[int, int], image: str) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'{image}: expected boxes of shape (N, 4), got {tuple(boxes.shape)}')
    height, width = image_size
    limits = boxes.new_tensor([width, height])
    # A pixel of tolerance, because boxes may be rounded.
    inside = (boxes[:, :2] >= -1).all(1) & (boxes[:, 2:] <= limits + 1).all(1)
    good = inside & (boxes[:, 2:] > boxes[:, :2]).all(1)
    for index in (~good).nonzero().flatten().tolist()[:1]:
        raise ValueError(
            f'{image}: box {index} is {boxes[index].tolist()}; expected '
            f'0 <= x1 < x2 <= {width} and 0 <= y1 < y2 <= {height}, in pixels of the '
            'image'
        )


def _class_numbers(
    labels: Sequence[int | str] | np.ndarray | Tensor, classes: Sequence[str], image: str
) -> list[int]:
    if isinstance(labels, (np.ndarray, Tensor)):
        labels = labels.tolist()
    if not isinstance(labels, Iterable):
        raise ValueError(f'{image}: expected a list with one label per box, got {labels!r}')
    return [_class_number(label, classes, image) for label in labels]


def _class_number(label: int | str, classes: Sequence[str], image: str) -> int:
    if isinstance(label, str):
        if label not in classes:
            raise ValueError(
                f'{image}: {label!r} is not a class of the model; its '
                f'{len(classes)} classes are {", ".join(classes)}'
            )
        return classes.index(label)
    try:
        number = operator.index(label)
    except TypeError as error:
        raise ValueError(
            f'{image}: label {label!r} is neither the name nor the number of a class'
        ) from error
    if not 0 <= number < len(classes):
        raise ValueError(
            f'{image}: label {number} is out of range: the model has '
            f'the classes 0 to {len(classes) - 1}'
        )
    return number
