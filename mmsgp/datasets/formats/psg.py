"""Panoptic scene graphs (Yang et al., 2022): ``psg.json``, with the boxes of its segments."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mmsgp.datasets.graph_annotations import SPLITS, GraphAnnotations
from mmsgp.datasets.json_fields import (
    check_numbers,
    get_field,
    get_id,
    get_names,
    get_size,
    get_text,
    get_whole,
)
from mmsgp.datasets.vg_sgg.files import load_json
from mmsgp.utils.files import replacing

from .common import file_of

FILE = 'psg.json'
_HINT = ': get it from the authors of PSG and point data_root at its folder'


def read_psg(path: str, unique_in_test: bool = False) -> GraphAnnotations:
    """Read ``psg.json``.

    A segment that is a line of pixels gets a box one pixel wide. Images in
    ``test_image_ids`` are for test, those in ``val_image_ids``, which only
    :func:`write_psg` writes, for validation, all others for training.

    Args:
        path: The file or its folder.
        unique_in_test: Whether a repeated relation of a test image counts once.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If a value in it is wrong.
    """
    path = file_of(path, FILE)
    content = load_json(path, _HINT)
    names = _names_of(content, path)
    split_of = {}
    for split in ('val', 'test'):
        key = f'{split}_image_ids'
        if split == 'test' or key in content:
            split_of.update(dict.fromkeys(map(str, get_field(content, key, list, path)), split))
    images = [
        _read_image(image, split_of, f'{path}: data[{index}]', names)
        for index, image in enumerate(get_field(content, 'data', list, path))
    ]
    for image in images:
        if unique_in_test and image['split'] == 'test':
            image['relations'] = np.unique(image['relations'], axis=0)
    return GraphAnnotations.from_images(images, **names)


def read_psg_names(path: str) -> dict[str, tuple[str, ...]]:
    """Read the names of classes, things and stuff, and of predicates."""
    path = file_of(path, FILE)
    return _names_of(load_json(path, _HINT), path)


def write_psg(annotations: GraphAnnotations, root: Path) -> None:
    """Write ``psg.json`` without masks: all classes are things.

    Args:
        annotations: All images. Those for validation are listed in
            ``val_image_ids``: other readers train on them.
        root: Folder to write to.
    """
    data, ids = [], {split: [] for split in SPLITS}
    for index in range(len(annotations)):
        image = annotations.image(index)
        ids[image['split']].append(str(image['img_id']))
        things = [
            dict(bbox=box, bbox_mode=0, category_id=label)
            for box, label in zip(image['boxes'].tolist(), image['labels'].tolist())
        ]
        data.append(
            dict(
                image_id=str(image['img_id']),
                **{key: image[key] for key in ('file_name', 'width', 'height')},
                segments_info=[
                    dict(id=number, category_id=thing['category_id'], isthing=1, iscrowd=0)
                    for number, thing in enumerate(things, 1)
                ],
                annotations=things,
                relations=(image['relations'] - (0, 0, 1)).tolist(),
            )
        )
    content = dict(
        data=data,
        test_image_ids=ids['test'],
        **(dict(val_image_ids=ids['val']) if ids['val'] else {}),
        thing_classes=annotations.classes,
        stuff_classes=[],
        predicate_classes=annotations.predicates,
    )
    with replacing(Path(root, FILE)) as draft:
        draft.write_text(json.dumps(content))


def _names_of(content: dict, path: str) -> dict[str, tuple[str, ...]]:
    things, stuff, predicates = (
        get_names(content, f'{kind}_classes', path) for kind in ('thing', 'stuff', 'predicate')
    )
    return dict(classes=things + stuff, predicates=predicates)


def _read_image(image: dict, split_of: dict[str, str], where: str, names: dict) -> dict:
    """Convert an image of the file for :meth:`GraphAnnotations.from_images`."""
    image_id = get_id(image, 'image_id', where)
    boxes, labels, relations = [], [], []
    for index, item in enumerate(get_field(image, 'annotations', list, where)):
        place = f'{where}.annotations[{index}]'
        box = get_field(item, 'bbox', list, place)
        boxes.append(check_numbers(box, [None] * 4, f'{place}.bbox'))
        labels.append(get_whole(item, 'category_id', len(names['classes']), place))
    limits = len(boxes), len(boxes), len(names['predicates'])
    for index, row in enumerate(get_field(image, 'relations', list, where)):
        relations.append(check_numbers(row, limits, f'{where}.relations[{index}]'))
    boxes = np.array(boxes, np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, 2:] == boxes[:, :2]  # a segment may be a pixel wide
    return dict(
        img_id=image_id,
        file_name=get_text(image, 'file_name', where),
        **get_size(image, where),
        boxes=boxes,
        labels=labels,
        relations=np.reshape(relations, (-1, 3)) + (0, 0, 1),
        split=split_of.get(str(image_id), 'train'),
    )
