"""Checks of the numbers of annotations against each other.

Shape shorthand: I images, B boxes and M relations of all images together.
"""

from __future__ import annotations

import logging

import numpy as np
from mmengine.logging import print_log

from .writer import SPLIT_CODES

# Units by which a box may leave its image: half a unit for a rounded centre, and
# a quarter for half of a rounded size.
_ROUNDING = 0.76
# Units by which boxes of two scales may differ. The published ones are rounded at
# each scale, and enlarged to two units.
_SCALE_TOLERANCE = 6
_FLOAT_TOLERANCE = 0.01
# Share of boxes that may leave the shorter side of their image.
_MOST_OUTSIDE = 0.1


def check_splits(splits: np.ndarray, path: str) -> None:
    """Check that split codes (I,) are valid. Raises a ValueError."""
    codes, counts = np.unique(splits, return_counts=True)
    if not set(codes.tolist()) <= set(SPLIT_CODES.values()):
        found = ', '.join(
            f'{code} ({count} images)' for code, count in zip(codes[:8].tolist(), counts.tolist())
        )
        raise ValueError(
            f'{path}: split has the codes {found}, but only 0 (train), 1 (val) and 2 '
            '(test) are read. Change the other codes, or list the ids of each split in split_ids'
        )


def check_ranges(
    first: np.ndarray, last: np.ndarray, name: str, num_rows: int, path: str
) -> tuple[np.ndarray, np.ndarray]:
    """Check the rows of each image.

    Args:
        first: (I,), the first row, or -1 if the image has none.
        last: (I,), the last row, or -1.
        name: ``'box'`` or ``'rel'``.
        num_rows: Number of rows in the file.
        path: The file, for errors.

    Returns:
        (I,) first rows and (I,) numbers of rows; (0, 0) for none.

    Raises:
        ValueError: If a range is invalid, or two images share rows.
    """
    keys = f'img_to_first_{name}', f'img_to_last_{name}'
    none = (first == -1) & (last == -1)
    wrong = ~none & ((first < 0) | (last < first) | (last >= num_rows))
    if wrong.any():
        row = wrong.argmax()
        raise ValueError(
            f'{path}: row {row} has {keys[0]} {first[row]} and {keys[1]} '
            f'{last[row]}; expected 0 <= first <= last < {num_rows}, or -1 '
            'for both'
        )
    order = np.flatnonzero(~none)
    order = order[first[order].argsort(kind='stable')]
    shared = last[order[:-1]] >= first[order[1:]]
    if shared.any():
        one, other = order[shared.argmax() :][:2]
        raise ValueError(
            f'{path}: rows {one} and {other} of {keys[0]} and {keys[1]} overlap, '
            f'{first[one]} to {last[one]} and {first[other]} to {last[other]}: an '
            'image must not have rows of another'
        )
    counts = np.where(none, 0, last - first + 1)
    unused = num_rows - counts.sum()
    if unused:
        _warn(
            f'{path}: {unused} of {num_rows} rows belong to no image, according to '
            f'{keys[0]} and {keys[1]}'
        )
    return np.where(none, 0, first), counts


@np.errstate(over='ignore')
def check_scales(boxes: np.ndarray, smaller: np.ndarray, keys: tuple[str, str], path: str) -> None:
    """Check that boxes (B, 4) are twice the smaller ones. Raises a ValueError."""
    are_rounded = 'f' not in (boxes.dtype.kind, smaller.dtype.kind) or boxes.dtype != smaller.dtype
    tolerance = _SCALE_TOLERANCE if are_rounded else _FLOAT_TOLERANCE
    difference = np.abs(boxes - 2.0 * smaller)
    if difference.max(initial=0) > tolerance:
        row = (difference > tolerance).any(axis=1).argmax()
        raise ValueError(
            f'{path}: row {row} is {boxes[row].tolist()} in {keys[0]}, but '
            f'{smaller[row].tolist()} in {keys[1]}: they must be the same boxes on '
            'images of twice the size. Remove the array that is wrong'
        )


