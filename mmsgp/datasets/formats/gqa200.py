"""GQA-200, the part of GQA of Dong et al. (2022, SHA-GCL)."""

from __future__ import annotations

import logging
import os
from pathlib import PurePath

import numpy as np
from mmengine.logging import print_log

from mmsgp.datasets.graph_annotations import GraphAnnotations
from mmsgp.datasets.json_fields import (
    check_numbers,
    get_field,
    get_names,
    get_size,
    get_text,
)
from mmsgp.datasets.vg_sgg.files import load_json

from .common import check_inside, files_of_splits

NAMES_FILE = 'GQA_200_ID_Info.json'
FILES = dict(train=('GQA_200_Train.json',), test=('GQA_200_Test.json',))
# The reference implementation leaves it out.
_SKIPPED_TEST_ITEM = 5580
_LISTS = ('filenames_all', 'img_info_all', 'gt_boxes_all', 'gt_classes_all', 'relationships_all')
_HINT = ': get the three GQA_200_*.json files of SHA-GCL and point data_root at their folder'


def read_gqa200(root: str) -> GraphAnnotations:
    """Read the three files; classes and predicates count from 1.

    Validation is not the first 5,000 test images, as in the reference
    implementation, but the first training images: no test image is looked at.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a value in it is wrong.
    """
    names = read_gqa200_names(root)
    images = []
    for split, path in files_of_splits(root, FILES).items():
        content = load_json(path, _HINT)
        lists = [get_field(content, key, list, path) for key in _LISTS]
        lengths = dict(zip(_LISTS, map(len, lists)))
        if len(set(lengths.values())) > 1:
            raise ValueError(f'{path}: its lists must be of one length, not {lengths}')
        images += [
            _read_image(item, split, path, index, names)
            for index, item in enumerate(zip(*lists))
            if not (split == 'test' and _is_skipped(index, path))
        ]
    annotations = GraphAnnotations.from_images(images, **names)
    check_inside(annotations, root, 'x1, y1, x2, y2')
    return annotations


def read_gqa200_names(root: str) -> dict[str, tuple[str, ...]]:
    """Read the names of classes and predicates; the first one is the background."""
    path = os.path.join(root, NAMES_FILE)
    content = load_json(path, _HINT)
    return dict(
        classes=get_names(content, 'ind_to_classes', path)[1:],
        predicates=get_names(content, 'ind_to_predicates', path)[1:],
    )


def _is_skipped(index: int, path: str) -> bool:
    if index != _SKIPPED_TEST_ITEM:
        return False
    print_log(
        f'{path}: item {index} is left out, as in the reference implementation',
        logger='current',
        level=logging.WARNING,
    )
    return True


def _read_image(item: tuple, split: str, path: str, index: int, names: dict) -> dict:
    places = [f'{path}: {key}[{index}]' for key in _LISTS]
    name, size, boxes, labels, relations = item
    name = get_text({'file name': name}, 'file name', places[0])
    for value, place in zip((boxes, labels, relations), places[2:]):
        get_field({'value': value}, 'value', list, place)
    classes, predicates = (range(1, len(names[key]) + 1) for key in ('classes', 'predicates'))
    for row, box in enumerate(boxes):
        check_numbers(box, [None] * 4, f'{places[2]}[{row}]')
    check_numbers(labels, [classes] * len(boxes), places[3])
    for row, relation in enumerate(relations):
        check_numbers(relation, [len(boxes), len(boxes), predicates], f'{places[4]}[{row}]')
    return dict(
        img_id=PurePath(name).stem,
        file_name=name,
        **get_size(size, places[1]),
        split=split,
        boxes=boxes,
        labels=np.array(labels, np.int64) - 1,
        relations=relations,
    )
