"""Convert VRD annotations to the VG-SGG format and render their images.

Without a file of test annotations, the last images by name become the test split.
An object is a distinct pair of category and box within an image. The longer side of
rendered images is at most --max-size; boxes and sizes in the output belong to the
rendered image, and image_data.json keeps the original file_name, original_width and
original_height.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.formats.vrd import (
    METADATA_FILE,
    TRAIN_FILE,
    VRDFile,
    clip_boxes,
    read_names,
)
from mmsgp.datasets.rendering import Layout, LayoutRenderer, render_images
from mmsgp.datasets.vg_sgg.writer import write_vg_sgg


class Image(NamedTuple):
    """A converted image.

    Args:
        info: An entry of image_data.json, and the split.
        boxes: (N, 4), ``x1, y1, x2, y2`` in rendered pixels.
        labels: (N,), 0-based.
        relations: (M, 3), subject, object and predicate 1..R.
    """

    info: dict
    boxes: np.ndarray
    labels: np.ndarray
    relations: np.ndarray


def convert(file: VRDFile, name: str, image_id: int, split: str, max_size: int) -> Image:
    """Convert one image.

    Raises:
        ValueError: If a relation or the metadata lacks something, or a number
            is out of its range.
    """
    width, height, boxes, labels, relations = file.read_image(name)
    scale = min(1.0, max_size / max(width, height))
    new_size = [max(round(side * scale), 1) for side in (width, height)]
    info = dict(
        image_id=image_id,
        width=new_size[0],
        height=new_size[1],
        split=split,
        file_name=name,
        original_width=width,
        original_height=height,
    )
    boxes = clip_boxes(boxes, np.array([width, height]))
    return Image(info, boxes * np.tile(np.array(new_size) / (width, height), 2), labels, relations)


def convert_images(
    train: VRDFile, test: VRDFile | None, num_test: int, max_size: int
) -> list[Image]:
    """Convert all images, in name order, training before test.

    Args:
        train: The annotations to train on.
        test: The annotations to test on; None for the last ``num_test`` images
            of ``train``.
        num_test: Number of test images if ``test`` is None.
        max_size: Longest side of a rendered image in pixels.

    Raises:
        ValueError: If something is missing, a number is out of its range, or an
            image is in both files.
    """
    if max_size < 1:
        raise ValueError(f'--max-size must be positive, got {max_size}')
    if test is not None:
        both = sorted(set(train.names) & set(test.names))
        if both:
            raise ValueError(
                f'{len(both)} images, e.g. {both[0]}, are in {train.path} and '
                f'in {test.path}: a model must not be tested on images that '
                'it was trained on'
            )
        entries = [(train, name, 'train') for name in train.names]
        entries += [(test, name, 'test') for name in test.names]
    else:
        num_train = len(train.names) - num_test
        if num_test < 0 or num_train < 0:
            raise ValueError(
                f'{train.path} has {len(train.names)} images: --num-test {num_test} is not possible'
            )
        entries = [
            (train, name, 'train' if i < num_train else 'test')
            for i, name in enumerate(train.names)
        ]
    return [
        convert(source, name, image_id, split, max_size)
        for image_id, (source, name, split) in enumerate(entries, 1)
    ]


def print_counts(images: list[Image]) -> None:
    table = Table('split', title='VRD in the VG-SGG format')
    headers = ('images', 'without relations', 'objects', 'relations')
    for header in headers:
        table.add_column(header, justify='right')
    for title, splits in (('train', {'train'}), ('test', {'test'}), ('all', {'train', 'test'})):
        chosen = [i for i in images if i.info['split'] in splits]
        counts = (
            len(chosen),
            sum(not len(i.relations) for i in chosen),
            sum(len(i.boxes) for i in chosen),
            sum(len(i.relations) for i in chosen),
        )
        table.add_row(title, *(f'{count:,}' for count in counts))
    Console().print(table)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'src_dir',
        help=f'folder of the annotations, {METADATA_FILE}, objects.json and predicates.json',
    )
    parser.add_argument('out_dir', help='folder to write to, e.g. data/vrd')
    parser.add_argument(
        '--annotations',
        default=TRAIN_FILE,
        help=f'annotations, a file of SRC_DIR or a path (default: {TRAIN_FILE})',
    )
    parser.add_argument(
        '--num-test',
        type=int,
        default=800,
        help='number of test images, the last ones by name; give the number of all '
        'images for a test split only (default: 800)',
    )
    parser.add_argument(
        '--test-annotations',
        help='annotations of the test split, a file of SRC_DIR or a path; then '
        '--num-test is ignored',
    )
    parser.add_argument(
        '--test-metadata',
        help=f'sizes of their images (default: {METADATA_FILE} beside them, else that of SRC_DIR)',
    )
    parser.add_argument('--no-images', action='store_true', help='write annotations only')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--max-size',
        type=int,
        default=592,
        help='longest side of a rendered image in pixels (default: 592)',
    )
    parser.add_argument('--workers', type=int, default=2, help='number of rendering processes')
    return parser.parse_args()


def _source_file(args: argparse.Namespace, name: str) -> Path:
    """Return a path if it exists, else a file of the source's folder."""
    return Path(name) if Path(name).is_file() else Path(args.src_dir, name)


def _test_source(args: argparse.Namespace, *counts: int) -> VRDFile | None:
    if args.test_annotations is None:
        return None
    path = _source_file(args, args.test_annotations)
    metadata = path.parent / METADATA_FILE
    if args.test_metadata is not None:
        metadata = Path(args.test_metadata)
    elif not metadata.is_file():
        metadata = Path(args.src_dir) / METADATA_FILE
    return VRDFile(path, metadata, *counts)


def main() -> None:
    args = parse_args()
    src_dir, out_dir = Path(args.src_dir), Path(args.out_dir)
    classes = read_names(src_dir / 'objects.json')
    predicates = read_names(src_dir / 'predicates.json')
    counts = len(classes), len(predicates)
    train = VRDFile(_source_file(args, args.annotations), src_dir / METADATA_FILE, *counts)
    images = convert_images(train, _test_source(args, *counts), args.num_test, args.max_size)
    if not args.no_images:
        layouts = [
            Layout(
                image.info['image_id'],
                image.info['width'],
                image.info['height'],
                image.boxes,
                image.labels,
            )
            for image in images
        ]
        renderer = LayoutRenderer(len(classes), seed=args.seed)
        render_images(renderer, layouts, out_dir / 'images', args.workers)
    write_vg_sgg(
        out_dir,
        [i.info for i in images],
        [i.boxes for i in images],
        [i.labels for i in images],
        [i.relations for i in images],
        classes,
        predicates,
    )
    print_counts(images)


if __name__ == '__main__':
    with exit_on_user_error():
        main()
