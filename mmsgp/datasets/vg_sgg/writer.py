"""Write annotations as Visual Genome's scene graphs are published.

Shape shorthand: N objects and M relations of an image.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from mmsgp.utils.files import replacing

ANN_FILE = 'VG-SGG.h5'
DICT_FILE = 'VG-SGG-dicts.json'
IMAGE_FILE = 'image_data.json'
BOX_SCALES = (1024, 512)
SPLIT_CODES = {'train': 0, 'val': 1, 'test': 2}
_ROWS_PER_CHUNK = 16_384


def write_vg_sgg(
    out_dir: str | os.PathLike,
    images: Sequence[dict],
    boxes: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    relations: Sequence[np.ndarray],
    classes: Sequence[str],
    predicates: Sequence[str],
    exact_boxes: bool = False,
) -> None:
    """Write ``VG-SGG.h5``, ``VG-SGG-dicts.json`` and ``image_data.json``.

    The same input gives the same bytes. Boxes are written as the format has them:
    centre and size, scaled to a longer side of 1024 and of 512, in float32.

    Args:
        out_dir: Folder to write to; made if missing.
        images: For each image ``image_id``, a whole number or text, ``width`` and
            ``height`` in pixels and ``split``, ``'train'``, ``'val'`` or
            ``'test'``. Its file is ``<image_id>.jpg``, or ``file_name``. Further
            keys are copied to ``image_data.json``. Without images of ``'val'``,
            validation takes the first training images.
        boxes: For each image (N, 4), ``x1, y1, x2, y2`` in its pixels.
        labels: For each image (N,), 0-based classes.
        relations: For each image (M, 3), subject index, object index
            (into the image's boxes) and predicate ``1 .. R``.
        classes: Names of the classes.
        predicates: Names of the predicates; predicate ``p`` is
            ``predicates[p - 1]``.
        exact_boxes: Whether to write the boxes a second time as they are, in
            pixels and float64, as ``boxes_xyxy``. :class:`VGDataset` prefers
            them, other readers ignore them. Defaults to False.

    Raises:
        ValueError: If the lists differ in length, a number is out of its range
            or a box leaves its image.
    """
    _check_lengths(images, boxes, labels, relations)
    num_boxes = np.array([len(b) for b in boxes], dtype=np.int64)
    num_relations = np.array([len(r) for r in relations], dtype=np.int64)
    first_box = np.cumsum(num_boxes) - num_boxes
    flat_boxes = _flatten(boxes, (0, 4), np.float64)
    flat_labels = _flatten(labels, (0,), np.int64)
    flat_relations = _flatten(relations, (0, 3), np.int64)
    _check_range('labels', flat_labels, 0, len(classes) - 1)
    _check_range('predicates', flat_relations[:, 2], 1, len(predicates))
    _check_boxes(flat_boxes, images, num_boxes)
    image_of_relation = np.repeat(np.arange(len(images)), num_relations)
    _check_pairs(
        flat_relations[:, :2],
        num_boxes[image_of_relation],
        [image['image_id'] for image in images],
        image_of_relation,
    )

    arrays = dict(
        split=_split_codes(images),
        labels=flat_labels[:, None] + 1,
        active_object_mask=np.ones((len(flat_boxes), 1), dtype=bool),
        relationships=(flat_relations[:, :2] + first_box[image_of_relation, None]).astype(np.int32),
        predicates=flat_relations[:, 2:],
        **_first_and_last('box', num_boxes),
        **_first_and_last('rel', num_relations),
        **_scaled_boxes(flat_boxes, images, num_boxes),
    )
    if exact_boxes:
        arrays['boxes_xyxy'] = flat_boxes
    dicts = dict(
        **_indices('label', classes),
        **_indices('predicate', predicates),
        object_count=_counts(flat_labels, classes),
        predicate_count=_counts(flat_relations[:, 2] - 1, predicates),
    )
    image_data = [{k: v for k, v in image.items() if k != 'split'} for image in images]

    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    # So an interruption leaves no partial file, nor files of two data sets.
    for name in (ANN_FILE, DICT_FILE, IMAGE_FILE):
        (out_dir / name).unlink(missing_ok=True)
    (out_dir / DICT_FILE).write_text(json.dumps(dicts))
    (out_dir / IMAGE_FILE).write_text(json.dumps(image_data))
    with replacing(out_dir / ANN_FILE) as draft, h5py.File(draft, 'w') as file:
        for key, array in arrays.items():
            # Time stamps would make the bytes differ from run to run. With its
            # checksums HDF5 notices a damaged number when it is read.
            chunks = (min(len(array), _ROWS_PER_CHUNK), *array.shape[1:])
            file.create_dataset(
                key,
                data=array,
                track_times=False,
                **(dict(fletcher32=True, chunks=chunks) if len(array) else {}),
            )


def write_relations(
    source: str | os.PathLike, out_file: str | os.PathLike, relations: Sequence[np.ndarray]
) -> None:
    """Write an annotation file with other relations; all else is copied.

    Args:
        source: The annotation file.
        out_file: The new one, beside the same dicts and image files.
        relations: For each row of ``split`` (M, 3), as of :func:`write_vg_sgg`.
    """
    counts = np.array([len(r) for r in relations], dtype=np.int64)
    flat = _flatten(relations, (0, 3), np.int64)
    with h5py.File(source) as old, replacing(out_file) as draft, h5py.File(draft, 'w') as file:
        first_box = old['img_to_first_box'][:].reshape(-1)
        arrays = dict(
            relationships=flat[:, :2] + np.repeat(first_box, counts)[:, None],
            predicates=flat[:, 2:],
            **_first_and_last('rel', counts),
        )
        for key in old:
            if key in arrays:
                file.create_dataset(key, data=arrays[key].astype(np.int64), track_times=False)
            else:
                old.copy(key, file)


def _flatten(arrays: Sequence, empty_shape: tuple, dtype: type) -> np.ndarray:
    """Concatenate per-image arrays, an empty list of any shape included."""
    shape = (-1,) + empty_shape[1:]
    return np.concatenate(
        [np.empty(empty_shape, dtype)]
        + [np.asarray(a, dtype=dtype).reshape(shape) for a in arrays if len(a)]
    )


def _scaled_boxes(
    boxes: np.ndarray, images: Sequence[dict], num_boxes: np.ndarray
) -> dict[str, np.ndarray]:
    """Centre boxes on images whose longer side is 1024, and 512."""
    sides = np.array([max(image['width'], image['height']) for image in images], dtype=np.float64)
    relative = boxes / np.repeat(sides, num_boxes)[:, None]
    centres = (relative[:, :2] + relative[:, 2:]) / 2
    sizes = relative[:, 2:] - relative[:, :2]
    # The published files hold integers, so that their boxes are off by up to
    # a pixel and thin ones may vanish. Readers compute with whatever type is
    # there, so that float32 keeps the boxes and costs no compatibility.
    relative = np.concatenate([centres, sizes], axis=1)
    return {f'boxes_{scale}': (relative * scale).astype(np.float32) for scale in BOX_SCALES}


def _first_and_last(name: str, counts: np.ndarray) -> dict[str, np.ndarray]:
    """First and last (inclusive) row of each image; -1 where it has none."""
    last = np.cumsum(counts) - 1
    return {
        f'img_to_first_{name}': np.where(counts, last - counts + 1, -1).astype(np.int32),
        f'img_to_last_{name}': np.where(counts, last, -1).astype(np.int32),
    }


def _indices(kind: str, names: Sequence[str]) -> dict[str, dict]:
    return {
        f'{kind}_to_idx': {name: i for i, name in enumerate(names, 1)},
        f'idx_to_{kind}': {str(i): name for i, name in enumerate(names, 1)},
    }


def _counts(indices: np.ndarray, names: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(indices, minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))


def _split_codes(images: Sequence[dict]) -> np.ndarray:
    for image in images:
        if image['split'] not in SPLIT_CODES:
            raise ValueError(
                f'image {image["image_id"]}: split {image["split"]!r} is not '
                f'one of {sorted(SPLIT_CODES)}'
            )
    return np.array([SPLIT_CODES[i['split']] for i in images], dtype=np.int32)


def _check_lengths(images: Sequence[dict], *per_image: Sequence) -> None:
    lengths = [len(images)] + [len(values) for values in per_image]
    if len(set(lengths)) > 1:
        raise ValueError(
            f'images, boxes, labels and relations must have the same length, got {lengths}'
        )
    for image, boxes, labels in zip(images, *per_image[:2], strict=True):
        if len(boxes) != len(labels):
            raise ValueError(
                f'image {image["image_id"]} has {len(boxes)} boxes but {len(labels)} labels'
            )


def _check_range(what: str, values: np.ndarray, low: int, high: int) -> None:
    wrong = values[(values < low) | (values > high)]
    if len(wrong):
        raise ValueError(f'{what} must be in {low}..{high}, got {wrong[0]}')


def _check_boxes(boxes: np.ndarray, images: Sequence[dict], num_boxes: np.ndarray) -> None:
    sizes = np.array(
        [(image['width'], image['height']) for image in images], dtype=np.float64
    ).reshape(-1, 2)
    limits = np.repeat(sizes, num_boxes, axis=0)
    inside = (
        (boxes[:, :2] >= 0) & (boxes[:, 2:] >= boxes[:, :2]) & (boxes[:, 2:] <= limits * (1 + 1e-6))
    )
    if not inside.all():
        row = inside.all(axis=1).argmin()
        image = images[np.repeat(np.arange(len(images)), num_boxes)[row]]
        raise ValueError(
            f'image {image["image_id"]} of {image["width"]} x {image["height"]} '
            f'pixels has the box {boxes[row].tolist()}, which leaves it'
        )


def _check_pairs(
    pairs: np.ndarray, num_boxes: np.ndarray, image_ids: list, image_of_relation: np.ndarray
) -> None:
    wrong = ((pairs < 0) | (pairs >= num_boxes[:, None])).any(axis=1)
    if wrong.any():
        row = wrong.argmax()
        raise ValueError(
            f'image {image_ids[image_of_relation[row]]} has '
            f'{num_boxes[row]} boxes, but a relation joins boxes '
            f'{pairs[row].tolist()}'
        )
