"""Which images of a VG-SGG file are for training, validation and test."""
from __future__ import annotations

import numpy as np

from mmsgp.datasets.graph_annotations import VGAnnotations

from .writer import SPLIT_CODES

SPLITS = ('train', 'val', 'test')


def split_indices(annotations: VGAnnotations,
                  split: str,
                  num_val_images: int,
                  filter_empty_relations: bool) -> np.ndarray:
    """Select the images of a split, in the order of the file.

    The file tells training from test images only: validation takes the first
    training images. "First" counts images with at least one box and, if
    ``filter_empty_relations``, at least one relation. So it is done in
    neural-motifs, where the figures in the literature come from. The images
    that do not count go with their neighbours; leaving them out is left to
    the caller.

    Args:
        annotations: All images of the file.
        split: ``'train'``, ``'val'`` or ``'test'``.
        num_val_images: Images that count in ``'val'``.
        filter_empty_relations: Whether only images with relations count.

    Returns:
        (K,) image indices.
    """
    if split == 'test':
        return np.flatnonzero(annotations.splits == SPLIT_CODES['test'])
    training, counts = _training(annotations, filter_empty_relations)
    in_val = counts.cumsum() - counts < num_val_images
    return training[in_val if split == 'val' else ~in_val]


def check_num_val_images(annotations: VGAnnotations, num_val_images: int,
                         filter_empty_relations: bool, ann_file: str) -> None:
    """Raise a ValueError if validation takes all the training images."""
    _, counts = _training(annotations, filter_empty_relations)
    if 0 < counts.sum() <= num_val_images:
        raise ValueError(
            f'{ann_file}: num_val_images={num_val_images} leaves nothing to train on: '
            f'only {counts.sum()} training images have boxes'
            f'{" and relations" if filter_empty_relations else ""}')


def _training(annotations: VGAnnotations, filter_empty_relations: bool
              ) -> tuple[np.ndarray, np.ndarray]:
    """Indices (K,) of the images that are not for test, and which count."""
    training = np.flatnonzero(annotations.splits == SPLIT_CODES['train'])
    counts = annotations.num_boxes[training] > 0
    if filter_empty_relations:
        counts &= annotations.num_relations[training] > 0
    return training, counts
