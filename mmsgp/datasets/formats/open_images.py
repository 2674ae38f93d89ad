"""Relations of Open Images, as prepared for PySGG (Li et al., 2021)."""

from __future__ import annotations

import os

import numpy as np

from mmsgp.datasets.graph_annotations import GraphAnnotations
from mmsgp.datasets.json_fields import check_numbers, get_field, get_names, get_text
from mmsgp.datasets.vg_sgg.files import load_json
from mmsgp.datasets.vg_sgg.images import MAX_SIDE

from .common import check_inside, files_of_splits

NAMES_FILE = 'annotations/categories_dict.json'
FILES = {split: (f'annotations/vrd-{split}-anno.json',) for split in ('train', 'val', 'test')}
_HINT = ': an Open Images folder has annotations/ and images/, see the files of PySGG'


def read_open_images(root: str) -> GraphAnnotations:
    """Read the files of ``annotations/``; classes and predicates count from 0.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a value in it is wrong.
    """
    names = read_open_images_names(root)
    images = []
    for split, path in files_of_splits(root, FILES).items():
        content = load_json(path, _HINT)
        if not isinstance(content, list):
            raise ValueError(f'{path} must hold a list of images, not an object')
        images += [
            _read_image(image, split, f'{path}: [{index}]', names)
            for index, image in enumerate(content)
        ]
    annotations = GraphAnnotations.from_images(images, **names)
    check_inside(annotations, root, 'x1, y1, x2, y2')
    return annotations


def read_open_images_names(root: str) -> dict[str, tuple[str, ...]]:
    """Read the names of classes and predicates."""
    path = os.path.join(root, NAMES_FILE)
    content = load_json(path, _HINT)
    return dict(classes=get_names(content, 'obj', path), predicates=get_names(content, 'rel', path))


def _read_image(image: dict, split: str, where: str, names: dict) -> dict:
    name = get_text(image, 'img_fn', where)
    sides = range(1, MAX_SIDE + 1)
    size = check_numbers(
        get_field(image, 'img_size', list, where), [sides] * 2, f'{where}.img_size'
    )
    boxes = [
        check_numbers(box, [None] * 4, f'{where}.bbox[{index}]')
        for index, box in enumerate(get_field(image, 'bbox', list, where))
    ]
    labels = get_field(image, 'det_labels', list, where)
    check_numbers(labels, [len(names['classes'])] * len(boxes), f'{where}.det_labels')
    limits = len(boxes), len(boxes), len(names['predicates'])
    relations = [
        check_numbers(row, limits, f'{where}.rel[{index}]')
        for index, row in enumerate(get_field(image, 'rel', list, where))
    ]
    return dict(
        img_id=name,
        file_name=f'{name}.jpg',
        width=size[0],
        height=size[1],
        split=split,
        boxes=boxes,
        labels=labels,
        relations=np.reshape(relations, (-1, 3)) + (0, 0, 1),
    )
