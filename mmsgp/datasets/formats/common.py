"""What readers of several formats share."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log

from mmsgp.datasets.graph_annotations import SPLITS, GraphAnnotations

# Pixels by which a box may leave its image: some annotate from pixel 1 on.
_ROUNDING = 1.01
# Share of boxes that may leave their images by more.
_MOST_OUTSIDE = 0.1


def file_of(path: str | os.PathLike, name: str) -> str:
    """Return the file of this name in a folder, or the path itself if it is no folder."""
    path = os.fspath(path)
    return os.path.join(path, name) if os.path.isdir(path) else path


def files_of_splits(root: str | os.PathLike, names: dict[str, Sequence[str]]) -> dict[str, str]:
    """Return the file of each split that a folder has one for.

    Args:
        root: The folder.
        names: For some of ``SPLITS`` the names that its file may have.

    Raises:
        FileNotFoundError: If it has none.
    """
    found = {}
    for split in SPLITS:
        for name in names.get(split, ()):
            if os.path.isfile(path := os.path.join(root, name)):
                found[split] = path
    if not found:
        expected = ', '.join(name for options in names.values() for name in options)
        raise FileNotFoundError(f'{os.fspath(root)} has none of the files {expected}')
    return found


def with_unique_ids(images: list[dict]) -> list[dict]:
    """Put the split before all ids, if images of two splits share one."""
    ids = [str(image['img_id']) for image in images]
    if len(set(ids)) < len(ids):
        return [dict(image, img_id=f'{image["split"]}/{image["img_id"]}') for image in images]
    return images


def check_inside(annotations: GraphAnnotations, source: str, order: str) -> None:
    """Check that boxes are in their images; a few outside are a warning.

    Args:
        annotations: All images.
        source: Where they come from, for messages.
        order: The numbers of a box in the file, for messages.

    Raises:
        ValueError: If many boxes leave their images.
    """
    sizes = annotations.sizes[annotations.image_of_box]
    boxes = annotations.boxes
    outside = (boxes[:, :2] < -_ROUNDING).any(1) | (boxes[:, 2:] > sizes + _ROUNDING).any(1)
    if not outside.any():
        return
    row = outside.argmax()
    problem = (
        f'{source}: {outside.sum()} of {len(boxes)} boxes leave their images, e.g. '
        f'{np.round(boxes[row], 2).tolist()} (x1, y1, x2, y2) in image '
        f'{annotations.file_names[annotations.image_of_box[row]]} of {sizes[row].tolist()} pixels'
    )
    if outside.mean() > _MOST_OUTSIDE:
        raise ValueError(f'{problem}. Check that its boxes are {order} and that the sizes fit')
    print_log(problem, logger='current', level=logging.WARNING)


def from_named(images: list[dict], source: str, num_found: int) -> GraphAnnotations:
    """Join images whose labels and predicates are names; they are numbered in order.

    Args:
        images: As :meth:`GraphAnnotations.from_images` takes them, but ``labels`` and
            the last column of ``relations`` are names.
        source: Where they come from, for messages.
        num_found: Number of images in the file, of which some may be left out.

    Raises:
        ValueError: If there is no box or no relation at all.
    """
    if len(images) < num_found:
        print_log(
            f'{source}: {num_found - len(images)} of {num_found} images have no annotation and '
            'are left out',
            logger='current',
            level=logging.WARNING,
        )
    classes = sorted({name for image in images for name in image['labels']})
    predicates = sorted({p for image in images for _, _, p in image['relations']})
    if not predicates:
        raise ValueError(f'{source} has {len(images)} annotated images, but no relation')
    label_of, predicate_of = (
        {name: number for number, name in enumerate(names, first)}
        for names, first in ((classes, 0), (predicates, 1))
    )
    for image in images:
        image['labels'] = [label_of[name] for name in image['labels']]
        image['relations'] = [(s, o, predicate_of[p]) for s, o, p in image['relations']]
    return GraphAnnotations.from_images(images, classes, predicates)
