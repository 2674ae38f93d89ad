"""Compare two test runs: metrics and predicates, with confidence intervals.

Reads ranks.npz of two folders that tools/test.py or eval_predictions.py wrote.
An interval holds 95 % of the differences between the runs when the images are
drawn again, with replacement, the same for both (a paired bootstrap). If it does
not contain 0, the difference is marked with a star. With too few images there is
no interval.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.console import Console

from mmsgp.cli.arguments import add_recall_arguments, threshold
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.evaluation.functional import ResampledMean
from mmsgp.reporting.comparison import (
    Comparison,
    csv_rows,
    load_runs,
    metric_table,
    predicate_table,
)
from mmsgp.reporting.run_names import distinct_tails
from mmsgp.utils.files import write_csv

PIPED_WIDTH = 120


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('first', type=Path, help='folder of a test run')
    parser.add_argument('second', type=Path, help='folder of another test run')
    parser.add_argument('--names', nargs=2, metavar='NAME', help='(default: the folders)')
    parser.add_argument('--tasks', nargs='+', help='(default: all that both have)')
    add_recall_arguments(parser)
    parser.add_argument(
        '--per-class',
        type=threshold,
        default=100,
        metavar='K',
        help='K of the tables of predicates (default: 100)',
    )
    parser.add_argument('--resamples', type=int, default=1000, help='at least 100 (default: 1000)')
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')
    parser.add_argument('--csv', type=Path, help='write the comparison here')
    args = parser.parse_args()
    if args.resamples < 100:
        parser.error(f'--resamples {args.resamples}: an interval needs at least 100')
    return args


def main() -> None:
    args = parse_args()
    folders = [args.first, args.second]
    names = args.names or distinct_tails(folders)
    runs = load_runs(folders)
    common = [task for task in runs[0].tasks if task in runs[1].tasks]
    tasks = args.tasks or common
    if not common or not set(tasks) <= set(common):
        raise ValueError(
            f'no {tasks or "task"} to compare: {folders[0]} has '
            f'{sorted(runs[0].tasks)}, {folders[1]} has '
            f'{sorted(runs[1].tasks)}'
        )
    options = dict(
        topk=args.topk, per_class=args.per_class, metrics=args.metrics, groups=args.groups
    )
    console = Console()
    if not console.is_terminal and 'COLUMNS' not in os.environ:
        console = Console(width=PIPED_WIDTH)
    resampled = ResampledMean(runs[0].images, args.resamples, args.seed)
    comparisons = []
    for task in tasks:
        with console.status(f'resampling the images of {task}'):
            comparisons.append(Comparison(runs, task, resampled, **options))
    for comparison in comparisons:
        console.print(predicate_table(comparison, runs[0], names, args.per_class))
    for comparison in comparisons:
        console.print(metric_table(comparison, names))
        if left_out := comparison.left_out():
            console.print('not comparable in both runs: ' + ', '.join(left_out))
    console.print(
        f'{runs[0].num_images} images; * the 95 % interval of '
        f'{args.resamples} resamples of the images does not contain 0'
    )
    if args.csv is not None:
        write_csv(args.csv, csv_rows(comparisons, names))


if __name__ == '__main__':
    with exit_on_user_error():
        main()
