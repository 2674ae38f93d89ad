"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import os

from mmsgp.evaluation.functional import METRIC_NAMES


def parse_launched(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the arguments of a command that a launcher may start.

    Adds ``--launcher``, and sets ``LOCAL_RANK`` where the launcher does not.
    """
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    # torch.distributed.launch passes it; torchrun sets the variable itself
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def add_recall_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--topk``, ``--metrics`` and ``--groups``."""
    parser.add_argument(
        '--topk',
        nargs='+',
        type=threshold,
        default=[20, 50, 100, 'all'],
        metavar='K',
        help="the K of recall@K, numbers or 'all' (default: 20 50 100 all)",
    )
    parser.add_argument(
        '--metrics', nargs='+', choices=METRIC_NAMES, default=METRIC_NAMES, help='(default: all)'
    )
    parser.add_argument(
        '--groups',
        type=groups,
        default='thirds',
        help='head, body and tail: thirds, vg150, or two numbers of training '
        'relations, e.g. 10000,500 (default: thirds)',
    )


def add_figure_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the figures of recall per predicate."""
    parser.add_argument('--task', default='predcls', help='(default: predcls)')
    parser.add_argument(
        '--topk',
        type=threshold,
        default=100,
        metavar='K',
        help="the K of recall@K, a number or 'all' (default: 100)",
    )
    parser.add_argument(
        '--names', nargs='+', metavar='NAME', help='names of the runs (default: their folders)'
    )
    parser.add_argument(
        '--num-predicates',
        type=positive,
        metavar='N',
        help='only the N most frequent in training (default: all)',
    )
    parser.add_argument(
        '--out',
        help='path of the files without extension (default: work_dirs/figures/per_class_..._TASK)',
    )


def natural(text: str) -> int:
    """Parse a number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text!r} is not a number of 0 or more')
    return int(text)


def positive(text: str) -> int:
    """Parse a number, 1 or more."""
    if natural(text) == 0:
        raise argparse.ArgumentTypeError('0 is too few: give 1 or more')
    return int(text)


def threshold(text: str) -> int | str:
    """Parse a number of predictions, or ``'all'``."""
    if text == 'all':
        return text
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a positive number nor 'all'")
    return int(text)


def groups(text: str) -> str | tuple[int, ...]:
    """Parse the name of predefined groups, or two numbers."""
    if ',' not in text:
        return text
    try:
        return tuple(map(int, text.split(',')))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r}: expected two numbers, e.g. 10000,500'
        ) from None