@np.errstate(over='ignore')
def check_boxes(
    boxes: np.ndarray, scale: int, sizes: np.ndarray, rows: np.ndarray, key: str, path: str
) -> None:
    """Check that centre boxes are in their images.

    The published boxes are clipped to a square around the image, so some leave its
    shorter side: a few of them are a warning, many are an error.

    Args:
        boxes: (B, 4) centre x, centre y, width and height, on images whose longer
            side is ``scale``.
        scale: Side of the square.
        sizes: (B, 2), width and height of the image in pixels.
        rows: (B,), rows of the boxes in the file, for errors.
        key: Name of the array in the file, for errors.
        path: The file, for errors.

    Raises:
        ValueError: If a size is negative, a box leaves the square, or many leave
            the image.
    """
    # By column, because rows of four would take three times as long.
    centres, extents = (np.ascontiguousarray(part.T) for part in (boxes[:, :2], boxes[:, 2:]))
    low, high = centres - extents / 2, centres + extents / 2
    if (
        extents.min(initial=0) < 0
        or low.min(initial=0) < -_ROUNDING
        or high.max(initial=0) > scale + _ROUNDING
    ):
        wrong = ((extents < 0) | (low < -_ROUNDING) | (high > scale + _ROUNDING)).any(axis=0)
        index = wrong.argmax()
        raise ValueError(
            f'{path}: row {rows[index]} of {key} is {boxes[index].tolist()}, '
            'expected centre x, centre y, width, height of a box within 0 and '
            f'{scale}: {wrong.sum()} of {len(boxes)} boxes are wrong'
        )
    scales = scale / sizes.max(axis=1, initial=1)
    outside = (high[0] > sizes[:, 0] * scales + _ROUNDING) | (
        high[1] > sizes[:, 1] * scales + _ROUNDING
    )
    if not outside.any():
        return
    index = outside.argmax()
    problem = (
        f'{path}: {outside.sum()} of {len(boxes)} boxes leave their images, e.g. '
        f'row {rows[index]} of {key}, {boxes[index].tolist()}, in an image of '
        f'{sizes[index].tolist()} pixels'
    )
    if outside.mean() > _MOST_OUTSIDE:
        raise ValueError(f'{problem}. The sizes or their order belong to other data')
    _warn(problem)


def check_exact_boxes(
    exact: np.ndarray, corners: np.ndarray, scales: np.ndarray, path: str
) -> None:
    """Check that ``boxes_xyxy`` (B, 4) are the boxes of the other arrays.

    Args:
        exact: (B, 4) corners in pixels.
        corners: (B, 4) corners in pixels, computed from the centre boxes.
        scales: (B,), pixels per unit of the centre boxes.
        path: The file, for errors.

    Raises:
        ValueError: If a box differs by more than a pixel, or a unit if it is larger.
    """
    wrong = (np.abs(exact - corners) > np.maximum(1, scales)[:, None]).any(axis=1)
    if wrong.any():
        row = wrong.argmax()
        raise ValueError(
            f'{path}: the box {exact[row].tolist()} of boxes_xyxy is '
            f'{corners[row].tolist()} in the other arrays of boxes. Remove the array that is wrong'
        )


def check_pairs(pairs: np.ndarray, num_boxes: np.ndarray, image_ids: np.ndarray, path: str) -> None:
    """Check that relations (M, 2) join boxes of their image. Raises ValueError."""
    wrong = (pairs < 0) | (pairs >= num_boxes[:, None])
    if wrong.any():
        row = wrong.any(axis=1).argmax()
        raise ValueError(
            f'{path}: image {image_ids[row]} has {num_boxes[row]} boxes, but '
            f'a relation joins its boxes {pairs[row].tolist()}: relationships '
            'points to a box that is out of range or of another image'
        )


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)
