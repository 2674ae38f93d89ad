"""Print the results of two test runs side by side.

Reads metrics.json and per_class_recall_<task>.csv, as tools/test.py writes
them, from two work directories.
"""
from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

TASKS = ('predcls', 'sgcls', 'sggen')
METRICS = ('mR@20', 'mR@50', 'mR@100', 'mR@all', 'R@20', 'R@50', 'R@100',
           'R@all')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('first', type=Path, help='work directory')
    parser.add_argument('second', type=Path, help='work directory')
    parser.add_argument(
        '--names', nargs=2, metavar='NAME', help="(default: the folders')")
    parser.add_argument(
        '--per-class', default='R@100', choices=METRICS[4:],
        help='recall of the table of predicates (default: R@100)')
    return parser.parse_args()


def read_metrics(work_dir: Path) -> dict[str, float]:
    """The metrics of a run, in percent, by ``task/metric``."""
    path = work_dir / 'metrics.json'
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} not found: test the model first, with tools/test.py')
    return json.loads(path.read_text())


def read_per_class(work_dir: Path, task: str) -> dict[str, dict[str, str]]:
    """Rows of a task's table by predicate, most frequent first."""
    path = work_dir / f'per_class_recall_{task}.csv'
    with path.open(newline='') as file:
        return {row['predicate']: row for row in csv.DictReader(file)}


def difference(first: float, second: float) -> str:
    colour = 'green' if second > first else 'red' if second < first else ''
    text = f'{second - first:+.2f}'
    return f'[{colour}]{text}[/]' if colour else text


def summary_table(task: str, runs: list[dict[str, float]],
                  names: list[str]) -> Table:
    """One row a metric: both runs and the difference."""
    table = Table(title=f'{task} (%)', box=box.SIMPLE_HEAD)
    table.add_column('')
    for name in (*names, 'difference'):
        table.add_column(name, justify='right')
    for metric in METRICS:
        first, second = (run[f'{task}/{metric}'] for run in runs)
        table.add_row(metric, f'{first:.2f}', f'{second:.2f}',
                      difference(first, second))
    return table


def per_class_table(work_dirs: list[Path], names: list[str], task: str,
                    metric: str) -> Table:
    """One row a predicate, most frequent first: both runs, the difference."""
    column = metric.replace('R@', 'recall@')
    table = Table(
        title=f'{task}: {metric} of each predicate (%)', box=box.SIMPLE_HEAD)
    table.add_column('predicate')
    for name in ('train', 'test', *names, 'difference'):
        table.add_column(name, justify='right')
    runs = [read_per_class(work_dir, task) for work_dir in work_dirs]
    for predicate, row in runs[0].items():
        first, second = (run[predicate][column] for run in runs)
        recall = ('-', '-', '-') if first == '' else (
            f'{float(first):.2f}', f'{float(second):.2f}',
            difference(float(first), float(second)))
        table.add_row(predicate, row['train_count'], row['num_gt'], *recall)
    return table


def main() -> None:
    args = parse_args()
    work_dirs = [args.first, args.second]
    names = args.names or [work_dir.name for work_dir in work_dirs]
    runs = [read_metrics(work_dir) for work_dir in work_dirs]
    tasks = [task for task in TASKS
             if all(f'{task}/R@20' in run for run in runs)]
    if not tasks:
        raise ValueError(f'{args.first} and {args.second} have no task in '
                         'common: test both with the same --tasks')
    console = Console()
    for task in tasks:
        console.print(per_class_table(work_dirs, names, task, args.per_class))
    for task in tasks:
        console.print(summary_table(task, runs, names))


if __name__ == '__main__':
    main()
