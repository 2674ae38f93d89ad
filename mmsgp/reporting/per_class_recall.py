"""Recall of single predicates, read from the tables of test runs.

Shape shorthand: R predicates.
"""
from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmsgp.reporting.run_names import distinct_tails


@dataclass(frozen=True, eq=False)
class PerClassRecall:
    """Recall of each predicate, the most frequent in training first.

    Attributes:
        predicates (Sequence[str]): R names.
        train_counts (ndarray): (R,) int64, their relations in training.
        recall (ndarray): (R,) float64, percent; NaN where the split has no
            relation.
        num_gt (ndarray, optional): (R,) int64, their relations in the split.
    """
    predicates: Sequence[str]
    train_counts: np.ndarray
    recall: np.ndarray
    num_gt: np.ndarray | None = None

    def most_frequent(self, number: int | None) -> PerClassRecall:
        """The table of so many predicates; None is all."""
        return PerClassRecall(
            self.predicates[:number], self.train_counts[:number],
            self.recall[:number],
            None if self.num_gt is None else self.num_gt[:number])

    @classmethod
    def read(cls, path: str | Path, column: str) -> PerClassRecall:
        """Read a column of a table.

        Args:
            path (str | Path): A CSV file with the columns ``predicate`` and
                ``train_count``, and maybe ``num_gt``, as
                ``per_class_recall_<task>.csv``.
            column (str): The column of the recall, e.g. ``recall@100``.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file lacks a column or a cell is no number.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} not found: test the model first, with tools/test.py')
        with path.open(newline='', encoding='utf-8') as file:
            reader = csv.DictReader(file)
            columns, rows = reader.fieldnames or [], list(reader)
        missing = {'predicate', 'train_count', column} - set(columns)
        if missing:
            raise ValueError(
                f'{path} has no column {sorted(missing)}, but {columns}')
        try:
            counts = np.array([int(row['train_count']) for row in rows], np.int64)
            recall = np.array([float(row[column] or 'nan') for row in rows])
            num_gt = np.array([int(row['num_gt']) for row in rows], np.int64) \
                if 'num_gt' in columns else None
        except (TypeError, ValueError) as error:
            raise ValueError(f'{path} is damaged: {error}') from error
        order = np.argsort(-counts, kind='stable')
        return cls([rows[i]['predicate'] for i in order], counts[order],
                   recall[order], None if num_gt is None else num_gt[order])


def read_runs(runs: Sequence[str], task: str, k: int | str,
              names: Sequence[str] | None = None) -> dict[str, PerClassRecall]:
    """The recall of several runs, by name.

    Args:
        runs (Sequence[str]): Each the folder of a test run, or
            ``FILE.csv:COLUMN`` for a column of a table.
        task (str): The task, for folders.
        k (int | str): The K of recall@K, for folders.
        names (Sequence[str], optional): What the runs are called. Defaults to
            :func:`run_names`.

    Raises:
        FileNotFoundError: If a run has no table.
        ValueError: If names are not one a run or occur twice, or the runs have
            unlike predicates or training counts, or were tested on unlike
            images.
    """
    tables = {}
    names = names or run_names(runs)
    if len(names) != len(runs) or len(set(names)) != len(runs):
        raise ValueError(f'{len(runs)} runs need as many different names, got '
                         f'{list(names)}')
    for run, name in zip(runs, names):
        path, _, column = run.rpartition(':')
        table = PerClassRecall.read(path, column) if path.endswith('.csv') \
            else PerClassRecall.read(
                Path(run) / f'per_class_recall_{task}.csv', f'recall@{k}')
        for other_run, other in zip(runs, tables.values()):
            _check_alike(run, table, other_run, other)
        tables[name] = table
    return tables


def _check_alike(run: str, table: PerClassRecall, other_run: str,
                 other: PerClassRecall) -> None:
    """Refuse runs on unlike data, as far as their tables tell."""
    told = None
    if list(table.predicates) != list(other.predicates) or (
            table.train_counts != other.train_counts).any():
        told = 'have other predicates or training counts'
    elif table.num_gt is not None and other.num_gt is not None and (
            table.num_gt != other.num_gt).any():
        told = 'were tested on other images or another split'
    if told:
        raise ValueError(f'{run} and {other_run} {told}: only runs on the same data '
                         'can be put side by side')


def recall_thresholds(folder: str | Path, task: str) -> list[str]:
    """The K of recall@K that a test run wrote for a task.

    Raises:
        FileNotFoundError: If it wrote no table.
    """
    path = Path(folder) / f'per_class_recall_{task}.csv'
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} not found: test the model first, with tools/test.py')
    with path.open(newline='', encoding='utf-8') as file:
        columns = next(csv.reader(file), [])
    return [column.partition('@')[2] for column in columns
            if column.startswith('recall@')]


def run_names(runs: Sequence[str]) -> list[str]:
    """Short names of runs: the last folders or the column, so that they differ."""
    return distinct_tails([run.replace('.csv:', '.csv/') for run in runs])
