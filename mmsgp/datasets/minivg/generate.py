"""MiniVG: a small generated data set in the VG-SGG format.

Small rendered scenes whose relations follow from class and geometry, with the
difficulties of Visual Genome: a long tail of predicates, fine predicates that are
often annotated as a coarse one, and missing relations, because they are trivial or
less salient than others.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import numpy as np
from rich.console import Console
from rich.table import Table

from mmsgp.datasets.rendering.image_writer import Layout, render_images
from mmsgp.datasets.rendering.renderer import VERSION as RENDERER_VERSION
from mmsgp.datasets.rendering.renderer import LayoutRenderer
from mmsgp.datasets.vg_sgg.writer import ANN_FILE, DICT_FILE, IMAGE_FILE, write_vg_sgg
from mmsgp.utils.files import replacing

from .annotator import annotate
from .rules import find_relations
from .scene import SIDE
from .scenes import make_scene
from .tables import CLASSES, PREDICATES

#: File with the options of the generated data in a folder.
MARKER = 'minivg.json'
#: Increase it if the same seed gives other scenes or annotations.
VERSION = 1
_TRAIN, _TEST = 1, 2


class AnnotatedScene(NamedTuple):
    """A scene and its annotation.

    Args:
        boxes: (N, 4), ``x1, y1, x2, y2`` in pixels.
        labels: (N,), classes, 0-based.
        depths: (N,), painting order, farthest first.
        relations: (M, 3), subject, object and predicate 1..R.
    """

    boxes: np.ndarray
    labels: np.ndarray
    depths: np.ndarray
    relations: np.ndarray


def generate_minivg(
    out_dir: str | os.PathLike,
    num_train: int = 2000,
    num_val: int = 200,
    num_test: int = 500,
    seed: int = 0,
    num_workers: int = 2,
) -> bool:
    """Generate MiniVG, unless the folder holds the same data.

    The same options give the same bytes. A scene depends only on the seed, its
    split and its place there.

    Args:
        out_dir: Folder to write to.
        num_train: Training images.
        num_val: Validation images. They come first in the training split, where
            readers of the format expect them.
        num_test: Test images.
        seed: Seed of scenes, annotations and images.
        num_workers: Processes that render.

    Returns:
        bool: Whether data was generated.

    Raises:
        ValueError: If a number of images is negative, or all are zero.
    """
    counts = dict(num_train=num_train, num_val=num_val, num_test=num_test)
    if min(counts.values()) < 0 or sum(counts.values()) == 0:
        raise ValueError(
            f'MiniVG needs images: none of {counts} may be negative, and one must be positive'
        )
    if holds_minivg(out_dir, **counts, seed=seed):
        return False
    out_dir = Path(out_dir)
    splits = ['train'] * (num_val + num_train) + ['test'] * num_test
    places = [*range(num_val + num_train), *range(num_test)]
    scenes = [
        annotated_scene(seed, split, place) for split, place in zip(splits, places, strict=True)
    ]
    images = [
        dict(image_id=i, width=SIDE, height=SIDE, split=split) for i, split in enumerate(splits, 1)
    ]
    renderer = LayoutRenderer(len(CLASSES), appearances=list(CLASSES.values()), seed=seed)
    layouts = [
        Layout(image['image_id'], SIDE, SIDE, *scene[:3])
        for image, scene in zip(images, scenes, strict=True)
    ]
    # Annotations come last: if they exist, so do their images.
    for name in (MARKER, ANN_FILE):
        (out_dir / name).unlink(missing_ok=True)
    render_images(renderer, layouts, out_dir / 'images', num_workers)
    write_vg_sgg(
        out_dir,
        images,
        [s.boxes for s in scenes],
        [s.labels for s in scenes],
        [s.relations for s in scenes],
        list(CLASSES),
        list(PREDICATES),
    )
    with replacing(out_dir / MARKER) as draft:
        draft.write_text(json.dumps(_options(**counts, seed=seed)))
    return True


def annotated_scene(seed: int, split: str, place: int) -> AnnotatedScene:
    """Make the annotated scene of an image.

    Args:
        seed: The data set's seed.
        split: ``'train'`` or ``'test'``.
        place: The image's place in its split.
    """
    rng = np.random.default_rng([seed, _TEST if split == 'test' else _TRAIN, place])
    scene = make_scene(rng)
    relations = find_relations(scene.labels, scene.boxes)
    annotated = annotate(scene.labels, scene.boxes, relations, rng)
    classes, predicates = list(CLASSES), list(PREDICATES)
    rows = [(s, o, predicates.index(word) + 1) for s, o, word in annotated]
    return AnnotatedScene(
        boxes=np.array(scene.boxes, dtype=np.float64),
        labels=np.array([classes.index(name) for name in scene.labels]),
        depths=np.array(scene.depths),
        relations=np.array(rows, dtype=np.int64).reshape(-1, 3),
    )


def print_statistics(out_dir: str | os.PathLike) -> None:
    """Print how often each predicate is annotated in the two splits."""
    with h5py.File(Path(out_dir) / ANN_FILE, 'r') as file:
        predicates = file['predicates'][:, 0]
        first, last = (file[f'img_to_{end}_rel'][:].reshape(-1) for end in ('first', 'last'))
        is_test = file['split'][:] == 2
    per_image = np.where(first >= 0, last - first + 1, 0)
    is_test = np.repeat(is_test, per_image)
    columns = [
        np.bincount(predicates[rows], minlength=len(PREDICATES) + 1)[1:]
        for rows in (~is_test, is_test)
    ]
    table = Table('predicate', title='Annotated relations of MiniVG')
    for header in ('train', '%', 'test', '%'):
        table.add_column(header, justify='right')
    for index, name in sorted(enumerate(PREDICATES), key=lambda item: -columns[0][item[0]]):
        cells = []
        for column in columns:
            share = 100 * column[index] / max(column.sum(), 1)
            cells += [f'{column[index]:,}', f'{share:.2f}']
        table.add_row(name, *cells)
    Console().print(table)


def holds_minivg(
    out_dir: str | os.PathLike,
    num_train: int = 2000,
    num_val: int = 200,
    num_test: int = 500,
    seed: int = 0,
) -> bool:
    """Whether a folder holds the data that :func:`generate_minivg` would write."""
    files = [Path(out_dir, name) for name in (MARKER, ANN_FILE, DICT_FILE, IMAGE_FILE)]
    if not all(path.is_file() for path in files):
        return False
    return json.loads(files[0].read_text()) == _options(
        num_train=num_train, num_val=num_val, num_test=num_test, seed=seed
    )


def _options(**options: int) -> dict:
    """Return everything that the bytes depend on."""
    return dict(version=VERSION, renderer=RENDERER_VERSION, opencv=cv2.__version__, **options)
