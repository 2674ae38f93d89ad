"""COCO files that hold relations themselves (SGG-Benchmark, Neau et al., 2024)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from mmsgp.datasets.graph_annotations import SPLITS, GraphAnnotations
from mmsgp.datasets.json_fields import get_field
from mmsgp.datasets.vg_sgg.files import load_json
from mmsgp.utils.files import replacing

from .coco import CocoFile, coco_box, look_up, read_categories
from .common import check_inside, files_of_splits, with_unique_ids

FILE = '_annotations.coco.json'
FILES = {
    'train': (f'train/{FILE}',),
    'val': (f'valid/{FILE}', f'val/{FILE}'),
    'test': (f'test/{FILE}',),
}
_HINT = f': such a folder has train/{FILE}, val/{FILE} and test/{FILE} beside the images'


def read_coco_relations(root: str) -> GraphAnnotations:
    """Read ``{train,val,test}/_annotations.coco.json``.

    Args:
        root: The folder; or one such file, whose images are all for training.

    Ids that occur in several splits get the split before them, as in ``train/1``.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a value in it is wrong.
    """
    images, names = [], None
    for split, path in _files(root).items():
        content = load_json(path, _HINT)
        file = CocoFile(content, path, split)
        predicates, predicate_of = read_categories(content, 'rel_categories', path)
        own = dict(classes=file.classes, predicates=predicates)
        if names not in (None, own):
            raise ValueError(
                f'{path}: categories or rel_categories has other names than the other splits'
            )
        names = own
        for index, item in enumerate(get_field(content, 'rel_annotations', list, path)):
            where = f'{path}: rel_annotations[{index}]'
            image = look_up(file.images, item, 'image_id', where, 'images')
            image['relations'].append(
                (
                    *(_end(file, image, item, key, where) for key in ('subject_id', 'object_id')),
                    look_up(predicate_of, item, 'predicate_id', where, 'rel_categories') + 1,
                )
            )
        images += file.images.values()
    annotations = GraphAnnotations.from_images(with_unique_ids(images), **names)
    check_inside(annotations, root, 'x, y, width, height')
    return annotations


def read_coco_relations_names(root: str) -> dict[str, tuple[str, ...]]:
    """Read the names of classes and predicates."""
    path = next(iter(_files(root).values()))
    content = load_json(path, _HINT)
    return {
        kind: read_categories(content, key, path)[0]
        for kind, key in (('classes', 'categories'), ('predicates', 'rel_categories'))
    }


def write_coco_relations(annotations: GraphAnnotations, root: Path) -> None:
    """Write ``{train,val,test}/_annotations.coco.json``, of the splits with images.

    All ids count from 1. An annotation also has ``bbox_xyxy`` where ``bbox`` (x, y,
    width, height) would round the right or lower side.
    """
    for number, split in enumerate(SPLITS):
        part = annotations.subset(annotations.splits == number)
        if len(part):
            with replacing(Path(root, split, FILE)) as draft:
                draft.write_text(json.dumps(_content(part)))


def _content(annotations: GraphAnnotations) -> dict:
    ids = annotations.image_ids.tolist()
    first_box = annotations.box_offsets[annotations.image_of_relation]
    ends = annotations.relations[:, :2] + first_box[:, None] + 1
    return dict(
        images=[
            dict(id=image_id, file_name=name, width=width, height=height)
            for image_id, name, (width, height) in zip(
                ids, annotations.file_names.tolist(), annotations.sizes.tolist()
            )
        ],
        annotations=[
            dict(id=number, image_id=ids[image], category_id=label, **coco_box(box), iscrowd=0)
            for number, (image, label, box) in enumerate(
                zip(
                    annotations.image_of_box.tolist(),
                    (annotations.labels + 1).tolist(),
                    annotations.boxes.tolist(),
                ),
                1,
            )
        ],
        categories=_numbered(annotations.classes),
        rel_categories=_numbered(annotations.predicates),
        rel_annotations=[
            dict(id=number, image_id=ids[image], subject_id=s, object_id=o, predicate_id=p)
            for number, (image, s, o, p) in enumerate(
                np.column_stack(
                    [annotations.image_of_relation, ends, annotations.relations[:, 2]]
                ).tolist(),
                1,
            )
        ],
    )


def _numbered(names: tuple[str, ...]) -> list[dict]:
    return [dict(id=number, name=name) for number, name in enumerate(names, 1)]


def _files(root: str) -> dict[str, str]:
    return {'train': os.fspath(root)} if os.path.isfile(root) else files_of_splits(root, FILES)


def _end(file: CocoFile, image: dict, item: dict, key: str, where: str) -> int:
    """Return the index of a relation's end among the boxes of its image."""
    place = look_up(file.places, item, key, where, 'annotations')
    if place.image_id != image['img_id']:
        raise ValueError(
            f'{where}.{key} is {item[key]!r}, an annotation of image {place.image_id!r}, but '
            f'image_id is {image["img_id"]!r}'
        )
    return place.index
