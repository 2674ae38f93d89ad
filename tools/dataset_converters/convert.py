"""Convert annotations of scene graphs from one format to another, without a difference.

What was written is read again and compared. Images stay where they are, or are linked
or copied beside the annotations.
"""

from __future__ import annotations

import argparse
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.formats import FORMATS, Format
from mmsgp.datasets.formats.comparison import first_difference
from mmsgp.datasets.graph_annotations import SPLITS, GraphAnnotations
from mmsgp.datasets.image_files import missing_image
from mmsgp.datasets.splits import with_split_ids


def parse_args() -> argparse.Namespace:
    written = [name for name, kind in FORMATS.items() if kind.write]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--from', dest='source', choices=FORMATS, required=True)
    parser.add_argument('--to', dest='target', choices=written, required=True)
    parser.add_argument('src', metavar='SRC', help='folder or file of the annotations')
    parser.add_argument('dst', metavar='DST', help='folder to write to')
    parser.add_argument(
        '--split',
        nargs='+',
        default=[],
        metavar='SPLIT=IMAGES',
        help='other splits than those of SRC: train, val or test, each with a file of image '
        'ids (JSON, or one a line), a number of images or a share, which are drawn, e.g. '
        'val=200 test=10%%. Drawn images come from training; listed ones make all splits',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the drawn images (default: 0)')
    parser.add_argument(
        '--images',
        choices=('keep', 'link', 'copy'),
        default='keep',
        help='whether to link or copy the images into DST (default: keep)',
    )
    parser.add_argument(
        '--image-dir', nargs='+', help="folders of the images (default: the format's, in SRC)"
    )
    parser.add_argument(
        '--clip', action='store_true', help='clip boxes that leave their image, and count them'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace annotations in DST')
    return parser.parse_args()


def split_anew(annotations: GraphAnnotations, options: list[str], seed: int) -> GraphAnnotations:
    """Give images other splits, see ``--split``.

    Raises:
        OSError: If a list cannot be read.
        ValueError: If an option is none, or asks for more images than there are.
    """
    chosen = dict(option.partition('=')[::2] for option in options)
    if len(chosen) < len(options) or not set(chosen) <= set(SPLITS) or '' in chosen.values():
        raise ValueError(
            f'--split takes train=, val= and test=, each once, with a file, a number or a share '
            f'such as 10%, got {" ".join(options)}'
        )
    drawn = {split: value for split, value in chosen.items() if value.rstrip('%').isdecimal()}
    if len(drawn) < len(chosen):
        if drawn:
            raise ValueError('--split takes files for all splits, or numbers for all, not both')
        return with_split_ids(annotations, chosen, '', 'SRC')
    if 'train' in drawn:
        raise ValueError('--split draws images of val and test; the others are for train')
    splits = annotations.splits.copy()
    pool = np.random.default_rng(seed).permutation(np.flatnonzero(splits == 0))
    for split, value in drawn.items():
        number = int(value.rstrip('%'))
        if value.endswith('%'):
            number = round(len(annotations) * number / 100)
        if number >= len(pool):
            raise ValueError(
                f'--split {split}={value} is {number} images, but training has {len(pool)}: '
                'leave some to train on'
            )
        splits[pool[:number]] = SPLITS.index(split)
        pool = pool[number:]
    return replace(annotations, splits=splits)


def clipped(annotations: GraphAnnotations) -> tuple[GraphAnnotations, int]:
    """Clip boxes to their images; return also how many were clipped."""
    limits = np.tile(annotations.sizes[annotations.image_of_box], 2)
    boxes = np.clip(annotations.boxes, 0, limits)
    changed = (boxes != annotations.boxes).any(axis=1)
    return replace(annotations, boxes=boxes), int(changed.sum())


def place_images(
    annotations: GraphAnnotations,
    folders: dict[str, list[str]],
    target: Format,
    dst: Path,
    how: str,
) -> None:
    """Link or copy all images into the folders of the new format.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: If two images would get the same name.
    """
    sources = {}
    for index in track(range(len(annotations)), 'Finding the images'):
        image = annotations.image(index)
        name, split = image['file_name'], image['split']
        paths = [os.path.join(folder, name) for folder in folders[split]]
        found = next((path for path in paths if os.path.isfile(path)), None)
        if found is None:
            raise FileNotFoundError(missing_image(image['img_id'], paths[0], folders[split]))
        place = dst / target.folders(split)[0] / name
        if not place.resolve().is_relative_to(dst.resolve()):
            raise ValueError(f'image {image["img_id"]} has the file name {name!r}, outside of DST')
        if place in sources:
            raise ValueError(f'two images would become {place}: {sources[place]} and {found}')
        sources[place] = found
    for place, found in track(sources.items(), f'Images: {how}'):
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            if how == 'link':
                place.symlink_to(os.path.abspath(found))
            else:
                shutil.copyfile(found, place)


def print_counts(annotations: GraphAnnotations, title: str) -> None:
    """Print a table of what was converted."""
    table = Table('split', title=title)
    headers = ('images', 'without relations', 'objects', 'relations')
    for header in headers:
        table.add_column(header, justify='right')
    for number, split in enumerate(SPLITS):
        part = annotations.subset(annotations.splits == number)
        empty = int((part.num_relations == 0).sum())
        counts = len(part), empty, len(part.boxes), len(part.relations)
        table.add_row(split, *(f'{count:,}' for count in counts))
    Console().print(table)


def convert(args: argparse.Namespace) -> None:
    """Convert as the command line says.

    Raises:
        OSError: If a file is missing or cannot be written.
        ValueError: If annotations or an argument are wrong.
    """
    source, target = FORMATS[args.source], FORMATS[args.target]
    src, dst = Path(args.src), Path(args.dst)
    if source is target and dst.resolve() == (src if src.is_dir() else src.parent).resolve():
        raise ValueError(f'{dst} is the folder of the annotations themselves: choose another one')
    present = [name for name in target.written if (dst / name).exists()]
    if present and not args.overwrite:
        raise ValueError(f'{dst} has {", ".join(present)}: choose another folder, or --overwrite')
    annotations = source.read(str(src))
    annotations.check(str(src))
    annotations = replace(annotations, boxes=annotations.boxes.astype(np.float64))
    if args.split:
        annotations = split_anew(annotations, args.split, args.seed)
    if args.clip:
        annotations, number = clipped(annotations)
        print(f'{number} of {len(annotations.boxes)} boxes were clipped to their images')
        annotations.check(f'{src}, clipped,')
    root = src if src.is_dir() else src.parent
    folders = {
        split: args.image_dir or [str(root / folder) for folder in source.folders(split)]
        for split in SPLITS
    }
    if args.images != 'keep':
        place_images(annotations, folders, target, dst, args.images)
    for name in present:
        (dst / name).unlink()
    target.write(annotations, dst)
    again = target.read(str(dst))
    if difference := first_difference(annotations, again):
        raise ValueError(f'{dst} differs from {src} in {difference}: please report it')
    print_counts(annotations, f'{dst}: {target.title}, no difference to {src}')
    if source.not_read:
        print(f'Not read from {source.title}: {source.not_read}')
    if args.images == 'keep':
        found = [f for f in dict.fromkeys(sum(folders.values(), [])) if os.path.isdir(f)]
        print(f'The images stay where they are: {", ".join(found)}')


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        convert(args)


if __name__ == '__main__':
    main()
