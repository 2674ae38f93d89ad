"""Read the list of images of a data set in the VG-SGG format."""

from __future__ import annotations

import numpy as np

from mmsgp.datasets.graph_annotations import id_array
from mmsgp.utils.json_files import in_brief

from .files import load_json

# Their image files are broken and the published h5 has no rows for them.
BROKEN_IMAGE_IDS = (1592, 1722, 4616, 4617)
# OpenCV reads no image with a longer side.
MAX_SIDE = 2**20
_LIMITS = dict(image_id=(0, 2**63 - 1), width=(1, MAX_SIDE), height=(1, MAX_SIDE))


def read_vg_images(
    path: str, num_rows: int, ann_file: str, img_suffix: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read ids, sizes and file names of the images, in the order of the rows.

    With ``original_width``, ``file_name`` is that of an image of another size, as
    ``tools/dataset_converters/vrd.py`` writes it, and not that of the image.

    Args:
        path: Path of ``image_data.json``.
        num_rows: I, number of images that have rows in the annotations.
        ann_file: Path of the annotations, for errors.
        img_suffix: End of a file's name after the id, where there is no
            ``file_name``.

    Returns:
        (I,) ids, see :func:`id_array`, (I, 2) int64 widths and heights, and (I,)
        file names.

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
    ids, widths, heights = (_read_column(images, key, path) for key in _LIMITS)
    ids = id_array(ids)
    sizes = np.array([widths, heights], dtype=np.int64).T
    names = _read_file_names(images, ids, img_suffix, path)
    if len(ids) != num_rows:
        kept = ~np.isin(ids.astype(np.str_), np.array(BROKEN_IMAGE_IDS).astype(np.str_))
        ids, sizes, names = ids[kept], sizes[kept], names[kept]
    if len(ids) != num_rows:
        raise ValueError(
            f'{path} lists {len(images)} images, but {ann_file} has '
            f'{num_rows} rows (the broken images {BROKEN_IMAGE_IDS} may be '
            'left out of the rows). The two files belong to different data'
        )
    different, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise ValueError(f'{path} lists the image {different[counts.argmax()]} twice')
    return ids, sizes, names


def _read_file_names(images: list[dict], ids: np.ndarray, suffix: str, path: str) -> np.ndarray:
    """Return the names (I,) of the image files."""
    names = [f'{image_id}{suffix}' for image_id in ids.tolist()]
    for row, image in enumerate(images):
        if 'file_name' in image and 'original_width' not in image:
            names[row] = name = image['file_name']
            if type(name) is not str or not name.strip() or not name.isprintable():
                raise ValueError(
                    f'{path}: image {row} of the list (image_id {in_brief(ids[row].item())}) has '
                    f'the file_name {in_brief(name)}, expected the path of its file'
                )
    return np.array(names, np.str_)


def _read_column(images: list[dict], key: str, path: str) -> list[int | str]:
    """Return the values of a key: whole numbers within their limits; ids may be text."""
    low, high = _LIMITS[key]
    values = [image.get(key) for image in images]
    if set(map(type, values)) <= {int} and (
        not values or low <= min(values) and max(values) <= high
    ):
        return values

    def is_good(value: int | str) -> bool:
        if key == 'image_id' and type(value) is str:
            return bool(value.strip()) and value.isprintable()
        return type(value) is int and low <= value <= high

    row = next((row for row, value in enumerate(values) if not is_good(value)), None)
    if row is None:
        return values
    if key not in images[row]:
        raise ValueError(
            f'{path}: image {row} of the list has no {key!r}; it '
            f'has {in_brief(sorted(images[row]))}'
        )
    raise ValueError(
        f'{path}: image {row} of the list (image_id '
        f'{in_brief(images[row].get("image_id"))}) has the {key} '
        f'{in_brief(values[row])}, expected a whole number of {low} to {high}'
        f'{" or a text" if key == "image_id" else ""}'
    )
