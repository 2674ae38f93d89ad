"""Reduce an image and its predictions to ranks.

Shape shorthand: M relations, annotated or predicted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mmsgp.structures.tasks import METRIC_TASKS

from .functional import (
    NO_HIT,
    GraphArrays,
    ObjectMatcher,
    PhraseMatcher,
    RankedEntries,
    first_of_each_pair,
    relation_nms,
    to_numpy,
    unconstrained_entries,
)
from .functional.open_images import DETECTIONS, detect, keep_two_of_each_pair
from .image_ranks import ImageKey, ImageRanks, TaskRanks
from .presets import Preset

# Other metric tasks are matched by objects.
MATCHERS = {'phrdet': PhraseMatcher}
# Tasks in which relation NMS is used.
NMS_TASKS = ('predcls', 'sgcls')


class _Constrained(NamedTuple):
    """Predictions under the graph constraint, best first."""

    pair_ids: np.ndarray
    predicates: np.ndarray


class ImageMatcher:
    """Matches the predictions of an image with its annotations.

    Args:
        iou_thr: The least IoU of a matched box.
        ng_limit: Predictions that are ranked without the graph constraint.
        with_ng: Whether to rank them.
        preset: The protocol.
        is_unseen: Which annotated triplets (M, 3) of subject class, object class and
            predicate count as unseen: (M,) bool. Defaults to None: as annotated.

    Attributes:
        frequency: (C+1, C+1, R) share of each predicate given the two classes in training,
            for the frequency baseline. Defaults to None: no baseline.
    """

    def __init__(
        self,
        iou_thr: float,
        ng_limit: int,
        with_ng: bool,
        preset: Preset,
        is_unseen: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.iou_thr, self.ng_limit, self.with_ng = iou_thr, ng_limit, with_ng
        self.preset, self.is_unseen = preset, is_unseen
        self.frequency: np.ndarray | None = None

    def __call__(self, sample: dict) -> ImageRanks:
        """Return the image's relations and their ranks.

        Args:
            sample: As of ``SceneGraphDataSample.to_dict``.

        Raises:
            KeyError: If it has no annotated or no predicted graph.
            ValueError: If a graph is not finite, not sorted or refers to objects that
                do not exist.
        """
        key = ImageKey.of(sample)
        for field in ('gt_scene_graph', 'pred_scene_graphs'):
            if not sample.get(field):
                raise KeyError(
                    f'SceneGraphMetric needs {field!r} of every sample, but {key} '
                    f'has none; it has {sorted(sample)}.'
                )
        annotated = sample['gt_scene_graph']
        gt = GraphArrays.from_dict(annotated)
        gt.check(f'annotation of {key}')
        unseen = annotated['relations'].get('unseen')
        if unseen is not None:
            unseen = to_numpy(unseen, bool)
        if self.is_unseen is not None:
            unseen = self.is_unseen(np.column_stack([gt.labels[gt.pairs], gt.predicates]))
        if self.preset.distinct_relations:
            triplets = np.column_stack([gt.pair_ids, gt.predicates])
            rows = np.sort(np.unique(triplets, axis=0, return_index=True)[1])
            gt = gt._replace(
                pairs=gt.pairs[rows], pair_ids=gt.pair_ids[rows], predicates=gt.predicates[rows]
            )
            unseen = None if unseen is None else unseen[rows]
        gt = self._with_pixels(gt)
        tasks, predictions, detections, baseline = {}, {}, {}, {}
        for task, graph in sample['pred_scene_graphs'].items():
            name = f'{task} prediction of {key}'
            pred = GraphArrays.from_dict(graph)
            _check_prediction(pred, graph, name)
            pred = self._with_pixels(pred)
            constrained, scores = self._constrain(task, pred, graph, name)
            guessed = self._guess(pred, graph, constrained.pair_ids)
            entries = None
            if self.with_ng:
                entries = unconstrained_entries(pred, graph, self.ng_limit, name)
            for metric_task in METRIC_TASKS.get(task, (task,)):
                match = MATCHERS.get(metric_task, ObjectMatcher)(gt, pred, self.iou_thr)
                tasks[metric_task] = _rank(match, constrained, pred, entries)
                if self.frequency is not None:
                    baseline[metric_task] = match.triplet_ranks(*guessed).astype(np.int32)
                if scores is not None:
                    predictions[metric_task] = len(scores), scores[: self.ng_limit].copy()
            if self.preset.open_images:
                detections[task] = self._detect(gt, pred, graph, name)
        return ImageRanks.pack(
            key,
            gt.predicates,
            _first_of_pair(gt.pair_ids),
            tasks,
            unseen,
            predictions,
            detections or None,
            baseline or None,
        )

    def _with_pixels(self, graph: GraphArrays) -> GraphArrays:
        """Move the end of each box behind its last pixel, if the protocol does."""
        if not self.preset.whole_pixels:
            return graph
        return graph._replace(bboxes=graph.bboxes + [0, 0, 1, 1])

    def _constrain(
        self, task: str, pred: GraphArrays, graph: dict, name: str
    ) -> tuple[_Constrained, np.ndarray | None]:
        """Return the best prediction of each pair, best first, and their scores."""
        rows, predicates = first_of_each_pair(pred.pair_ids), pred.predicates
        if self.preset.relation_nms is not None and task in NMS_TASKS and len(pred.pairs):
            distribution = self._distribution(graph, name)
            subjects = to_numpy(graph['objects']['scores'], np.float64)[pred.pairs[:, 0]]
            rows, given = relation_nms(pred, distribution, subjects, self.preset.relation_nms)
            predicates = predicates.copy()
            predicates[rows] = given
        scores = graph['relations'].get('scores')
        scores = None if scores is None else to_numpy(scores, np.float32)
        if rows is None:
            return _Constrained(pred.pair_ids, predicates), scores
        return (
            _Constrained(pred.pair_ids[rows], predicates[rows]),
            None if scores is None else scores[rows],
        )

    def _guess(self, pred: GraphArrays, graph: dict, pair_ids: np.ndarray) -> _Constrained | None:
        """Predict the pairs of a prediction by the frequency of predicates alone."""
        if self.frequency is None:
            return None
        pairs = np.stack(np.divmod(pair_ids, max(len(pred.labels), 1)), axis=1)
        shares = self.frequency[tuple(pred.labels[pairs].T)]  # (M, R)
        scores = shares.max(axis=1, initial=0)
        if 'scores' in graph['objects']:
            scores = scores * to_numpy(graph['objects']['scores'], np.float64)[pairs].prod(axis=1)
        # Of equal scores the pair with the lower indices comes first.
        order = np.lexsort((pair_ids, -scores))
        return _Constrained(pair_ids[order], 1 + shares.argmax(axis=1)[order])

    def _distribution(self, graph: dict, name: str) -> np.ndarray:
        if 'distribution' not in graph['relations']:
            raise ValueError(
                f'The {name} has no relations.distribution, which relation NMS needs and files '
                'of predictions do not hold: test the model again with this preset.'
            )
        return to_numpy(graph['relations']['distribution'], np.float32)

    def _detect(self, gt: GraphArrays, pred: GraphArrays, graph: dict, name: str) -> tuple:
        """Match the detections of Open Images."""
        limit = len(pred.pairs) * 1000  # all of them
        entries = unconstrained_entries(pred, graph, limit, name)
        if entries is None:
            raise ValueError(
                f'The {name} has no relations.distribution, which the preset openimages needs.'
            )
        kept = keep_two_of_each_pair(entries)
        if 'unconstrained' in graph and len(kept) < min(DETECTIONS, 2 * len(pred.pairs)):
            enough = len(entries.scores) and entries.scores[-1] <= 1e-5
            if not enough:
                raise ValueError(
                    f'The {name} has {len(entries.rows)} predictions in the file, too few for '
                    'the preset openimages: write it with test_evaluator.ng_limit=1000000'
                )
        entries = RankedEntries(*(values[kept] for values in entries))
        ranks = ObjectMatcher(gt, pred, self.iou_thr).triplet_ranks(
            pred.pair_ids[entries.rows], entries.predicates
        )
        return detect(gt, pred, entries, int((ranks < 50).sum()))


def _rank(
    match: ObjectMatcher | PhraseMatcher,
    constrained: _Constrained,
    pred: GraphArrays,
    entries: RankedEntries | None,
) -> TaskRanks:
    """Return the ranks of a task."""
    ranks = match(*constrained)
    return TaskRanks(
        triplet=ranks.triplet,
        pair=ranks.pair,
        unconstrained=None
        if entries is None
        else match.triplet_ranks(pred.pair_ids[entries.rows], entries.predicates),
        predicted=_predicates_at(ranks.pair, constrained.predicates),
    )


def _first_of_pair(pair_ids: np.ndarray) -> np.ndarray:
    """Return (M,) bool, whether no earlier relation has the same pair."""
    first = first_of_each_pair(pair_ids)
    if first is None:
        return np.ones(len(pair_ids), bool)
    is_first = np.zeros(len(pair_ids), bool)
    is_first[first] = True
    return is_first


def _predicates_at(ranks: np.ndarray, predicates: np.ndarray) -> np.ndarray:
    """Return the predicates (M,) predicted at these ranks, 0 for ``NO_HIT``."""
    found = ranks != NO_HIT
    predicted = np.zeros(len(ranks), np.int64)
    predicted[found] = predicates[ranks[found]]
    return predicted


def _check_prediction(pred: GraphArrays, graph: dict, name: str) -> None:
    """Check that a prediction is finite and sorted. Raises a ValueError.

    Args:
        pred: A predicted graph.
        graph: The same, as ``SceneGraph.to_dict`` gives it.
        name: Name of the prediction, for the message.
    """
    pred.check(name)
    for part, field in (
        ('objects', 'scores'),
        ('relations', 'scores'),
        ('relations', 'significance'),
        ('relations', 'weights'),
    ):
        if field in graph[part]:
            values = to_numpy(graph[part][field], np.float32)
            if not np.isfinite(values).all():
                raise ValueError(
                    f'The {name} has {(~np.isfinite(values)).sum()} NaN or '
                    f'infinite {part[:-1]} {field} of {len(values)}.'
                )
    if 'scores' in graph['relations'] and len(pred.pairs):
        scores = to_numpy(graph['relations']['scores'], np.float32)
        # Last digits may be out of order where logits were sorted, not scores.
        if (scores[1:] > scores[:-1]).any() and (
            scores > np.minimum.accumulate(scores) + 1e-3 * np.abs(scores)
        ).any():
            raise ValueError(f'The relations of the {name} are not sorted by score, best first.')
