"""Render images for a data set in the VG-SGG format without images."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.rendering import Layout, LayoutRenderer, render_images
from mmsgp.datasets.vg_sgg.names import read_vg_names
from mmsgp.datasets.vg_sgg.reader import read_vg_annotations
from mmsgp.datasets.vg_sgg.writer import ANN_FILE, DICT_FILE, IMAGE_FILE


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('data_root', help=f'folder of {ANN_FILE}, {DICT_FILE}, {IMAGE_FILE}')
    parser.add_argument('--out-dir', help='folder of the images (default: DATA_ROOT/images)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=2, help='number of rendering processes')
    return parser.parse_args()


def read_layouts(data_root: Path) -> tuple[list[Layout], int]:
    """Read the layout of every image, and the number of classes.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file lacks a key, or the files contradict each other.
    """
    classes, predicates = read_vg_names(str(data_root / DICT_FILE))
    annotations = read_vg_annotations(
        str(data_root / ANN_FILE), str(data_root / IMAGE_FILE), classes, predicates
    )
    layouts = []
    for index, image_id in enumerate(annotations.image_ids):
        first, last = annotations.box_offsets[index : index + 2]
        width, height = annotations.sizes[index]
        layouts.append(
            Layout(
                int(image_id),
                int(width),
                int(height),
                annotations.boxes[first:last],
                annotations.labels[first:last],
            )
        )
    return layouts, len(classes)


def main() -> None:
    args = parse_args()
    data_root = Path(args.data_root)
    out_dir = Path(args.out_dir or data_root / 'images')
    layouts, num_classes = read_layouts(data_root)
    renderer = LayoutRenderer(num_classes, seed=args.seed)
    rendered = render_images(renderer, layouts, out_dir, args.workers)
    print(f'{out_dir}: {rendered} of {len(layouts)} images rendered, the others existed')


if __name__ == '__main__':
    with exit_on_user_error():
        main()
