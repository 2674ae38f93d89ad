"""Report of an evaluation: printed tables, and files.

Shape shorthand: K thresholds, R predicates. Values are in percent throughout.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from rich.markup import escape

from mmsgp.utils.files import replacing, write_csv
from mmsgp.utils.tables import new_table, percent, render
from mmsgp.utils.unwritten import may_be_unwritten

from .functional import (
    DESCRIPTIONS,
    GROUPS,
    TaskMetrics,
    ThresholdCurve,
    evaluate_task,
    predicate_groups,
    threshold_curve,
)
from .image_ranks import TaskRanks
from .presets import get_preset
from .relation_ranks import RANKS_FILE, RelationRanks


@dataclass(frozen=True, eq=False)
class RecallReport:
    """Metrics of all tasks, and the relations they were measured on.

    Args:
        relations: The evaluated relations.
        tasks: The result by task.
        topk: K thresholds.
        wanted: Names of the requested metrics.
        groups: See :func:`~mmsgp.evaluation.functional.predicate_groups`.
    """

    relations: RelationRanks
    tasks: dict[str, TaskMetrics]
    topk: Sequence[int | str]
    wanted: Sequence[str]
    groups: str | Sequence[int] = 'thirds'

    @cached_property
    def metrics(self) -> dict[str, float]:
        """dict[str, float]: ``<task>/<metric>@<k>``."""
        return {
            f'{task}/{name}': 100 * float(value)
            for task, result in self.tasks.items()
            for name, value in result.values.items()
        }

    @cached_property
    def thresholds(self) -> dict[str, ThresholdCurve]:
        """dict[str, ThresholdCurve]: Precision and recall over scores, by task."""
        if 'P' not in self.wanted:
            return {}
        curves = {
            task: threshold_curve(
                self.relations.tasks[task].triplet, self.relations.images, predictions
            )
            for task, predictions in self.relations.predictions.items()
        }
        return {task: curve for task, curve in curves.items() if curve is not None}

    @cached_property
    def baseline(self) -> dict[str, float]:
        """dict[str, float]: R, mR and F of the frequency baseline."""
        result = {}
        for task, ranks in self.relations.baseline.items():
            relations = replace(
                self.relations, tasks={task: TaskRanks(ranks, ranks)}, unseen=None, detections={}
            )
            values = evaluate_task(relations, task, self.topk, ('R', 'mR', 'F')).values
            result |= {f'{task}/frequency-{key}': 100 * float(v) for key, v in values.items()}
        return result

    def render(self, classwise: bool = True) -> str:
        """Return all tables and notes as text.

        Args:
            classwise: Whether to include the tables of predicates.
        """
        parts = [self._render_predicates(task) for task in self.tasks] if classwise else []
        parts += [self._render_metrics(task) for task in self.tasks]
        return '\n'.join([*parts, *self._notes()])

    def write(self, folder: Path) -> None:
        """Write all metrics, tables of each task, and the ranks.

        Within :func:`~mmsgp.utils.unwritten.collecting_unwritten` a file that
        cannot be written does not prevent the others.

        ``metrics.json`` has everything, ``metrics_<task>.csv`` the printed
        table, ``per_class_recall_<task>.csv`` that of the predicates, and
        ``thresholds_<task>.csv`` precision and recall over thresholds of the score.

        Args:
            folder: Made if it does not exist.
        """
        content = {
            # JSON has no NaN
            **{key: None if math.isnan(value) else value for key, value in self.metrics.items()},
            **self._best_thresholds(),
            **self.baseline,
            'num_images': self.relations.num_images,
            'num_images_without_relations': self._num_left_out,
            'absent_predicates': self._absent,
        }
        path = folder / 'metrics.json'
        with may_be_unwritten(path), replacing(path) as draft:
            draft.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
        for task in self.tasks:
            for name, rows in (
                ('metrics', self._metric_rows(task)),
                ('per_class_recall', self._predicate_rows(task)),
                ('thresholds', self._threshold_rows(task)),
            ):
                if not rows:
                    continue
                path = folder / f'{name}_{task}.csv'
                with may_be_unwritten(path):
                    write_csv(path, rows)
        with may_be_unwritten(folder / RANKS_FILE):
            self.relations.save(folder / RANKS_FILE)

    @property
    def _num_left_out(self) -> int:
        return len(self.relations.image_ids) - self.relations.num_images

    @cached_property
    def _order(self) -> list[int]:
        """Indices of predicates, most frequent in training first, ties by index."""
        return np.argsort(-self._train_counts, kind='stable').tolist()

    @cached_property
    def _train_counts(self) -> np.ndarray:
        counts = self.relations.train_counts
        return (
            np.zeros(len(self.relations.names), np.int64) if counts is None else np.asarray(counts)
        )

    @cached_property
    def _group_of(self) -> list[str]:
        """Group of each predicate, empty if counts are unknown."""
        if self.relations.train_counts is None:
            return [''] * len(self.relations.names)
        groups = predicate_groups(self.relations.train_counts, self.groups)
        return [
            next(name for name in GROUPS if groups[name][i])
            for i in range(len(self.relations.names))
        ]

    @cached_property
    def _absent(self) -> list[str]:
        num_gt = self.relations.num_gt
        return [self.relations.names[i] for i in self._order if not num_gt[i]]

    def _best_thresholds(self) -> dict[str, float | None]:
        """Return the threshold with the largest F of each task, and what it gives.

        All are None in a task in which nothing hits.
        """
        found = {}
        for task in self.relations.predictions if 'P' in self.wanted else ():
            curve, values = self.thresholds.get(task), [None] * 4
            if curve is not None:
                shares = curve.precision, curve.recall, curve.f
                values = [float(curve.thresholds[curve.best])]
                values += [100 * float(share[curve.best]) for share in shares]
            for suffix, value in zip(('', '_precision', '_recall', '_F'), values):
                found[f'{task}/best_threshold{suffix}'] = value
        return found

    def _threshold_rows(self, task: str) -> list[list]:
        """Return the names of the columns, then about 200 rows and the best."""
        if task not in self.thresholds:
            return []
        curve = self.thresholds[task]
        number = len(curve.thresholds)
        rows = np.unique([*np.linspace(0, number - 1, 200).astype(int), curve.best])
        columns = [curve.thresholds, 100 * curve.precision, 100 * curve.recall, 100 * curve.f]
        return [
            ['threshold', 'precision', 'recall', 'F'],
            *([float(column[i]) for column in columns] for i in rows),
        ]

    def _predicate_rows(self, task: str) -> list[list]:
        """Return the names of the columns, then one row per predicate."""
        num_gt = self.relations.num_gt
        return [
            ['predicate_id', 'predicate', 'train_count', 'num_gt']
            + [f'recall@{k}' for k in self.topk],
            *(
                [
                    i + 1,
                    self.relations.names[i],
                    self._train_counts[i],
                    num_gt[i],
                    *(100 * self.tasks[task].recall[:, i]).tolist(),
                ]
                for i in self._order
            ),
        ]

    def _metric_rows(self, task: str) -> list[list]:
        """Return the names of the columns, then one row per metric.

        A value is None if the metric is not defined for the threshold.
        """
        values = self.tasks[task].values
        columns = [str(k) for k in self.topk]
        if any(name.endswith('@1') for name in values) and '1' not in columns:
            columns.insert(0, '1')
        rows = [['metric', *(f'@{column}' for column in columns)]]
        for name in self.wanted:
            row = [values.get(f'{name}@{column}') for column in columns]
            if any(value is not None for value in row):
                rows.append(
                    [name, *(None if value is None else 100 * float(value) for value in row)]
                )
        return rows

    def _render_predicates(self, task: str) -> str:
        table = new_table(
            f'{task}: recall of each predicate (%)',
            'predicate',
            'group',
            'train',
            'gt',
            *(f'R@{k}' for k in self.topk),
        )
        num_gt = self.relations.num_gt
        for i in self._order:
            table.add_row(
                escape(self.relations.names[i]),
                self._group_of[i],
                str(self._train_counts[i]),
                str(num_gt[i]),
                *(percent(value) for value in 100 * self.tasks[task].recall[:, i]),
            )
        return render(table)

    def _render_metrics(self, task: str) -> str:
        (_, *columns), *rows = self._metric_rows(task)
        table = new_table(f'{task} (%)', 'metric', *columns)
        table.add_column('')
        for name, *values in rows:
            table.add_row(
                name,
                *('' if value is None else percent(value) for value in values),
                DESCRIPTIONS[name],
            )
        return render(table)

    def _notes(self) -> list[str]:
        relations = self.relations
        notes = [
            f'Evaluated {relations.num_images} images; skipped '
            f'{self._num_left_out} without annotated relations.'
        ]
        preset = get_preset(relations.preset)
        if self._absent:
            notes.append(
                f'Predicates {"that count 0 in" if preset.absent_as_zero else "left out of"} mR@K '
                'because this split has no relation of them: '
                f'{len(self._absent)} of {len(relations.names)} ({", ".join(self._absent)}).'
            )
        if preset.skip_unpredicted:
            for task in self.tasks:
                evaluated = relations.of_predicted_images(task).num_images
                if evaluated < relations.num_images:
                    notes.append(
                        f'{task}: {relations.num_images - evaluated} images without predictions '
                        'are left out.'
                    )
        if relations.unseen is not None and 'zR' in self.wanted:
            notes.append(
                'Relations whose triplet never occurs in training: '
                f'{relations.unseen.sum()} of {len(relations.unseen)}.'
            )
        if relations.train_counts is None:
            notes.append(
                "The data set gives no 'predicate_train_counts'; predicates are sorted by index."
            )
        if relations.preset != 'mmsgp':
            notes.append(
                f'Protocol: {relations.preset}. Figures of other protocols are not comparable.'
            )
        for task in relations.baseline:
            values = ', '.join(
                f'{name}@{k} {self.baseline[f"{task}/frequency-{name}@{k}"]:.2f}'
                for name in ('R', 'mR')
                for k in self.topk
            )
            notes.append(f'{task}: the frequency baseline, on the same pairs, has {values} %.')
        for task in self.thresholds:
            best, *values = (
                value
                for key, value in self._best_thresholds().items()
                if key.startswith(f'{task}/')
            )
            notes.append(
                f'{task}: of the thresholds of the score, {best:.4g} has the largest F: '
                'precision {:.2f}, recall {:.2f}, F {:.2f} %, of all images together.'.format(
                    *values
                )
            )
        for task, result in self.tasks.items():
            open_images = [n for n in result.values if n.startswith(('OI-', 'wmAP'))]
            if open_images:
                values = (f'{n} {100 * float(result.values[n]):.2f}' for n in open_images)
                notes.append(f'{task}, Open Images (%): {", ".join(values)}.')
            computed = {name.split('@')[0] for name in result.values}
            missing = [name for name in self.wanted if name not in computed]
            if missing:
                notes.append(
                    f'{task}: {", ".join(missing)} left out: see '
                    'SceneGraphMetric for the data that they need.'
                )
        return notes
