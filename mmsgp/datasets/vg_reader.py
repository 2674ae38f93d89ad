"""Read and check annotations in the VG-SGG format.

Shape shorthand: I images, B boxes and M relations of all images together, C
object classes, R predicates.
"""
from __future__ import annotations

import logging

import h5py
import numpy as np
from mmengine.logging import print_log

from .vg_annotations import VGAnnotations, offsets_of, ragged_arange
from .vg_files import load_json, open_h5, require_key
from .vg_format import BOX_SCALES

# Their image files are broken and the published h5 has no rows for them.
BROKEN_IMAGE_IDS = (1592, 1722, 4616, 4617)

_REQUIRED_KEYS = ('split', 'img_to_first_box', 'img_to_last_box',
                  'img_to_first_rel', 'img_to_last_rel', 'labels',
                  'relationships', 'predicates')


def read_vg_annotations(ann_file: str, image_file: str, num_classes: int,
                        num_predicates: int) -> VGAnnotations:
    """Read the boxes and relations of all images of all splits.

    Centre boxes on a resized image become corners in the original image's
    pixels. Relations stay as they are annotated, those of an object with
    itself and repeated ones included.

    Args:
        ann_file: Path of ``VG-SGG.h5``.
        image_file: Path of ``image_data.json``.
        num_classes: C, the names there are for classes.
        num_predicates: R, the names there are for predicates.

    Raises:
        FileNotFoundError: If a file is missing.
        KeyError: If a file lacks a key.
        ValueError: If a file cannot be read, or its content contradicts
            itself or the other files.
    """
    image_data = load_json(image_file)
    with open_h5(ann_file) as file:
        for key in _REQUIRED_KEYS:
            require_key(file, key, ann_file)
        splits = file['split'][:].astype(np.int64).reshape(-1)
        image_ids, sizes = _read_images(image_data, len(splits), image_file,
                                        ann_file)
        labels = _read_indices(file, 'labels', num_classes, ann_file) - 1
        predicates = _read_indices(file, 'predicates', num_predicates,
                                   ann_file)
        boxes, scale = _read_boxes(file, len(labels), ann_file)
        pairs = _read_rows(file, 'relationships', 2, ann_file)
        if len(pairs) != len(predicates):
            raise ValueError(f'{ann_file}: relationships has {len(pairs)} '
                             f'rows, but predicates has {len(predicates)}')
        first_box, num_boxes = _read_ranges(file, 'box', len(splits),
                                            len(labels), ann_file)
        first_rel, num_rels = _read_ranges(file, 'rel', len(splits),
                                           len(pairs), ann_file)

    image_of_relation = np.repeat(np.arange(len(splits)), num_rels)
    rows = ragged_arange(first_rel, num_rels)
    pairs = pairs[rows] - first_box[image_of_relation, None]
    _check_pairs(pairs, num_boxes[image_of_relation],
                 image_ids[image_of_relation], ann_file)
    relations = np.column_stack([pairs, predicates[rows]]).astype(np.int64)

    rows = ragged_arange(first_box, num_boxes)
    longer_sides = np.repeat(sizes.max(axis=1, initial=0), num_boxes)
    return VGAnnotations(
        image_ids=image_ids,
        sizes=sizes,
        splits=splits,
        boxes=_to_corners(boxes[rows], longer_sides / scale, ann_file),
        labels=labels[rows],
        box_offsets=offsets_of(num_boxes),
        relations=relations,
        relation_offsets=offsets_of(num_rels))


def _read_images(image_data: list[dict], num_rows: int, path: str,
                 ann_file: str) -> tuple[np.ndarray, np.ndarray]:
    """Ids (I,) and sizes (I, 2) of the images, in the order of the rows."""
    try:
        images = np.array(
            [(image['image_id'], image['width'], image['height'])
             for image in image_data]).reshape(-1, 3)
    except KeyError as error:
        raise KeyError(
            f'{path}: every image needs image_id, width and height, but one '
            f'has no {error}') from error
    except TypeError as error:
        raise ValueError(f'{path} must hold a list of objects with image_id, '
                         'width and height') from error
    if len(images) and images.dtype.kind != 'i':
        raise ValueError(
            f'{path}: image_id, width and height must be whole numbers, e.g. '
            f'not {next(i for i in image_data if not _is_whole(i))}')
    if len(images) != num_rows:
        images = images[~np.isin(images[:, 0], BROKEN_IMAGE_IDS)]
    if len(images) != num_rows:
        raise ValueError(
            f'{path} lists {len(image_data)} images, but {ann_file} has '
            f'{num_rows} rows (the broken images {BROKEN_IMAGE_IDS} may be '
            'left out of the rows). The two files are not of the same data')
    images = images.astype(np.int64)
    wrong = (images[:, 1:] <= 0).any(axis=1)
    if wrong.any():
        image_id, width, height = images[wrong.argmax()]
        raise ValueError(
            f'{path}: image {image_id} has width {width} and height {height}')
    return images[:, 0].copy(), images[:, 1:].copy()


