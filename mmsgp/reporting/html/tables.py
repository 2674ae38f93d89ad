"""Tables that compare the runs of a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.config import Config

from mmsgp.reporting.per_class_recall import read_runs, recall_thresholds
from mmsgp.reporting.runs import ReportedRun


def metric_table(runs: Sequence[ReportedRun], task: str) -> dict:
    """Make a task's table: per metric one row per run, one column per threshold.

    Returns:
        dict: ``columns``, the thresholds, and ``metrics``: by name and run the
        cells, each a dict of ``key``, ``value`` and ``best``, whether it is the
        best of different values; None if a metric has no such threshold.
    """
    keys = dict.fromkeys(key for run in runs for key in run.metrics if key.startswith(f'{task}/'))
    names = [key.split('/')[1].split('@') for key in keys]
    columns = sorted(
        {column for _, column in names}, key=lambda column: (column == 'all', column.zfill(9))
    )

    def cell(run: ReportedRun, key: str) -> dict | None:
        if key not in keys:
            return None
        value = run.metrics.get(key)
        others = [other.metrics.get(key) for other in runs]
        known = [other for other in others if other is not None]
        return dict(key=key, value=value, best=value in known and value == max(known) > min(known))

    return dict(
        columns=columns,
        metrics={
            name: [[cell(run, f'{task}/{name}@{column}') for column in columns] for run in runs]
            for name in dict.fromkeys(name for name, _ in names)
        },
    )


def per_class_data(runs: Sequence[ReportedRun], tasks: Sequence[str]) -> dict:
    """Return the data of the interactive chart, ready for JSON.

    Raises:
        ValueError: If the data or all thresholds of the runs differ.
    """
    recall = {}
    for task in tasks:
        recall[task] = {}
        for k in _common_thresholds(runs, task):
            tables = read_runs(
                [str(run.folder) for run in runs], task, k, [run.name for run in runs]
            )
            recall[task][k] = [
                [None if np.isnan(value) else value for value in table.recall.tolist()]
                for table in tables.values()
            ]
    first = next(iter(tables.values()))
    return dict(
        predicates=list(first.predicates),
        train_counts=first.train_counts.tolist(),
        num_gt=first.num_gt.tolist(),
        runs=[run.name for run in runs],
        recall=recall,
    )


def _common_thresholds(runs: Sequence[ReportedRun], task: str) -> list[str]:
    first, *others = [recall_thresholds(run.folder, task) for run in runs]
    common = [k for k in first if all(k in other for other in others)]
    if not common:
        raise ValueError(
            f'{task}: the runs have no K of recall@K in common; test them with the same topk'
        )
    return common


def config_differences(configs: Sequence[Config | None]) -> list[list[str]]:
    """List the settings that differ between configs, one row each.

    Returns:
        list[list[str]]: The key and its value in each config, empty where it
        is not set.
    """
    flat = [{} if config is None else _flatten(config.to_dict()) for config in configs]
    keys = dict.fromkeys(key for settings in flat for key in settings)
    rows = [[key, *(settings.get(key, '') for settings in flat)] for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def _flatten(value, key: str = '') -> dict[str, str]:
    if isinstance(value, dict) and value:
        parts = value.items()
    elif isinstance(value, (list, tuple)) and any(isinstance(part, dict) for part in value):
        parts = enumerate(value)
    else:
        return {key: repr(value)}
    return {
        name: text
        for part, inner in parts
        for name, text in _flatten(inner, f'{key}.{part}' if key else str(part)).items()
    }
