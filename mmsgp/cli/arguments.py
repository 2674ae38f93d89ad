"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import ast
import os
from typing import Any

from mmengine.config import DictAction

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


class SettingsAction(DictAction):
    """Parse ``key=value`` as MMEngine does, but keep texts as they are.

    Blanks stay, and what stands in quotes of its own is one text, whatever its
    letters: ``"data_root='data/v,x[1]/'"``. Brackets may hold any Python literals:
    ``"[(1, 2), 'a b']"``, ``"{'img': 'a b'}"``.
    """

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        for text in values:
            if '=' not in text:
                parser.error(f'{option_string} {text}: expected key=value')
        super().__call__(parser, namespace, values, option_string)

    @staticmethod
    def _parse_iterable(val: str) -> Any:
        if val[:1] in ('"', "'", '[', '{') or val[:1] == '(' and ',' in val:
            try:
                return ast.literal_eval(val)
            except (ValueError, SyntaxError):
                pass  # unquoted names in brackets, as MMEngine reads them
        if ',' not in val and val[:1] not in ('(', '['):
            return DictAction._parse_int_float_bool(val)
        try:
            return DictAction._parse_iterable(val)
        except AssertionError:  # brackets without their partners
            return val


def add_settings_argument(parser: argparse.ArgumentParser, example: str = '') -> None:
    """Add ``--cfg-options``.

    Args:
        parser: The command's parser.
        example: What the help says after the general text.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=SettingsAction,
        metavar='KEY=VALUE',
        help='override settings of the config: key=value, nested keys with dots; a text '
        'with commas in quotes of its own' + example,
    )


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