def _is_whole(image: dict) -> bool:
    return all(
        isinstance(image[key], int) for key in ('image_id', 'width', 'height'))


def _read_rows(file: h5py.File, key: str, width: int,
               path: str) -> np.ndarray:
    """A (rows, width) array; a flat one does where the width is 1."""
    array = file[key][:]
    if array.ndim == 1 and width == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(f'{path}: {key} must have the shape (rows, {width}), '
                         f'not {file[key].shape}')
    return array


def _read_indices(file: h5py.File, key: str, num_names: int,
                  path: str) -> np.ndarray:
    """1-based indices (rows,), checked against the number of names."""
    indices = _read_rows(file, key, 1, path)[:, 0].astype(np.int64)
    wrong = (indices < 1) | (indices > num_names)
    if wrong.any():
        row = wrong.argmax()
        raise ValueError(
            f'{path}: row {row} of {key} is {indices[row]}, but the dicts '
            f'file names 1 .. {num_names}. Are the two of the same data?')
    return indices


def _read_boxes(file: h5py.File, num_boxes: int,
                path: str) -> tuple[np.ndarray, int]:
    """Centre boxes (B, 4) and the longer side of the images they are on."""
    for scale in BOX_SCALES:
        key = f'boxes_{scale}'
        if key in file:
            break
    else:
        require_key(file, f'boxes_{BOX_SCALES[0]}', path)
    boxes = _read_rows(file, key, 4, path).astype(np.float64)
    if len(boxes) != num_boxes:
        raise ValueError(f'{path}: {key} has {len(boxes)} rows, but labels '
                         f'has {num_boxes}')
    wrong = ~np.isfinite(boxes).all(axis=1) | (boxes[:, 2:] < 0).any(axis=1)
    if wrong.any():
        row = wrong.argmax()
        raise ValueError(
            f'{path}: row {row} of {key} is {boxes[row].tolist()}, which is '
            'no centre x, centre y, width, height of a box')
    return boxes, scale


def _read_ranges(file: h5py.File, name: str, num_images: int, num_rows: int,
                 path: str) -> tuple[np.ndarray, np.ndarray]:
    """First row and number of rows of each image; (0, 0) for none."""
    keys = f'img_to_first_{name}', f'img_to_last_{name}'
    first, last = (_read_rows(file, key, 1, path)[:, 0].astype(np.int64)
                   for key in keys)
    for key, array in zip(keys, (first, last), strict=True):
        if len(array) != num_images:
            raise ValueError(f'{path}: {key} has {len(array)} rows, but split '
                             f'has {num_images}')
    none = (first == -1) & (last == -1)
    wrong = ~none & ((first < 0) | (last < first) | (last >= num_rows))
    if wrong.any():
        row = wrong.argmax()
        raise ValueError(
            f'{path}: row {row} has {keys[0]} {first[row]} and {keys[1]} '
            f'{last[row]}; expected 0 <= first <= last < {num_rows}, or -1 '
            'for both')
    return np.where(none, 0, first), np.where(none, 0, last - first + 1)


def _check_pairs(pairs: np.ndarray, num_boxes: np.ndarray,
                 image_ids: np.ndarray, path: str) -> None:
    wrong = ((pairs < 0) | (pairs >= num_boxes[:, None])).any(axis=1)
    if wrong.any():
        row = wrong.argmax()
        raise ValueError(
            f'{path}: image {image_ids[row]} has {num_boxes[row]} boxes, but '
            f'a relation joins its boxes {pairs[row].tolist()}: relationships '
            'points to a box that is out of range or of another image')


def _to_corners(boxes: np.ndarray, scales: np.ndarray,
                path: str) -> np.ndarray:
    """Centre boxes times (B,) scales as float32 corners, never empty."""
    corners = np.concatenate(
        [boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2],
        axis=1)
    # A grid of 1/1024 pixel brings corners that were whole pixels before
    # they were written in float32 back to whole pixels, so that boxes that
    # only touch do not begin to overlap.
    corners = np.round(corners * scales[:, None] * 1024) / 1024
    empty = corners[:, 2:] <= corners[:, :2]
    if empty.any():
        # The regression targets of an empty box are infinite.
        print_log(
            f'{path}: widened {empty.any(axis=1).sum()} boxes of no area to '
            'one pixel',
            logger='current',
            level=logging.WARNING)
        corners[:, :2] -= empty / 2
        corners[:, 2:] += empty / 2
    return corners.astype(np.float32)
