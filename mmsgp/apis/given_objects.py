"""Boxes and classes that a user gives with an image.

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
    """The task that what is given leaves to do."""
    if bboxes is None and labels is not None:
        raise ValueError('labels need bboxes: give both, or boxes alone')
    return 'sggen' if bboxes is None else 'sgcls' if labels is None else 'predcls'


def with_objects(source: ImageSource, bboxes: Sequence,
                 labels: Sequence | None,
                 classes: Sequence[str],
                 max_objects: int = MAX_OBJECTS) -> Iterator[dict]:
    """The images of a source with the objects given for them as ``given``.

    Args:
        source: Images.
        bboxes: Boxes of each, or of its single one.
        labels: Classes of each, likewise.
        classes: C names.
        max_objects: Most objects of an image. Defaults to 200.

    Raises:
        WrongNumber: If there are more or fewer images.
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
        # One more is asked for, to see that there is none.
        bboxes, labels = chain(bboxes, [None]), chain(labels, [None])
        images = _Exactly(images, total)

    def attach(boxes: Sequence, names: Sequence | None, image: dict) -> dict:
        image['given'] = given_graph(boxes, names, classes, image['ori_shape'],
                                     image['img_path'] or image['name'], max_objects)
        return image

    # The images last: one that cannot be read uses its objects up.
    return map(attach, bboxes, labels, images)


class WrongNumber(ValueError):
    """Objects of more or fewer images than there are: no error of an image."""

    def __init__(self, name: str, given: int, images: int | str) -> None:
        super().__init__(f'{name} of {given} images were given for {images}: give a '
                         'list with one item for each image')


class _Exactly:
    """Images that must be as many as those that boxes are given for.

    One that cannot be read counts.

    Raises:
        ValueError: At their end if they are fewer, or at the first too many.
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


def given_graph(bboxes: np.ndarray | Tensor | Sequence,
                labels: Sequence[int | str] | np.ndarray | Tensor | None,
                classes: Sequence[str],
                image_size: tuple[int, int],
                image: str,
                max_objects: int = MAX_OBJECTS) -> SceneGraph:
    """A graph of given objects, without relations.

    Args:
        bboxes: (N, 4) ``x1, y1, x2, y2`` in pixels of the image.
        labels: (N,) classes, by number ``0 .. C-1`` or by name; None if they
            are to be found (SGCls).
        classes: C names.
        image_size: Height and width of the image.
        image: What the image is called in errors.
        max_objects: Most objects. Defaults to 200.

    Returns:
        SceneGraph: What PredCls and SGCls take as given.

    Raises:
        ValueError: If a box is none or leaves the image, a class is unknown,
            there are not as many classes as boxes, or too many.
    """
    boxes = _as_numbers(bboxes, image)
    if boxes.shape == (0, ):
        boxes = boxes.reshape(0, 4)
    _check_boxes(boxes, image_size, image)
    if len(boxes) > max_objects:
        # Memory grows with the number of pairs.
        raise ValueError(
            f'{image}: {len(boxes)} objects are given, more than the {max_objects} '
            'that are taken (max_objects): give fewer, or raise the limit')
    numbers = [0] * len(boxes) if labels is None else \
        _class_numbers(labels, classes, image)
    if len(numbers) != len(boxes):
        raise ValueError(f'{image}: {len(boxes)} boxes, but {len(numbers)} labels')
    return SceneGraph(
        objects=InstanceData(
            bboxes=boxes, labels=torch.tensor(numbers, dtype=torch.long)),
        relations=InstanceData(
            pairs=torch.empty((0, 2), dtype=torch.long),
            labels=torch.empty(0, dtype=torch.long)))


def _as_numbers(bboxes: np.ndarray | Tensor | Sequence, image: str) -> Tensor:
    """Boxes as float32; neither truth values nor texts are numbers."""
    try:
        array = np.array(bboxes)
        if array.size and array.dtype.kind not in 'iuf':
            raise ValueError(f'these are {array.dtype}')
        with np.errstate(over='ignore'):
            return torch.as_tensor(array.astype(np.float32))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f'{image}: expected boxes as numbers of shape (N, 4): '
                         f'{error}') from error


def _check_boxes(boxes: Tensor, image_size: tuple[int, int], image: str) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'{image}: expected boxes of shape (N, 4), got '
                         f'{tuple(boxes.shape)}')
    height, width = image_size
    limits = boxes.new_tensor([width, height])
    # A pixel of tolerance, for boxes that were rounded.
    inside = (boxes[:, :2] >= -1).all(1) & (boxes[:, 2:] <= limits + 1).all(1)
    good = inside & (boxes[:, 2:] > boxes[:, :2]).all(1)
    for index in (~good).nonzero().flatten().tolist()[:1]:
        raise ValueError(
            f'{image}: box {index} is {boxes[index].tolist()}; expected '
            f'0 <= x1 < x2 <= {width} and 0 <= y1 < y2 <= {height}, in pixels of the '
            'image')


def _class_numbers(labels: Sequence[int | str] | np.ndarray | Tensor,
                   classes: Sequence[str], image: str) -> list[int]:
    if isinstance(labels, (np.ndarray, Tensor)):
        labels = labels.tolist()
    if not isinstance(labels, Iterable):
        raise ValueError(f'{image}: expected a list of labels, one for each box, '
                         f'got {labels!r}')
    return [_class_number(label, classes, image) for label in labels]


def _class_number(label: int | str, classes: Sequence[str], image: str) -> int:
    if isinstance(label, str):
        if label not in classes:
            raise ValueError(f'{image}: the model knows no class {label!r}; its '
                             f'{len(classes)} classes are {", ".join(classes)}')
        return classes.index(label)
    try:
        number = operator.index(label)
    except TypeError as error:
        raise ValueError(f'{image}: label {label!r} is neither the name of a class '
                         'nor its number') from error
    if not 0 <= number < len(classes):
        raise ValueError(f'{image}: label {number} is out of range: the model has '
                         f'the classes 0 to {len(classes) - 1}')
    return number
