"""Select the images for training, validation and test."""

from __future__ import annotations

import numpy as np

from .graph_annotations import SPLITS, GraphAnnotations


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
