"""Read detections that another program wrote.

Shape shorthand: D detections of all images, C object classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from mmsgp.utils.json_files import in_brief, read_json

_KEYS = ('image_id', 'category_id', 'bbox', 'score')
_ARRAYS = ('image_ids', 'category_ids', 'bboxes', 'scores')
_H5_SUFFIXES = ('.h5', '.hdf5')


class Detections(NamedTuple):
    """Detections of one image."""

    bboxes: np.ndarray  # (D, 4) float32, x1, y1, x2, y2 in pixels of the image file
    labels: np.ndarray  # (D,) int64, 0 .. C-1
    scores: np.ndarray  # (D,) float32, 0 to 1


def read_detections(
    path: str | Path, num_classes: int, first_category: int = 0
) -> dict[str, Detections]:
    """Read the detections of all images.

    Args:
        path: A JSON file of COCO's results, a list of ``{"image_id": ...,
            "category_id": ..., "bbox": [x, y, width, height], "score": ...}``; or an
            HDF5 file (``.h5``, ``.hdf5``) of the arrays ``image_ids`` (D,),
            ``category_ids`` (D,), ``bboxes`` (D, 4) as above, and ``scores`` (D,).
        num_classes: C.
        first_category: Category id of the first class. Defaults to 0.

    Returns:
        dict: Detections by the image's id as text, in the order of the file.

    Raises:
        OSError: If the file does not exist or cannot be read.
        ValueError: If it has another format, or holds an impossible value.
    """
    is_h5 = Path(path).suffix.lower() in _H5_SUFFIXES
    columns = _read_h5(path) if is_h5 else _read_coco(path)
    ids, categories, boxes, scores = columns
    labels = categories - first_category
    last = first_category + num_classes - 1
    checks = (
        ('category_id', categories, (labels < 0) | (labels >= num_classes),
         f'the model has {num_classes} classes, whose ids are {first_category} to {last}; '
         'if the file counts from another number, set detector_adapter.first_category to it'),
        ('score', scores, ~((scores >= 0) & (scores <= 1)),
         'a probability from 0 to 1 was expected'),
        ('bbox', boxes, ~(np.isfinite(boxes).all(1) & (boxes[:, 2:] >= 0).all(1)),
         '[x, y, width, height] in pixels was expected'),
    )  # fmt: skip
    for key, values, is_wrong, expected in checks:
        if is_wrong.any():
            row = int(is_wrong.argmax())
            raise ValueError(
                f'{path}: {key} of detection {row} is {in_brief(values[row].tolist())}: {expected}'
            )
    boxes = boxes.astype(np.float32)
    boxes[:, 2:] += boxes[:, :2]
    order = np.argsort(ids, kind='stable')
    images, starts = np.unique(ids[order], return_index=True)
    return {
        str(image): Detections(boxes[rows], labels[rows], scores[rows].astype(np.float32))
        for image, rows in zip(images, np.split(order, starts[1:]))
    }


def _read_coco(path: str | Path) -> tuple[np.ndarray, ...]:
    content = read_json(path)
    expected = 'expected a list of {"image_id", "category_id", "bbox", "score"}, as COCO writes it'
    if not isinstance(content, list):
        raise ValueError(f'{path}: {expected}, got {in_brief(content)}')
    for row, item in enumerate(content):
        if not isinstance(item, Mapping) or not all(key in item for key in _KEYS):
            raise ValueError(f'{path}: {expected}, got {in_brief(item)} as item {row}')
        box, image = item['bbox'], item['image_id']
        numbers = [item['score'], *(box if isinstance(box, list) else ())]
        if (
            len(numbers) != 5
            or not all(type(value) in (int, float) for value in numbers)
            or type(item['category_id']) is not int
            or type(image) not in (int, str)
        ):
            raise ValueError(f'{path}: item {row} is {in_brief(item)}: {expected}')
    ids, categories, boxes, scores = (
        ([item[key] for item in content] for key in _KEYS) if content else ([], [], [], [])
    )
    return (
        np.array([str(image) for image in ids], dtype=str),
        np.array(categories, dtype=np.int64),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.array(scores, dtype=np.float64),
    )


def _read_h5(path: str | Path) -> tuple[np.ndarray, ...]:
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} does not exist, or is not a file')
    expected = (
        'expected the arrays image_ids (D,), category_ids (D,), bboxes (D, 4) and scores (D,)'
    )
    try:
        with h5py.File(path) as file:
            ids, categories, boxes, scores = (file[key][()] for key in _ARRAYS)
            ids = [i.decode() if isinstance(i, bytes) else str(i) for i in ids.tolist()]
            columns = (
                np.array(ids, dtype=str),
                categories.astype(np.int64),
                boxes.astype(np.float64),
                scores.astype(np.float64),
            )
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f'{path}: {expected} of an HDF5 file: {error}') from error
    number = len(ids)
    if [column.shape for column in columns] != [(number,), (number,), (number, 4), (number,)]:
        shapes = ', '.join(f'{key} {array.shape}' for key, array in zip(_ARRAYS, columns))
        raise ValueError(f'{path}: {expected}, got {shapes}')
    return columns
