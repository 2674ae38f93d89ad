"""Generate MiniVG, a small data set in the VG-SGG format."""

from __future__ import annotations

import argparse
import time

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.minivg.generate import generate_minivg, print_statistics


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out_dir', nargs='?', default='data/minivg', help='folder to write to')
    parser.add_argument('--num-train', type=int, default=2000)
    parser.add_argument(
        '--num-val',
        type=int,
        default=200,
        help='number of first training images for validation; for another number '
        'than 200, set num_val_images in the configs',
    )
    parser.add_argument('--num-test', type=int, default=500)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=2, help='number of rendering processes')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    start = time.monotonic()
    generated = generate_minivg(
        args.out_dir, args.num_train, args.num_val, args.num_test, args.seed, args.workers
    )
    print_statistics(args.out_dir)
    if generated:
        print(f'Generated in {time.monotonic() - start:.0f} s: {args.out_dir}')
    else:
        print(f'{args.out_dir} already holds the same data')


if __name__ == '__main__':
    with exit_on_user_error():
        main()
