"""Boxes and classes that a user gives with an image.

Shape shorthand: N objects, C object classes.
"""
from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.structures import SceneGraph


def given_graph(bboxes: np.ndarray | Tensor | Sequence,
                labels: Sequence[int | str] | np.ndarray | Tensor | None,
                classes: Sequence[str],
                image_size: tuple[int, int],
                image: str) -> SceneGraph:
    """A graph of given objects, without relations.

    Args:
        bboxes: (N, 4) ``x1, y1, x2, y2`` in pixels of the image.
        labels: (N,) classes, by number ``0 .. C-1`` or by name; None if they
            are to be found (SGCls).
        classes (Sequence[str]): C names.
        image_size (tuple[int, int]): Height and width of the image.
        image (str): What the image is called in errors.

    Returns:
        SceneGraph: What PredCls and SGCls take as given.

    Raises:
        ValueError: If a box is none or leaves the image, a class is unknown,
            or there are not as many classes as boxes.
    """
    try:
        boxes = torch.as_tensor(np.array(bboxes, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise ValueError(f'{image}: expected boxes as numbers of shape (N, 4): '
                         f'{error}') from error
    if not boxes.numel():
        boxes = boxes.reshape(0, 4)
    _check_boxes(boxes, image_size, image)
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
