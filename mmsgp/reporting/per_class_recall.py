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
        predicates: R names.
        train_counts: (R,) int64, their relations in training.
        recall: (R,) float64, percent; NaN where the split has no relation.
        num_gt: (R,) int64, their relations in the split.
    """

    predicates: Sequence[str]
    train_counts: np.ndarray
    recall: np.ndarray
    num_gt: np.ndarray | None = None

    def most_frequent(self, number: int | None) -> PerClassRecall:
        """Return the table of the first predicates; None keeps all."""
        return PerClassRecall(
            self.predicates[:number],
            self.train_counts[:number],
            self.recall[:number],
            None if self.num_gt is None else self.num_gt[:number],
        )

    @classmethod
    def read(cls, path: str | Path, column: str) -> PerClassRecall:
        """Read a column of a table.

        Args:
            path: A CSV file with the columns ``predicate`` and ``train_count``,
                and maybe ``num_gt``, as ``per_class_recall_<task>.csv``.
            column: The column of the recall, e.g. ``recall@100``.

        Raises:
            FileNotFoundError: If the file does not exist.
            ValueError: If the file lacks a column or a cell is not a number.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f'{path} not found: test the model first, with tools/test.py')
        with path.open(newline='', encoding='utf-8') as file:
            reader = csv.DictReader(file)
            columns, rows = reader.fieldnames or [], list(reader)
        missing = {'predicate', 'train_count', column} - set(columns)
        if missing:
            raise ValueError(f'{path} has no column {sorted(missing)}, but {columns}')
        try:
            counts = np.array([int(row['train_count']) for row in rows], np.int64)
            recall = np.array([float(row[column] or 'nan') for row in rows])
            num_gt = (
                np.array([int(row['num_gt']) for row in rows], np.int64)
                if 'num_gt' in columns
                else None
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f'{path} is damaged: {error}') from error
        order = np.argsort(-counts, kind='stable')
        return cls(
            [rows[i]['predicate'] for i in order],
            counts[order],
            recall[order],
            None if num_gt is None else num_gt[order],
        )


def read_runs(
    runs: Sequence[str], task: str, k: int | str, names: Sequence[str] | None = None
) -> dict[str, PerClassRecall]:
    """Read the recall of several runs, by name.

    Args:
        runs: Each the folder of a test run, or ``FILE.csv:COLUMN`` for a column
            of a table.
        task: The task, for folders.
        k: The K of recall@K, for folders.
        names: Names of the runs. Defaults to :func:`run_names`.

    Raises:
        FileNotFoundError: If a run has no table.
        ValueError: If there is not one name per run or a name occurs twice, or
            the runs have different predicates or training counts, or were tested
            on different images.
    """
    tables = {}
    names = names or run_names(runs)
    if len(names) != len(runs) or len(set(names)) != len(runs):
        raise ValueError(f'{len(runs)} runs need as many different names, got {list(names)}')
    for run, name in zip(runs, names):
        path, _, column = run.rpartition(':')
        table = (
            PerClassRecall.read(path, column)
            if path.endswith('.csv')
            else PerClassRecall.read(Path(run) / f'per_class_recall_{task}.csv', f'recall@{k}')
        )
        for other_run, other in zip(runs, tables.values()):
            _check_same_data(run, table, other_run, other)
        tables[name] = table
    return tables


def _check_same_data(
    run: str, table: PerClassRecall, other_run: str, other: PerClassRecall
) -> None:
    """Check that two tables are of the same data. Raises a ValueError."""
    problem = None
    if (
        list(table.predicates) != list(other.predicates)
        or (table.train_counts != other.train_counts).any()
    ):
        problem = 'have different predicates or training counts'
    elif (
        table.num_gt is not None
        and other.num_gt is not None
        and (table.num_gt != other.num_gt).any()
    ):
        problem = 'were tested on different images or splits'
    if problem:
        raise ValueError(
            f'{run} and {other_run} {problem}: only runs on the same data can be compared'
        )


def recall_thresholds(folder: str | Path, task: str) -> list[str]:
    """Read the K of recall@K that a test run wrote for a task.

    Raises:
        FileNotFoundError: If it has no table.
    """
    path = Path(folder) / f'per_class_recall_{task}.csv'
    if not path.is_file():
        raise FileNotFoundError(f'{path} not found: test the model first, with tools/test.py')
    with path.open(newline='', encoding='utf-8') as file:
        columns = next(csv.reader(file), [])
    return [column.partition('@')[2] for column in columns if column.startswith('recall@')]


def run_names(runs: Sequence[str]) -> list[str]:
    """Return short names of runs: the last folders or the column, all different."""
    return distinct_tails([run.replace('.csv:', '.csv/') for run in runs])
