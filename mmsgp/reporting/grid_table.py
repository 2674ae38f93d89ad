"""Tables of a grid of models: means over seeds, with published figures.

A table maps each method to its entries, one per task and K, each a dict of
``metric``, ``seeds``, ``mean``, ``std`` and ``paper``.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmsgp.structures.tasks import TASK_TITLES, TASKS

# The hardest task first, as the paper's tables have it.
TITLES = {task: TASK_TITLES[task] for task in reversed(TASKS)}


def read_paper(path: Path) -> dict[str, dict[str, str]]:
    """Read published figures by method; empty if the file does not exist."""
    if not path.is_file():
        return {}
    with path.open(newline='') as file:
        return {row.pop('method'): row for row in csv.DictReader(file)}


def summarise(
    runs: Sequence[Mapping[str, float]],
    topk: Sequence[str],
    paper: Mapping[str, str],
    metrics: Sequence[str] = ('mR',),
) -> list[dict]:
    """Make the entries of a method, task by task.

    Args:
        runs: Metrics of each seed, by ``task/mR@K``, in percent.
        topk: K of the columns.
        paper: Published figures, by ``task_mR@K``.
        metrics: Names of the metrics. Defaults to mR alone.

    Returns:
        list[dict]: Mean and sample standard deviation of each metric over the seeds
        that have it; None if they are too few.
    """
    entries = []
    for task, title in TITLES.items():
        for key in (f'{metric}@{k}' for metric in metrics for k in topk):
            values = [run[f'{task}/{key}'] for run in runs if f'{task}/{key}' in run]
            entries.append(
                dict(
                    metric=f'{title} {key}',
                    seeds=len(values),
                    mean=statistics.fmean(values) if values else None,
                    std=statistics.stdev(values) if len(values) > 1 else None,
                    paper=paper.get(f'{task}_{key}') or None,
                )
            )
    return entries


def entry_text(entry: dict) -> str:
    """Format mean, standard deviation of several seeds, and paper in brackets."""
    text = '-' if entry['mean'] is None else f'{entry["mean"]:.2f}'
    if entry['std'] is not None:
        text += f' ± {entry["std"]:.2f}'
    return f'{text} ({entry["paper"]})' if entry['paper'] else text


def markdown(table: dict[str, list[dict]]) -> str:
    """Format the table with one row per method and one column per metric."""
    first = next(iter(table.values()))
    lines = [
        ['method', 'seeds', *(entry['metric'] for entry in first)],
        ['---', *['--:'] * (1 + len(first))],
    ]
    lines += [
        [method, str(entries[0]['seeds']), *map(entry_text, entries)]
        for method, entries in table.items()
    ]
    return ''.join('| ' + ' | '.join(line) + ' |\n' for line in lines)


def csv_rows(table: dict[str, list[dict]]) -> list[list]:
    """Return the rows of a CSV file, one per method and metric."""
    first = next(iter(table.values()))[0]
    return [
        ['method', *first],
        *([method, *entry.values()] for method, entries in table.items() for entry in entries),
    ]
