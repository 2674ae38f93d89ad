"""COCO files with relations beside them in ``rel.json`` (RelTR, Cong et al., 2023; EGTR)."""

from __future__ import annotations

import os

from mmsgp.datasets.graph_annotations import GraphAnnotations
from mmsgp.datasets.json_fields import check_numbers, get_field, get_names
from mmsgp.datasets.vg_sgg.files import load_json
from mmsgp.utils.json_files import in_brief

from .coco import BACKGROUND, CocoFile, read_categories
from .common import check_inside, files_of_splits, with_unique_ids

REL_FILE = 'rel.json'
FILES = {split: (f'{split}.json',) for split in ('train', 'val', 'test')}
_HINT = ': a folder of RelTR or EGTR has train.json, val.json, test.json and rel.json'


def read_coco_rel_json(root: str) -> GraphAnnotations:
    """Read ``train.json``, ``val.json``, ``test.json`` and ``rel.json``.

    Predicates count from 1 if ``rel_categories`` begins with ``__background__``, as
    for Visual Genome, else from 0, as for Open Images.

    Ids that occur in several splits get the split before them, as in ``train/1``.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a value in it is wrong.
    """
    rel_path, content = _load_relations(root)
    predicates, first = _predicates(content, rel_path)
    limit = range(first, first + len(predicates))
    images, classes = [], None
    for split, path in files_of_splits(root, FILES).items():
        file = CocoFile(load_json(path, _HINT), path, split)
        if classes not in (None, file.classes):
            raise ValueError(f'{path}: categories has other names than those of the other splits')
        classes = file.classes
        image_of = {str(image_id): image for image_id, image in file.images.items()}
        for image_id, rows in get_field(content, split, dict, rel_path).items():
            where = f'{rel_path}: {split}[{image_id!r}]'
            if image_id not in image_of:
                raise ValueError(
                    f'{where} is of no image of {path}; its ids are {in_brief(list(image_of)[:4])}'
                )
            image = image_of[image_id]
            limits = len(image['boxes']), len(image['boxes']), limit
            for index, row in enumerate(get_field({'value': rows}, 'value', list, where)):
                s, o, p = check_numbers(row, limits, f'{where}[{index}]')
                image['relations'].append((s, o, p - first + 1))
        images += file.images.values()
    annotations = GraphAnnotations.from_images(with_unique_ids(images), classes, predicates)
    check_inside(annotations, root, 'x, y, width, height')
    return annotations


def read_coco_rel_json_names(root: str) -> dict[str, tuple[str, ...]]:
    """Read the names of classes and predicates."""
    rel_path, content = _load_relations(root)
    path = next(iter(files_of_splits(root, FILES).values()))
    classes, _ = read_categories(load_json(path, _HINT), 'categories', path)
    return dict(classes=classes, predicates=_predicates(content, rel_path)[0])


def _load_relations(root: str) -> tuple[str, dict]:
    path = os.path.join(root, REL_FILE)
    return path, load_json(path, _HINT)


def _predicates(content: dict, path: str) -> tuple[tuple[str, ...], int]:
    """Return the names of the predicates, and the number of the first one in the file."""
    names = get_names(content, 'rel_categories', path)
    return (names[1:], 1) if names[:1] == (BACKGROUND,) else (names, 0)
