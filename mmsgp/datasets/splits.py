"""Select the images for training, validation and test."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmsgp.utils.json_files import in_brief, read_json

from .graph_annotations import SPLITS, GraphAnnotations, id_array
from .paths import join_root


def split_indices(
    annotations: GraphAnnotations, split: str, num_val_images: int, filter_empty_relations: bool
) -> np.ndarray:
    """Select the images of a split, in the order of the file.

    Where annotations have no images for validation, it takes the first training
    images. Only images with at least one box and, if ``filter_empty_relations``,
    at least one relation count, as in neural-motifs, the source of the figures
    in the literature. Images that do not count stay with their neighbours; the
    caller may leave them out.

    Args:
        annotations: All images.
        split: ``'train'``, ``'val'`` or ``'test'``.
        num_val_images: Number of images that count in ``'val'``, unless the
            annotations have such a split.
        filter_empty_relations: Whether only images with relations count.

    Returns:
        (K,) image indices.
    """
    if split == 'test' or has_val_split(annotations):
        return np.flatnonzero(annotations.splits == SPLITS.index(split))
    training, counts = _training(annotations, filter_empty_relations)
    in_val = counts.cumsum() - counts < num_val_images
    return training[in_val if split == 'val' else ~in_val]


def has_val_split(annotations: GraphAnnotations) -> bool:
    """Whether the annotations have a validation split."""
    return bool((annotations.splits == SPLITS.index('val')).any())


def with_split_ids(
    annotations: GraphAnnotations,
    split_ids: Mapping[str, str | Sequence[int | str]],
    root: str,
    source: str,
) -> GraphAnnotations:
    """Replace the splits by own lists of ids; leave out images in no list.

    Args:
        annotations: All images.
        split_ids: For some of ``SPLITS`` the ids, or a file of them: JSON, or one id
            a line.
        root: Folder of the files.
        source: Where the annotations come from, for messages.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If an id does not exist or is listed twice.
    """
    if not isinstance(split_ids, Mapping) or not set(split_ids) <= set(SPLITS):
        raise ValueError(
            f'split_ids must map some of {SPLITS} to lists of ids, got {in_brief(split_ids)}'
        )
    row_of = {str(image_id): row for row, image_id in enumerate(annotations.image_ids.tolist())}
    splits = np.full(len(annotations), -1)
    for split, ids in split_ids.items():
        where = f'split_ids[{split!r}]'
        if isinstance(ids, str):
            where = join_root(root, ids)
            ids = _read_ids(where)
        for image_id in id_array(ids).tolist():
            row = row_of.get(str(image_id))
            if row is None:
                raise ValueError(
                    f'{where} has the id {image_id!r}, but {source} has no such image; its ids '
                    f'are {in_brief(annotations.image_ids[:4].tolist())}'
                )
            if splits[row] >= 0:
                raise ValueError(
                    f'{where} has the id {image_id!r}, which is in the list of '
                    f'{SPLITS[splits[row]]!r} already: list each image once'
                )
            splits[row] = SPLITS.index(split)
    left_out = int((splits < 0).sum())
    if left_out:
        print_log(
            f'{source}: {left_out} of {len(splits)} images are in no list of split_ids and '
            'are left out',
            logger='current',
            level=logging.WARNING,
        )
    return replace(annotations, splits=splits).subset(splits >= 0)


def _read_ids(path: str) -> list[int | str]:
    """Read a list of ids: JSON, or one id a line."""
    if path.endswith('.json'):
        ids = read_json(path)
        if not isinstance(ids, list) or not set(map(type, ids)) <= {int, str}:
            raise ValueError(f'{path} must hold a list of ids, not {in_brief(ids)}')
        return ids
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path} does not exist: it should list ids of images') from error
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not a text in UTF-8 with one id a line: {error}') from error
    return [line.strip() for line in lines if line.strip()]


def num_training_images(annotations: GraphAnnotations, filter_empty_relations: bool = True) -> int:
    """Count the images of which validation takes the first ones, see :func:`split_indices`."""
    return int(_training(annotations, filter_empty_relations)[1].sum())


def check_num_val_images(
    annotations: GraphAnnotations, num_val_images: int, filter_empty_relations: bool, ann_file: str
) -> None:
    """Check that validation leaves images to train on. Raises a ValueError."""
    if has_val_split(annotations):
        return
    num_images = num_training_images(annotations, filter_empty_relations)
    if 0 < num_images <= num_val_images:
        raise ValueError(
            f'{ann_file}: num_val_images={num_val_images} leaves nothing to train on: '
            f'only {num_images} training images have boxes'
            f'{" and relations" if filter_empty_relations else ""}. Set num_val_images of '
            f'all data sets, e.g. --cfg-options num_val_images={max(1, num_images // 10)}'
        )


def _training(
    annotations: GraphAnnotations, filter_empty_relations: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices (K,) of the training images, and which of them count."""
    training = np.flatnonzero(annotations.splits == SPLITS.index('train'))
    counts = annotations.num_boxes[training] > 0
    if filter_empty_relations:
        counts &= annotations.num_relations[training] > 0
    return training, counts
