"""Read and check annotations in the VG-SGG format.

Shape shorthand: I images, B boxes and M relations of all images together, C
object classes, R predicates.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log

from mmsgp.datasets.graph_annotations import (
    GraphAnnotations,
    offsets_of,
    ragged_arange,
)
from mmsgp.datasets.h5_file import H5File

from .checks import (
    check_boxes,
    check_exact_boxes,
    check_pairs,
    check_ranges,
    check_scales,
    check_splits,
)
from .images import read_vg_images
from .writer import BOX_SCALES

SPLIT_KEYS = ('split', 'split_rel')


def read_vg_annotations(
    ann_file: str,
    image_file: str,
    classes: Sequence[str],
    predicates: Sequence[str],
    img_suffix: str = '.jpg',
    integer_corners: bool = False,
    split_key: str | None = None,
) -> GraphAnnotations:
    """Read the boxes and relations of all images of all splits.

    Centre boxes on a resized image become corners in the original image's
    pixels, in float32; corners of ``boxes_xyxy``, which MMSGP's converters write,
    stay as they are, in float64. Relations stay as they are annotated, including repeated ones and
    those of an object with itself.

    Args:
        ann_file: Path of ``VG-SGG.h5``.
        image_file: Path of ``image_data.json``.
        classes: C names.
        predicates: R names.
        img_suffix: End of the name of an image file, after the image's id, where
            ``image_data.json`` has no ``file_name``.
        integer_corners: See :class:`VGDataset`.
        split_key: See :class:`VGDataset`.

    Raises:
        OSError: If a file is missing or cannot be read.
        ValueError: If a file lacks a key, cannot be read, or its content
            contradicts itself or the other files.
    """
    with H5File(ann_file) as file:
        splits = _read_splits(file, split_key)
        image_ids, sizes, file_names = read_vg_images(image_file, len(splits), ann_file, img_suffix)
        labels = _read_indices(file, 'labels', len(classes)) - 1
        boxes, box_key, scale = _read_boxes(file, len(labels))
        pairs = file.read_whole('relationships', 2)
        relation_labels = _read_indices(
            file, 'predicates', len(predicates), ('relationships', len(pairs))
        )
        first_box, num_boxes = _read_ranges(file, 'box', len(splits), len(labels))
        first_rel, num_rels = _read_ranges(file, 'rel', len(splits), len(pairs))
        exact = None
        if 'boxes_xyxy' in file and not integer_corners:
            exact = file.read_real('boxes_xyxy', 4, ('labels', len(labels)))
    check_splits(splits, ann_file)

    image_of_relation = np.repeat(np.arange(len(splits)), num_rels)
    rows = ragged_arange(first_rel, num_rels)
    pairs = pairs[rows] - first_box[image_of_relation, None]
    check_pairs(pairs, num_boxes[image_of_relation], image_ids[image_of_relation], ann_file)
    relations = np.column_stack([pairs, relation_labels[rows]])

    rows = ragged_arange(first_box, num_boxes)
    boxes = boxes[rows].astype(np.float64)
    box_sizes = np.repeat(sizes, num_boxes, axis=0)
    check_boxes(boxes, scale, box_sizes, rows, box_key, ann_file)
    if integer_corners:
        boxes = _with_integer_corners(boxes, rows, box_key, ann_file)
    scales = box_sizes.max(axis=1, initial=0) / scale
    corners = _to_corners(boxes, scales)
    if exact is not None:
        check_exact_boxes(exact[rows], corners, scales, ann_file)
        corners = exact[rows]
    corners = _widened(corners, ann_file)
    return GraphAnnotations(
        image_ids=image_ids,
        file_names=file_names,
        sizes=sizes,
        splits=splits,
        boxes=corners if exact is not None else corners.astype(np.float32),
        labels=labels[rows],
        box_offsets=offsets_of(num_boxes),
        relations=relations,
        relation_offsets=offsets_of(num_rels),
        classes=tuple(classes),
        predicates=tuple(predicates),
    )


def _read_splits(file: H5File, split_key: str | None) -> np.ndarray:
    """Read the codes (I,) of ``split``, or of IndoorVG's ``split_rel``."""
    keys = [split_key] if split_key else [key for key in SPLIT_KEYS if key in file]
    codes = [file.read_whole(key)[:, 0] for key in keys or SPLIT_KEYS[:1]]
    if len(codes) == 2 and not np.array_equal(*codes):
        raise ValueError(
            f'{file.path} has both split and split_rel, and they differ: choose one of them '
            "with split_key='split' or split_key='split_rel'"
        )
    return codes[0]


