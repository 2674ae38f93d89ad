"""The format of Visual Genome's scene graphs: an h5 file, a dicts file and a list of images."""

from __future__ import annotations

import os
from glob import escape, glob
from pathlib import Path

from mmsgp.datasets.graph_annotations import GraphAnnotations
from mmsgp.datasets.vg_sgg.names import read_vg_names
from mmsgp.datasets.vg_sgg.reader import read_vg_annotations
from mmsgp.datasets.vg_sgg.writer import ANN_FILE, DICT_FILE, IMAGE_FILE, write_vg_sgg


def read_vg_sgg(path: str) -> GraphAnnotations:
    """Read a folder in the VG-SGG format, also with other names of h5 and dicts file.

    Args:
        path: The folder; or one of several h5 files in it.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a value in it is wrong, or it is not clear which file is meant.
    """
    root, ann_file = (
        (os.path.dirname(path), path)
        if os.path.isfile(path)
        else (path, _file_like(path, ANN_FILE, '*.h5'))
    )
    classes, predicates = read_vg_names(_file_like(root, DICT_FILE, '*dicts*.json'))
    return read_vg_annotations(ann_file, os.path.join(root, IMAGE_FILE), classes, predicates)


def write_vg_sgg_exactly(annotations: GraphAnnotations, root: Path) -> None:
    """Write the three files, with the boxes a second time as they are."""
    images = [annotations.image(index) for index in range(len(annotations))]
    info = []
    for image in images:
        name, default = image['file_name'], f'{image["img_id"]}.jpg'
        info.append(
            dict(
                image_id=image['img_id'],
                **{key: image[key] for key in ('width', 'height', 'split')},
                **({} if name == default else dict(file_name=name)),
            )
        )
    write_vg_sgg(
        root,
        info,
        *([image[key] for image in images] for key in ('boxes', 'labels', 'relations')),
        annotations.classes,
        annotations.predicates,
        exact_boxes=True,
    )


def _file_like(root: str, name: str, pattern: str) -> str:
    """Return the file of this name in a folder, or the only one that fits the pattern."""
    path = os.path.join(root, name)
    others = glob(os.path.join(escape(os.fspath(root)), pattern))
    if os.path.isfile(path) or not others:
        return path
    if len(others) > 1:
        raise ValueError(
            f'{root} has no {name}, but {sorted(map(os.path.basename, others))}: rename the one '
            f'that is meant to {name}'
        )
    return others[0]
