"""Compare two test runs, with confidence intervals of their differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from mmsgp.evaluation.functional import (
    ResampledMean,
    confidence_interval,
    evaluate_task,
)
from mmsgp.evaluation.relation_ranks import RANKS_FILE, RelationRanks
from mmsgp.utils.tables import new_table, percent

MIN_IMAGES = 5
"""With fewer images, no intervals are computed."""


def load_runs(folders: list[Path]) -> list[RelationRanks]:
    """Load the ranks of both runs, images in the same order.

    Raises:
        ValueError: If they were not tested on the same annotations, by the same protocol.
    """
    first, second = (
        RelationRanks.load(folder / RANKS_FILE).sorted_by_image() for folder in folders
    )
    if first.preset != second.preset:
        raise ValueError(
            f'{folders[0]} was tested by the protocol {first.preset!r} and {folders[1]} by '
            f'{second.preset!r}: test one of them again with the preset of the other'
        )
    for name in (
        'image_ids',
        'images',
        'predicates',
        'first_of_pair',
        'names',
        'train_counts',
        'unseen',
    ):
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            raise ValueError(
                f'{folders[0]} and {folders[1]} were not tested on the same '
                f'annotated images and training set: their {name} differ'
            )
    return [first, second]


class Comparison:
    """Metrics of a task in two runs and their resamples.

    Args:
        runs: Two runs on the same images.
        task: The task.
        resampled: Draws the images.
        topk: Thresholds of the metrics.
        per_class: Threshold of the recall of predicates.
        **options: Other arguments of ``evaluate_task``.
    """

    def __init__(
        self,
        runs: list[RelationRanks],
        task: str,
        resampled: ResampledMean,
        topk: Sequence[int | str],
        per_class: int | str,
        **options,
    ) -> None:
        self.task = task
        self.enough_images = runs[0].num_images >= MIN_IMAGES
        self.same_limit = runs[0].ng_limit == runs[1].ng_limit
        self._topk = topk
        options['topk'] = [*topk, per_class]
        self.values = [evaluate_task(run, task, **options) for run in runs]
        self.samples = [evaluate_task(run, task, mean=resampled, **options) for run in runs]

    def rows(self) -> list[tuple[str, float, float, float, float]]:
        """Return name, both values and the interval of their difference, percent."""
        return [
            self._row(name, lambda result, name=name: result.values[name])
            for name in self.values[0].values
            if self._comparable(name)
        ]

    def left_out(self) -> list[str]:
        """List metrics that only one run has, or that are not comparable."""
        return [
            name
            for name in {**self.values[0].values, **self.values[1].values}
            if not self._comparable(name) and self._wanted(name)
        ]

    def _wanted(self, name: str) -> bool:
        family, k = name.split('@')
        return family in ('A', 'mA') or k in map(str, self._topk)

    def _comparable(self, name: str) -> bool:
        if name.startswith('ng-') and name.endswith('@all') and not self.same_limit:
            return False
        return self._wanted(name) and all(name in result.values for result in self.values)

    def predicate_row(self, name: str, predicate: int) -> tuple[str, float, float, float, float]:
        """Return the same for the recall of a predicate."""
        return self._row(name, lambda result: result.recall[..., -1, predicate])

    def _row(self, name: str, pick) -> tuple[str, float, float, float, float]:
        values = [100 * float(pick(result)) for result in self.values]
        first, second = (100 * pick(result) for result in self.samples)
        interval = (
            confidence_interval(second - first) if self.enough_images else (math.nan, math.nan)
        )
        return name, *values, *interval


def _difference(first: float, second: float, low: float, high: float) -> tuple[str, str]:
    """Return cells of a table: the difference, marked, and its interval."""
    if math.isnan(first) or math.isnan(second):
        return '-', '-'
    if math.isnan(low):
        return f'[dim]{second - first:+.2f} [/]', 'too few images'
    certain = low > 0 or high < 0
    text = f'{second - first:+.2f}{"*" if certain else " "}'
    colour = ('green' if second > first else 'red') if certain else 'dim'
    return f'[{colour}]{text}[/]', f'{low:+.2f} .. {high:+.2f}'


def metric_table(comparison: Comparison, names: list[str]) -> Table:
    """Make a table with one row per metric: both runs, difference, interval."""
    table = _new_table(f'{comparison.task} (%)', names)
    previous = None
    for name, first, second, low, high in comparison.rows():
        family = name.split('@')[0]
        if previous not in (None, family):
            table.add_section()
        previous = family
        table.add_row(name, percent(first), percent(second), *_difference(first, second, low, high))
    return table


def predicate_table(
    comparison: Comparison, run: RelationRanks, names: list[str], k: int | str
) -> Table:
    """Make a table with one row per predicate, most frequent in training first."""
    table = _new_table(
        f'{comparison.task}: R@{k} of each predicate (%)', names, ('train', 'test', 'images')
    )
    known = run.train_counts is not None
    counts = run.train_counts if known else [0] * len(run.names)
    for i in np.argsort(-np.asarray(counts), kind='stable').tolist():
        name, first, second, low, high = comparison.predicate_row(run.names[i], i)
        images = len(np.unique(run.images[run.predicates == i + 1]))
        table.add_row(
            escape(name),
            str(counts[i]) if known else '-',
            str(run.num_gt[i]),
            str(images),
            percent(first),
            percent(second),
            *_difference(first, second, low, high),
        )
    return table


def _new_table(title: str, names: list[str], counts: Sequence[str] = ()) -> Table:
    # folders may have long names
    return new_table(title, '', *counts, *names, 'difference', '95 % interval', wide=names)


def csv_rows(comparisons: list[Comparison], names: list[str]) -> list[list]:
    """Return the rows of a CSV file, the names of the columns first."""
    rows = [['task', 'metric', *names, 'difference', 'interval_low', 'interval_high']]
    for comparison in comparisons:
        for metric, first, second, *interval in comparison.rows():
            rows.append([comparison.task, metric, first, second, second - first, *interval])
    return rows
