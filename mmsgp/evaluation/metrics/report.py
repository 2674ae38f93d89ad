"""What an evaluation shows: tables in the terminal and files.

Shape shorthand: K thresholds, R predicates. Recall is in percent throughout.
"""
from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class PredicateTable:
    """Recall of each predicate of one task.

    Args:
        names (Sequence[str]): R predicate names; predicate ``p`` is
            ``names[p - 1]``.
        train_counts (Sequence[int] | None): R numbers of training relations,
            by which the table is sorted; None if unknown, which counts as 0.
        num_gt (Sequence[int]): R numbers of evaluated relations.
        topk (Sequence[int | str]): K thresholds.
        recall (ndarray): (K, R), percent; NaN for a predicate that the
            evaluated split does not contain.
    """

    names: Sequence[str]
    train_counts: Sequence[int] | None
    num_gt: Sequence[int]
    topk: Sequence[int | str]
    recall: np.ndarray

    @property
    def absent(self) -> list[str]:
        """list[str]: Names of the predicates without a relation here."""
        return [self.names[i] for i in self._order if self.num_gt[i] == 0]

    def to_csv(self) -> str:
        """A line a predicate; absent predicates have empty recall cells."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(['predicate_id', 'predicate', 'train_count', 'num_gt'] +
                        [f'recall@{k}' for k in self.topk])
        for i in self._order:
            recall = ('' if math.isnan(value) else value
                      for value in self.recall[:, i].tolist())
            writer.writerow([
                i + 1, self.names[i], self._train_count(i), self.num_gt[i],
                *recall
            ])
        return text.getvalue()

    def render(self, title: str) -> str:
        """The table as it is printed."""
        table = _table(title, 'predicate')
        for column in ('train', 'gt', *(f'R@{k}' for k in self.topk)):
            table.add_column(column, justify='right')
        for i in self._order:
            table.add_row(self.names[i], str(self._train_count(i)),
                          str(self.num_gt[i]),
                          *(_percent(value) for value in self.recall[:, i]))
        return _render(table)

    @property
    def _order(self) -> list[int]:
        """Most frequent in training first, ties by number."""
        return sorted(
            range(len(self.names)), key=lambda i: -self._train_count(i))

    def _train_count(self, i: int) -> int:
        return 0 if self.train_counts is None else int(self.train_counts[i])


@dataclass(frozen=True)
class RecallReport:
    """Recall of all tasks, and what it was measured on.

    Args:
        metrics (dict[str, float]): ``'<task>/R@<k>'`` and ``'<task>/mR@<k>'``,
            percent.
        tables (dict[str, PredicateTable]): A table a task.
        topk (Sequence[int | str]): K thresholds.
        num_images (int): Images with relations.
        num_images_without_relations (int): Images that were left out.
    """

    metrics: dict[str, float]
    tables: dict[str, PredicateTable]
    topk: Sequence[int | str]
    num_images: int
    num_images_without_relations: int

    def render(self, classwise: bool = True) -> str:
        """All tables and notes as they are printed.

        Args:
            classwise (bool): Whether to include the tables of predicates.
        """
        parts = [
            table.render(f'{task}: recall of each predicate (%)')
            for task, table in self.tables.items() if classwise
        ]
        return '\n'.join([*parts, self._render_summary(), *self._notes()])

    def write(self, folder: Path) -> None:
        """Write ``metrics.json`` and ``per_class_recall_<task>.csv``.

        Args:
            folder (Path): Made if it does not exist.
        """
        folder.mkdir(parents=True, exist_ok=True)
        content = dict(
            self.metrics,
            num_images=self.num_images,
            num_images_without_relations=self.num_images_without_relations,
            absent_predicates=self._any_table.absent)
        _write_atomically(folder / 'metrics.json',
                          json.dumps(content, indent=2) + '\n')
        for task, table in self.tables.items():
            _write_atomically(folder / f'per_class_recall_{task}.csv',
                              table.to_csv())

    @property
    def _any_table(self) -> PredicateTable:
        """The tasks share their ground truth, hence its counts."""
        return next(iter(self.tables.values()))

    def _render_summary(self) -> str:
        columns = [f'{name}@{k}' for name in ('R', 'mR') for k in self.topk]
        table = _table('Scene graph recall (%)', 'task')
        for column in columns:
            table.add_column(column, justify='right')
        for task in self.tables:
            values = (self.metrics[f'{task}/{column}'] for column in columns)
            table.add_row(task, *map(_percent, values))
        return _render(table)

    def _notes(self) -> list[str]:
        table = self._any_table
        notes = [
            f'Images evaluated: {self.num_images}; left out, for they have no '
            f'annotated relation: {self.num_images_without_relations}.'
        ]
        if table.absent:
            notes.append(
                'Predicates left out of mR@K, for they have no relation in '
                f'this split: {len(table.absent)} of {len(table.names)} '
                f"({', '.join(table.absent)}).")
        if table.train_counts is None:
            notes.append(
                "The data set tells no 'predicate_train_counts': predicates "
                'are sorted by number.')
        return notes


def _write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new text, whole."""
    draft = path.with_name(f'.{path.name}.{os.getpid()}')
    draft.write_text(text, encoding='utf-8')
    draft.replace(path)


def _table(title: str, first_column: str) -> Table:
    table = Table(title=title, title_justify='left', box=box.SIMPLE_HEAD)
    table.add_column(first_column)
    return table


def _percent(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.2f}'


def _render(table: Table) -> str:
    # As wide as its content: a log file has no terminal to fit into.
    console = Console(
        file=io.StringIO(), width=1000, markup=False, emoji=False)
    console.print(table)
    return '\n'.join(
        line.rstrip() for line in console.file.getvalue().splitlines())
