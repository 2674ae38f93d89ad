"""Read the list of images of a data set in the VG-SGG format."""

from __future__ import annotations

import numpy as np

from mmsgp.utils.json_files import in_brief

from .files import load_json

# Their image files are broken and the published h5 has no rows for them.
BROKEN_IMAGE_IDS = (1592, 1722, 4616, 4617)
# OpenCV reads no image with a longer side.
MAX_SIDE = 2**20
_LIMITS = dict(image_id=(0, 2**63 - 1), width=(1, MAX_SIDE), height=(1, MAX_SIDE))


def read_vg_images(path: str, num_rows: int, ann_file: str) -> tuple[np.ndarray, np.ndarray]:
    """Read ids and sizes of the images, in the order of the rows.

    Args:
        path: Path of ``image_data.json``.
        num_rows: I, number of images that have rows in the annotations.
        ann_file: Path of the annotations, for errors.

    Returns:
        (I,) int64 ids, and (I, 2) int64 widths and heights.

    Raises:
        OSError: If the file does not exist or cannot be read.
        ValueError: If it is not a list of as many images, each with a different
            id and a size.
    """
    images = load_json(path)
    if not isinstance(images, list) or set(map(type, images)) - {dict}:
        wrong = (
            images
            if not isinstance(images, list)
            else next(image for image in images if type(image) is not dict)
        )
        raise ValueError(
            f'{path} must hold a list of objects with image_id, '
            f'width and height, not {in_brief(wrong)}'
        )
    columns = [_read_column(images, key, path) for key in _LIMITS]
    table = np.array(columns, dtype=np.int64).T.reshape(-1, 3)
    if len(table) != num_rows:
        table = table[~np.isin(table[:, 0], BROKEN_IMAGE_IDS)]
    if len(table) != num_rows:
        raise ValueError(
            f'{path} lists {len(images)} images, but {ann_file} has '
            f'{num_rows} rows (the broken images {BROKEN_IMAGE_IDS} may be '
            'left out of the rows). The two files belong to different data'
        )
    ids, counts = np.unique(table[:, 0], return_counts=True)
    if (counts > 1).any():
        raise ValueError(f'{path} lists the image {ids[counts.argmax()]} twice')
    return table[:, 0].copy(), table[:, 1:].copy()


def _read_column(images: list[dict], key: str, path: str) -> list[int]:
    """Return the values of a key. All must be whole numbers within their limits."""
    low, high = _LIMITS[key]
    values = [image.get(key) for image in images]
    if (
        set(map(type, values)) <= {int}
        and low <= min(values, default=low)
        and max(values, default=low) <= high
    ):
        return values
    row = next(
        row
        for row, value in enumerate(values)
        if type(value) is not int or not low <= value <= high
    )
    if key not in images[row]:
        raise ValueError(
            f'{path}: image {row} of the list has no {key!r}; it '
            f'has {in_brief(sorted(images[row]))}'
        )
    raise ValueError(
        f'{path}: image {row} of the list (image_id '
        f'{in_brief(images[row].get("image_id"))}) has the {key} '
        f'{in_brief(values[row])}, expected a whole number of {low} to {high}'
    )
