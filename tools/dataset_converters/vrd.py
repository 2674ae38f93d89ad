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

from mmsgp.datasets.rendering import Layout, LayoutRenderer, render_images
from mmsgp.datasets.vg_sgg.files import load_json, require_key
from mmsgp.datasets.vg_sgg.writer import write_vg_sgg

TRAIN_FILE = 'annotations_train.json'
METADATA_FILE = 'image_metadata.json'
HINT = f'. SRC_DIR has {TRAIN_FILE}, {METADATA_FILE}, objects.json and predicates.json'


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


class Source:
    """A file of annotations with the sizes of its images.

    Args:
        path: The annotations: lists of relations by image name.
        metadata_path: Width and height by image name.
        num_classes: Number of object categories.
        num_predicates: Number of predicates.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not a JSON object.
    """

    def __init__(
        self, path: Path, metadata_path: Path, num_classes: int, num_predicates: int
    ) -> None:
        self.path = path
        self.metadata_path = metadata_path
        self.annotations = load_json(str(path), HINT)
        self.metadata = load_json(str(metadata_path), HINT)
        for file, content in ((path, self.annotations), (metadata_path, self.metadata)):
            if not isinstance(content, dict):
                raise ValueError(f'{file} must map image names to their data')
        self.num_classes = num_classes
        self.num_predicates = num_predicates

    @property
    def names(self) -> list[str]:
        return sorted(self.annotations)

    def size(self, name: str) -> tuple[int, int]:
        """Return width and height of an image in pixels.

        Raises:
            ValueError: If the metadata lacks the image or its size, or the size
                is not positive.
        """
        if name not in self.metadata:
            raise ValueError(
                f'{self.metadata_path} has no entry for the image {name} of '
                f'{self.path}: add its width and height'
            )
        where = f'{self.metadata_path}, image {name},'
        if not isinstance(self.metadata[name], dict):
            raise ValueError(f'{where} must have width and height, got {self.metadata[name]!r}')
        for key in ('width', 'height'):
            require_key(self.metadata[name], key, where)
        width, height = (self.metadata[name][k] for k in ('width', 'height'))
        if not _are_numbers([width, height]) or min(width, height) <= 0:
            raise ValueError(
                f'{where} has width {width!r} and height {height!r}: expected positive numbers'
            )
        return width, height

    def convert(self, name: str, image_id: int, split: str, max_size: int) -> Image:
        """Convert one image.

        Raises:
            ValueError: If a relation or the metadata lacks something, or a number
                is out of its range.
        """
        width, height = self.size(name)
        objects: dict[tuple, int] = {}
        relations = []
        if not isinstance(self.annotations[name], list):
            raise ValueError(
                f'{self._where(name)} must have a list of relations, got {self.annotations[name]!r}'
            )
        for relation in self.annotations[name]:
            pair = []
            for role in ('subject', 'object'):
                require_key(relation, role, self._where(name))
                key = self._object(name, relation[role])
                pair.append(objects.setdefault(key, len(objects)))
            require_key(relation, 'predicate', self._where(name))
            predicate = relation['predicate']
            self._check(name, 'predicate', predicate, self.num_predicates)
            relations.append((*pair, predicate + 1))
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
        corners = [_corners(box, width, height) for _, *box in objects]
        factor = np.tile(np.array(new_size) / (width, height), 2)
        return Image(
            info=info,
            boxes=np.array(corners, dtype=np.float64).reshape(-1, 4) * factor,
            labels=np.array([key[0] for key in objects], dtype=np.int64),
            relations=np.array(relations, dtype=np.int64).reshape(-1, 3),
        )

    def _object(self, name: str, entry: dict) -> tuple:
        """Check an object; return ``(category, ymin, ymax, xmin, xmax)``."""
        for key in ('category', 'bbox'):
            require_key(entry, key, self._where(name))
        self._check(name, 'category', entry['category'], self.num_classes)
        bbox = entry['bbox']
        if not _are_numbers(bbox) or len(bbox) != 4:
            raise ValueError(
                f'{self._where(name)} has the bbox {bbox!r}, expected [ymin, ymax, xmin, xmax]'
            )
        return entry['category'], *bbox

    def _check(self, name: str, key: str, value: int, count: int) -> None:
        if type(value) is not int or not 0 <= value < count:
            raise ValueError(
                f'{self._where(name)} has the {key} {value!r}, expected 0..{count - 1}'
            )

    def _where(self, name: str) -> str:
        return f'{self.path}: image {name}'


def _are_numbers(values: list) -> bool:
    return isinstance(values, list) and all(
        type(value) in (int, float) and np.isfinite(value) for value in values
    )


def _corners(bbox: list, width: int, height: int) -> tuple:
    """Return ``x1, y1, x2, y2`` inside the image, at least a pixel wide and high."""
    y1, y2, x1, x2 = bbox
    corners = []
    for low, high, side in ((x1, x2, width), (y1, y2, height)):
        low, high = min(low, high), max(low, high)
        low = min(max(low, 0), side - 1)
        corners.append((low, max(min(high, side), low + 1)))
    (x1, x2), (y1, y2) = corners
    return x1, y1, x2, y2


def convert_images(train: Source, test: Source | None, num_test: int, max_size: int) -> list[Image]:
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
        source.convert(name, image_id, split, max_size)
        for image_id, (source, name, split) in enumerate(entries, 1)
    ]


def read_names(path: Path) -> list[str]:
    """Read a list of class or predicate names.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it does not hold a list of distinct names.
    """
    names = load_json(str(path), HINT)
    if not isinstance(names, list) or len(set(names)) != len(names):
        raise ValueError(f'{path} must hold a list of distinct names')
    return names


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


def _test_source(args: argparse.Namespace, *counts: int) -> Source | None:
    if args.test_annotations is None:
        return None
    path = _source_file(args, args.test_annotations)
    metadata = path.parent / METADATA_FILE
    if args.test_metadata is not None:
        metadata = Path(args.test_metadata)
    elif not metadata.is_file():
        metadata = Path(args.src_dir) / METADATA_FILE
    return Source(path, metadata, *counts)


def main() -> None:
    args = parse_args()
    src_dir, out_dir = Path(args.src_dir), Path(args.out_dir)
    classes = read_names(src_dir / 'objects.json')
    predicates = read_names(src_dir / 'predicates.json')
    counts = len(classes), len(predicates)
    train = Source(_source_file(args, args.annotations), src_dir / METADATA_FILE, *counts)
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
    main()
