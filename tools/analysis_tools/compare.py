"""Compare two test runs: metrics, predicates, and what is more than chance.

Reads ranks.npz of two folders that tools/test.py or eval_predictions.py wrote.
An interval holds 95 % of the differences between the runs when the images are
drawn anew, with replacement, the same for both (a paired bootstrap); where it
does not hold 0 the difference is marked with a star.
"""
from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from mmsgp.evaluation.functional import (
    METRICS,
    RANKS_FILE,
    RelationRanks,
    ResampledMean,
    confidence_interval,
    evaluate_task,
)


def threshold(text: str) -> int | str:
    return text if text == 'all' else int(text)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('first', type=Path, help='folder of a test run')
    parser.add_argument('second', type=Path, help='folder of another')
    parser.add_argument(
        '--names', nargs=2, metavar='NAME', help='(default: the folders)')
    parser.add_argument(
        '--tasks', nargs='+', help='(default: all that both have)')
    parser.add_argument(
        '--metrics', nargs='+', choices=METRICS, default=METRICS,
        help='(default: all)')
    parser.add_argument(
        '--topk', nargs='+', type=threshold, default=[20, 50, 100, 'all'],
        help="the K of recall@K, numbers or 'all' (default: 20 50 100 all)")
    parser.add_argument(
        '--groups', nargs='+', default=['thirds'],
        help='head, body and tail: thirds, vg150, or two numbers of training '
        'relations (default: thirds)')
    parser.add_argument(
        '--per-class', type=threshold, default=100, metavar='K',
        help='K of the tables of predicates (default: 100)')
    parser.add_argument(
        '--resamples', type=int, default=1000, help='(default: 1000)')
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')
    parser.add_argument('--csv', type=Path, help='write the comparison here')
    return parser.parse_args()


def load_runs(folders: list[Path]) -> list[RelationRanks]:
    """Ranks of both runs, images in the same order.

    Raises:
        ValueError: If they were not tested on the same annotations.
    """
    first, second = (
        RelationRanks.load(folder / RANKS_FILE).sorted_by_image()
        for folder in folders)
    for name in ('image_ids', 'images', 'predicates'):
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            raise ValueError(
                f'{folders[0]} and {folders[1]} were not tested on the same '
                f'annotated images: their {name} differ')
    return [first, second]


class Comparison:
    """A task's metrics in two runs, and of their resamples.

    Args:
        runs (list[RelationRanks]): Two runs on the same images.
        task (str): The task.
        resampled (ResampledMean): Draws the images.
        options (dict): Arguments of ``evaluate_task``.
    """

    def __init__(self, runs: list[RelationRanks], task: str,
                 resampled: ResampledMean, **options) -> None:
        self.task = task
        self.values = [evaluate_task(run, task, **options) for run in runs]
        self.samples = [
            evaluate_task(run, task, mean=resampled, **options)
            for run in runs
        ]

    def rows(self) -> list[tuple[str, float, float, float, float]]:
        """Name, both values and the interval of their difference, percent."""
        names = [name for name in self.values[0].values
                 if name in self.values[1].values]
        return [
            self._row(name, lambda result, name=name: result.values[name])
            for name in names
        ]

    def predicate_row(self, name: str, column: int, predicate: int
                      ) -> tuple[str, float, float, float, float]:
        """The same for the recall of a predicate."""
        return self._row(
            name, lambda result: result.recall[..., column, predicate])

    def _row(self, name: str, pick) -> tuple[str, float, float, float, float]:
        values = [100 * float(pick(result)) for result in self.values]
        first, second = (100 * pick(result) for result in self.samples)
        return name, *values, *confidence_interval(second - first)


def difference(first: float, second: float, low: float,
               high: float) -> tuple[str, str]:
    """Cells of a table: the difference, marked, and its interval."""
    if math.isnan(first) or math.isnan(second):
        return '-', '-'
    certain = low > 0 or high < 0
    text = f'{second - first:+.2f}{"*" if certain else " "}'
    colour = ('green' if second > first else 'red') if certain else 'dim'
    return f'[{colour}]{text}[/]', f'{low:+.2f} .. {high:+.2f}'


def number(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.2f}'


def metric_table(comparison: Comparison, names: list[str]) -> Table:
    """A row a metric: both runs, the difference and its interval."""
    table = Table(title=f'{comparison.task} (%)', box=box.SIMPLE_HEAD)
    table.add_column('')
    for name in (*names, 'difference', '95 % interval'):
        table.add_column(name, justify='right')
    previous = None
    for name, first, second, low, high in comparison.rows():
        family = name.split('@')[0]
        if previous not in (None, family):
            table.add_section()
        previous = family
        table.add_row(name, number(first), number(second),
                      *difference(first, second, low, high))
    return table


def predicate_table(comparison: Comparison, run: RelationRanks,
                    names: list[str], column: int, k: int | str) -> Table:
    """A row a predicate, most frequent in training first."""
    table = Table(
        title=f'{comparison.task}: R@{k} of each predicate (%)',
        box=box.SIMPLE_HEAD)
    table.add_column('')
    for name in ('train', 'test', *names, 'difference', '95 % interval'):
        table.add_column(name, justify='right')
    counts = run.train_counts or [0] * len(run.names)
    for i in np.argsort(-np.asarray(counts), kind='stable').tolist():
        name, first, second, low, high = comparison.predicate_row(
            run.names[i], column, i)
        table.add_row(name, str(counts[i]), str(run.num_gt[i]), number(first),
                      number(second), *difference(first, second, low, high))
    return table


def write_csv(path: Path, comparisons: list[Comparison],
              names: list[str]) -> None:
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(['task', 'metric', *names, 'interval_low',
                         'interval_high'])
        for comparison in comparisons:
            for row in comparison.rows():
                writer.writerow([comparison.task, *row])


def main() -> None:
    args = parse_args()
    folders = [args.first, args.second]
    names = args.names or [folder.name for folder in folders]
    runs = load_runs(folders)
    tasks = [task for task in runs[0].tasks if task in runs[1].tasks
             and (args.tasks is None or task in args.tasks)]
    if not tasks:
        raise ValueError(
            f'{folders[0]} has {sorted(runs[0].tasks)}, {folders[1]} has '
            f'{sorted(runs[1].tasks)}: test both with the same --tasks')
    options = dict(
        # the tables of predicates take the last
        topk=[*args.topk, args.per_class],
        metrics=args.metrics,
        groups=args.groups[0] if len(args.groups) == 1 else tuple(
            map(int, args.groups)))
    console = Console()
    resampled = ResampledMean(runs[0].images, args.resamples, args.seed)
    comparisons = []
    for task in tasks:
        with console.status(f'drawing the images of {task} anew'):
            comparisons.append(Comparison(runs, task, resampled, **options))
    for comparison in comparisons:
        console.print(predicate_table(comparison, runs[0], names,
                                      len(args.topk), args.per_class))
    for comparison in comparisons:
        console.print(metric_table(comparison, names))
    console.print(f'{runs[0].num_images} images; * the 95 % interval of '
                  f'{args.resamples} resamples of the images does not hold 0')
    if args.csv is not None:
        write_csv(args.csv, comparisons, names)


if __name__ == '__main__':
    main()
