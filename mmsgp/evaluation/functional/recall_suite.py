"""All metrics of a task, from ranks.

Shape shorthand: K thresholds, R predicates, B weightings of the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmsgp.evaluation.presets import get_preset
from mmsgp.evaluation.relation_ranks import RelationRanks

from .matching import NO_HIT
from .open_images import open_images_metrics
from .precision import precision_at_k
from .recall import (
    Mean,
    exact_mean,
    harmonic_mean,
    mean_over_predicates,
    predicate_accuracy,
    predicate_recall_at_k,
    recall_at_k,
)

DESCRIPTIONS = {
    'R': 'recall',
    'mR': 'mean recall over predicates',
    'F': 'harmonic mean of R and mR',
    'head-mR': 'mean recall over frequent predicates',
    'body-mR': 'mean recall over predicates between',
    'tail-mR': 'mean recall over rare predicates',
    'ng-R': 'recall without graph constraint',
    'ng-mR': 'mean recall without graph constraint',
    'zR': 'recall of triplets unseen in training',
    'ng-zR': 'the same without graph constraint',
    'PR': 'recall of pairs, whatever the predicate',
    'A': "share of relations whose pair's best prediction is right",
    'mA': 'mean of the same over predicates',
    'P': 'share of predictions that are annotated',
}
METRIC_NAMES = tuple(DESCRIPTIONS)
GROUPS = ('head', 'body', 'tail')
GROUP_THRESHOLDS = {'vg150': (10_000, 500)}


@dataclass(frozen=True, eq=False)
class TaskMetrics:
    """Metrics of a task.

    Attributes:
        values: ``'mR@20'`` and so on, in [0, 1]: () or, for B weightings of the
            images, (B,).
        recall: (K, R), or (B, K, R), of each predicate.
    """

    values: dict[str, np.ndarray]
    recall: np.ndarray


def evaluate_task(
    relations: RelationRanks,
    task: str,
    topk: Sequence[int | str] = (20, 50, 100, 'all'),
    metrics: Sequence[str] = METRIC_NAMES,
    groups: str | Sequence[int] = 'thirds',
    mean: Mean = exact_mean,
) -> TaskMetrics:
    """Compute what the ranks of a task allow.

    Metrics without the graph constraint need their ranks, zero-shot recall needs
    the unseen triplets, and groups need the training counts; without these, they
    are left out. A metric over nothing is NaN. What is averaged depends on the ranks'
    :mod:`preset <mmsgp.evaluation.presets>`.

    Args:
        relations: Annotated relations and their ranks.
        task: One of its tasks.
        topk: The thresholds; ``'all'`` counts every hit.
        metrics: Some of :data:`METRIC_NAMES`. Defaults to all.
        groups: See :func:`predicate_groups`.
        mean: Mean over images. Defaults to :func:`exact_mean`.
    """
    preset = get_preset(relations.preset)
    annotated = relations.predicates
    if preset.skip_unpredicted:
        relations = relations.of_predicted_images(task)
    ranks = relations.tasks[task]
    images, num_predicates = relations.images, len(relations.names)

    def by_predicate(of: np.ndarray) -> np.ndarray:
        return predicate_recall_at_k(
            of, images, relations.predicates, topk, num_predicates, mean, preset.pooled
        )

    def over_predicates(recall: np.ndarray) -> np.ndarray:
        return mean_over_predicates(recall, preset.absent_as_zero)

    def recall(of: np.ndarray, chosen: np.ndarray | slice) -> np.ndarray:
        return recall_at_k(of[chosen], images[chosen], topk, mean)

    everything = slice(None)
    predicate_recall = by_predicate(ranks.triplet)
    curves = dict(
        R=recall(ranks.triplet, everything),
        mR=over_predicates(predicate_recall),
        PR=recall(ranks.pair, relations.first_of_pair),
    )
    curves['F'] = harmonic_mean(curves['R'], curves['mR'])
    if relations.train_counts is not None:
        for name, group in predicate_groups(relations.train_counts, groups).items():
            curves[f'{name}-mR'] = over_predicates(predicate_recall[..., group])
    if relations.unseen is not None:
        curves['zR'] = recall(ranks.triplet, relations.unseen)
    if ranks.unconstrained is not None:
        curves['ng-R'] = recall(ranks.unconstrained, everything)
        curves['ng-mR'] = over_predicates(by_predicate(ranks.unconstrained))
        if relations.unseen is not None:
            curves['ng-zR'] = recall(ranks.unconstrained, relations.unseen)

    if 'P' in metrics and task in relations.predictions:
        curves['P'] = precision_at_k(
            ranks.triplet, images, relations.predictions[task].counts, topk, mean
        )

    # The first prediction for the pair is a hit.
    correct = (ranks.triplet == ranks.pair) & (ranks.pair < NO_HIT)
    at_one = dict(
        A=mean(correct[None].astype(np.float64), images),
        mA=over_predicates(
            predicate_accuracy(correct, images, relations.predicates, num_predicates, mean)
        ),
    )

    values = {}
    for name in metrics:
        if name in curves:
            for i, k in enumerate(topk):
                # Ranks beyond ``ng_limit`` were not computed.
                if not name.startswith('ng-') or k == 'all' or k <= relations.ng_limit:
                    values[f'{name}@{k}'] = curves[name][..., i]
        elif name in at_one:
            values[f'{name}@1'] = at_one[name][..., 0]
    if task in relations.detections:
        values.update(
            {
                name: np.float64(value)
                for name, value in open_images_metrics(
                    relations.detections[task], annotated, num_predicates
                ).items()
            }
        )
    return TaskMetrics(values, predicate_recall)


def predicate_groups(
    train_counts: Sequence[int], groups: str | Sequence[int] = 'thirds'
) -> dict[str, np.ndarray]:
    """Split predicates into head, body and tail by training frequency.

    Args:
        train_counts: R numbers of training relations.
        groups: ``'thirds'`` splits the predicates, the most frequent first
            (ties by number), into three groups of equal size, the first ones
            larger by one where R is not a multiple of 3. Two numbers ``(a, b)``
            are thresholds: the head has more than ``a`` relations, the tail
            less than ``b``. ``'vg150'`` are the usual ones on Visual Genome,
            ``(10000, 500)``. Defaults to ``'thirds'``.

    Returns:
        dict[str, ndarray]: (R,) bool for each of ``head``, ``body``, ``tail``.

    Raises:
        ValueError: If ``groups`` has another value.
    """
    counts = np.asarray(train_counts)
    if isinstance(groups, str) and groups == 'thirds':
        order = np.argsort(-counts, kind='stable')
        position = np.empty(len(counts), np.int64)
        position[order] = np.arange(len(counts))
        ends = np.cumsum([len(part) for part in np.array_split(counts, 3)])
        group = np.searchsorted(ends, position, side='right')
    else:
        thresholds = GROUP_THRESHOLDS.get(groups) if isinstance(groups, str) else groups
        if (
            not isinstance(thresholds, Sequence)
            or len(thresholds) != 2
            or thresholds[0] < thresholds[1]
        ):
            raise ValueError(
                f"groups must be 'thirds', one of {sorted(GROUP_THRESHOLDS)} "
                'or two counts, the one of the head first; got '
                f'{groups!r}'
            )
        group = np.where(counts > thresholds[0], 0, np.where(counts < thresholds[1], 2, 1))
    return {name: group == i for i, name in enumerate(GROUPS)}
