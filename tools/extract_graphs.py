"""Parse folders, lists, tar shards and Parquet files of images into Parquet, with Ray Data.

Called again after a stop, it does what is not done. docs/user_guides/millions_of_images.md
describes the columns and shows queries.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.image_files import MAX_PIXELS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'inputs',
        nargs='+',
        type=Path,
        help='images; folders; text files with a path per line; tar files; Parquet files',
    )
    parser.add_argument('--output', required=True, type=Path, help='folder of the graphs')
    parser.add_argument('--checkpoint', required=True, type=Path, help='checkpoint of training')
    parser.add_argument('--config', type=Path, help='config (default: the one in the checkpoint)')
    parser.add_argument('--topk', type=int, default=100, help='relations per image (default: 100)')
    parser.add_argument(
        '--score-thr', type=float, default=0.0, help='lowest score of a relation (default: 0)'
    )
    parser.add_argument(
        '--batch-size', type=int, default=1, help='images per forward pass (default: 1)'
    )
    parser.add_argument(
        '--block-size', type=int, default=1000, help='image files per part file (default: 1000)'
    )
    parser.add_argument('--image-column', help='column of images in Parquet files')
    parser.add_argument(
        '--max-pixels',
        type=int,
        default=MAX_PIXELS,
        help='images with more pixels are not decoded (default: %(default)s)',
    )
    parser.add_argument('--workers', type=int, help='processes with a model (default: all cores)')
    parser.add_argument(
        '--gpus-per-worker', type=float, default=0, help='e.g. 1 or 0.5 (default: 0, the CPU)'
    )
    parser.add_argument('--address', help='Ray cluster, e.g. auto (default: this machine alone)')
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    with exit_on_user_error():
        # After parsing, because importing Ray takes seconds.
        from mmsgp.cli.extraction import extract_with_progress

        extract_with_progress(weights=args.pop('checkpoint'), **args)


if __name__ == '__main__':
    main()
