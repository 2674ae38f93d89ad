"""Compare two test runs: metrics, predicates, and what is more than chance.

Reads ranks.npz of two folders that tools/test.py or eval_predictions.py wrote.
An interval holds 95 % of the differences between the runs when the images are
drawn anew, with replacement, the same for both (a paired bootstrap); where it
does not hold 0 the difference is marked with a star. There is none where too
few images count.
"""
from __future__ import annotations

import argparse
import csv
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mmsgp.cli.arguments import add_recall_arguments, threshold
from mmsgp.evaluation.functional import (
    ResampledMean,
    confidence_interval,
    evaluate_task,
)
from mmsgp.evaluation.recall_report import percent
from mmsgp.evaluation.relation_ranks import RANKS_FILE, RelationRanks
from mmsgp.reporting.run_names import distinct_tails
from mmsgp.utils.files import replacing

MIN_IMAGES = 5
PIPED_WIDTH = 120


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
    add_recall_arguments(parser)
    parser.add_argument(
        '--per-class', type=threshold, default=100, metavar='K',
        help='K of the tables of predicates (default: 100)')
    parser.add_argument(
        '--resamples', type=int, default=1000,
        help='at least 100 (default: 1000)')
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')
    parser.add_argument('--csv', type=Path, help='write the comparison here')
    args = parser.parse_args()
    if args.resamples < 100:
        parser.error(f'--resamples {args.resamples}: an interval takes at '
                     'least 100')
    return args


def load_runs(folders: list[Path]) -> list[RelationRanks]:
    """Ranks of both runs, images in the same order.

    Raises:
        ValueError: If they were not tested on the same annotations.
    """
    first, second = (
        RelationRanks.load(folder / RANKS_FILE).sorted_by_image()
        for folder in folders)
    for name in ('image_ids', 'images', 'predicates', 'first_of_pair', 'names',
                 'train_counts', 'unseen'):
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            raise ValueError(
                f'{folders[0]} and {folders[1]} were not tested on the same '
                f'annotated images and training set: their {name} differ')
    return [first, second]


class Comparison:
    """A task's metrics in two runs, and of their resamples.

    Args:
        runs (list[RelationRanks]): Two runs on the same images.
        task (str): The task.
        resampled (ResampledMean): Draws the images.
        topk (Sequence[int | str]): Thresholds of the metrics.
        per_class (int | str): Threshold of the recall of predicates.
        **options: Other arguments of ``evaluate_task``.
    """

    def __init__(self, runs: list[RelationRanks], task: str,
                 resampled: ResampledMean, topk: Sequence[int | str],
                 per_class: int | str, **options) -> None:
        self.task = task
        self.enough_images = runs[0].num_images >= MIN_IMAGES
        self.same_limit = runs[0].ng_limit == runs[1].ng_limit
        self._topk = topk
        options['topk'] = [*topk, per_class]
        self.values = [evaluate_task(run, task, **options) for run in runs]
        self.samples = [
            evaluate_task(run, task, mean=resampled, **options)
            for run in runs
        ]

    def rows(self) -> list[tuple[str, float, float, float, float]]:
        """Name, both values and the interval of their difference, percent."""
        return [
            self._row(name, lambda result, name=name: result.values[name])
            for name in self.values[0].values if self._comparable(name)
        ]

    def left_out(self) -> list[str]:
        """Metrics that only one run has, or that are not comparable."""
        return [
            name for name in {**self.values[0].values, **self.values[1].values}
            if not self._comparable(name) and self._wanted(name)
        ]

    def _wanted(self, name: str) -> bool:
        family, k = name.split('@')
        return family in ('A', 'mA') or k in map(str, self._topk)

    def _comparable(self, name: str) -> bool:
        if name.startswith('ng-') and name.endswith('@all') and \
                not self.same_limit:
            return False
        return self._wanted(name) and all(
            name in result.values for result in self.values)

    def predicate_row(self, name: str, predicate: int
                      ) -> tuple[str, float, float, float, float]:
        """The same for the recall of a predicate."""
        return self._row(name, lambda result: result.recall[..., -1, predicate])

    def _row(self, name: str, pick) -> tuple[str, float, float, float, float]:
        values = [100 * float(pick(result)) for result in self.values]
        first, second = (100 * pick(result) for result in self.samples)
        interval = confidence_interval(second - first) if \
            self.enough_images else (math.nan, math.nan)
        return name, *values, *interval