def _read_indices(
    file: H5File, key: str, num_names: int, rows_of: tuple[str, int] | None = None
) -> np.ndarray:
    """Read 1-based indices (rows,), checked against the number of names."""
    indices = file.read_whole(key, rows_of=rows_of)[:, 0]
    if len(indices) and not 1 <= indices.min() <= indices.max() <= num_names:
        row = ((indices < 1) | (indices > num_names)).argmax()
        raise ValueError(
            f'{file.path}: row {row} of {key} is {indices[row]}, but the dicts '
            f'file names 1 .. {num_names}. Do the two belong to the same data?'
        )
    return indices


def _read_boxes(file: H5File, num_boxes: int) -> tuple[np.ndarray, str, int]:
    """Read centre boxes (B, 4), their key and the longer side of their images."""
    scales = {f'boxes_{scale}': scale for scale in BOX_SCALES}
    keys = [key for key in scales if key in file] or list(scales)[:1]
    arrays = [file.read_real(key, 4, ('labels', num_boxes)) for key in keys]
    if len(arrays) == 2:
        check_scales(*arrays, keys, file.path)
    return arrays[0], keys[0], scales[keys[0]]


def _read_ranges(
    file: H5File, name: str, num_images: int, num_rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Read first row and number of rows of each image; (0, 0) for none."""
    first, last = (
        file.read_whole(f'img_to_{end}_{name}', rows_of=('split', num_images))[:, 0]
        for end in ('first', 'last')
    )
    return check_ranges(first, last, name, num_rows, file.path)


def _with_integer_corners(boxes: np.ndarray, rows: np.ndarray, key: str, path: str) -> np.ndarray:
    """Move centre boxes (B, 4), of these rows, to whole upper left corners.

    The reference implementation of Neural Motifs computes corners in the
    file's type, whole numbers, which drops half a pixel of an odd side.

    Raises:
        ValueError: If a number is not whole: then the reference drops nothing.
    """
    if (boxes % 1).any():
        first = int((boxes % 1).any(axis=1).argmax())
        raise ValueError(
            f'{path}: row {rows[first]} of {key} is {boxes[first].tolist()}, not whole '
            'numbers: integer_corners=True has no effect on this file. Leave it '
            'out'
        )
    centers, sizes = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([np.trunc(centers - sizes / 2) + sizes / 2, sizes], axis=1)


def _to_corners(boxes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Convert centre boxes (B, 4) times (B,) scales to corners."""
    corners = np.concatenate(
        [boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1
    )
    # A grid of 1/1024 pixel brings corners that were whole pixels before
    # they were written in float32 back to whole pixels, so that boxes that
    # only touch do not begin to overlap.
    return np.round(corners * scales[:, None] * 1024) / 1024


def _widened(corners: np.ndarray, path: str) -> np.ndarray:
    """Widen corners (B, 4) without an area to a pixel."""
    empty = corners[:, 2:] <= corners[:, :2]
    if empty.any():
        # The regression targets of an empty box are infinite.
        print_log(
            f'{path}: widened {empty.any(axis=1).sum()} boxes without area to one pixel',
            logger='current',
            level=logging.WARNING,
        )
        corners[:, :2] -= empty / 2
        corners[:, 2:] += empty / 2
    return corners