def difference(first: float, second: float, low: float,
               high: float) -> tuple[str, str]:
    """Cells of a table: the difference, marked, and its interval."""
    if math.isnan(first) or math.isnan(second):
        return '-', '-'
    if math.isnan(low):
        return f'[dim]{second - first:+.2f} [/]', 'too few images'
    certain = low > 0 or high < 0
    text = f'{second - first:+.2f}{"*" if certain else " "}'
    colour = ('green' if second > first else 'red') if certain else 'dim'
    return f'[{colour}]{text}[/]', f'{low:+.2f} .. {high:+.2f}'


def metric_table(comparison: Comparison, names: list[str]) -> Table:
    """A row a metric: both runs, the difference and its interval."""
    table = comparison_table(f'{comparison.task} (%)', names)
    previous = None
    for name, first, second, low, high in comparison.rows():
        family = name.split('@')[0]
        if previous not in (None, family):
            table.add_section()
        previous = family
        table.add_row(name, percent(first), percent(second),
                      *difference(first, second, low, high))
    return table


def predicate_table(comparison: Comparison, run: RelationRanks,
                    names: list[str], k: int | str) -> Table:
    """A row a predicate, most frequent in training first."""
    table = comparison_table(
        f'{comparison.task}: R@{k} of each predicate (%)', names,
        ('train', 'test', 'images'))
    known = run.train_counts is not None
    counts = run.train_counts if known else [0] * len(run.names)
    for i in np.argsort(-np.asarray(counts), kind='stable').tolist():
        name, first, second, low, high = comparison.predicate_row(
            run.names[i], i)
        images = len(np.unique(run.images[run.predicates == i + 1]))
        table.add_row(
            escape(name), str(counts[i]) if known else '-', str(run.num_gt[i]),
            str(images), percent(first), percent(second),
            *difference(first, second, low, high))
    return table


def comparison_table(title: str, names: list[str],
                     counts: Sequence[str] = ()) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD)
    table.add_column('', no_wrap=True)
    for name in counts:
        table.add_column(name, justify='right', no_wrap=True)
    for name in names:  # folders may have long names
        table.add_column(escape(name), justify='right', overflow='fold')
    for name in ('difference', '95 % interval'):
        table.add_column(name, justify='right', no_wrap=True)
    return table


def write_csv(path: Path, comparisons: list[Comparison],
              names: list[str]) -> None:
    with replacing(path) as draft, draft.open(
            'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(['task', 'metric', *names, 'difference',
                         'interval_low', 'interval_high'])
        for comparison in comparisons:
            for metric, first, second, *interval in comparison.rows():
                writer.writerow([comparison.task, metric] + [
                    '' if math.isnan(value) else value for value in
                    (first, second, second - first, *interval)])


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
            f'{sorted(runs[1].tasks)}')
    options = dict(
        topk=args.topk, per_class=args.per_class, metrics=args.metrics,
        groups=args.groups)
    console = Console()
    if not console.is_terminal and 'COLUMNS' not in os.environ:
        console = Console(width=PIPED_WIDTH)
    resampled = ResampledMean(runs[0].images, args.resamples, args.seed)
    comparisons = []
    for task in tasks:
        with console.status(f'drawing the images of {task} anew'):
            comparisons.append(Comparison(runs, task, resampled, **options))
    for comparison in comparisons:
        console.print(
            predicate_table(comparison, runs[0], names, args.per_class))
    for comparison in comparisons:
        console.print(metric_table(comparison, names))
        if left_out := comparison.left_out():
            console.print('not in both runs alike: ' + ', '.join(left_out))
    console.print(f'{runs[0].num_images} images; * the 95 % interval of '
                  f'{args.resamples} resamples of the images does not hold 0')
    if args.csv is not None:
        write_csv(args.csv, comparisons, names)


if __name__ == '__main__':
    main()
