"""Choose what of a predicted graph comes out.

Shape shorthand: N objects, M relations, R predicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

import torch
from mmengine.structures import InstanceData

from mmsgp.structures import SceneGraph
from mmsgp.structures.ranking import (
    RANKINGS,
    check_ranking,
    pair_weights,
    relation_scores,
)


@dataclass(frozen=True)
class GraphSelection:
    """The objects, predicates and scores of a predicted graph that come out.

    Args:
        rank_by: The score of relations, by which they are sorted, one of
            :data:`~mmsgp.structures.ranking.RANKINGS`. Defaults to None: as the
            model ranks them.
        predicates_per_pair: Predicates of a pair of objects that become relations, the
            most probable ones. With more than one, the score of a relation is
            the weight of its pair times the probability of its predicate.
            Defaults to 1.
        object_score_thr: Lowest score of objects to keep. Defaults to 0.0.
        top_objects: Number of objects to keep, of the highest scores. Defaults to
            None: all.

    Raises:
        ValueError: If a value is of the wrong kind or out of range.
    """

    rank_by: str | None = None
    predicates_per_pair: int = 1
    object_score_thr: float = 0.0
    top_objects: int | None = None

    def __post_init__(self) -> None:
        if self.rank_by is not None and self.rank_by not in RANKINGS:
            raise ValueError(f'rank_by must be one of {tuple(RANKINGS)}, got {self.rank_by!r}')
        check_positive(predicates_per_pair=self.predicates_per_pair)
        if self.top_objects is not None:
            check_positive(top_objects=self.top_objects)
        thr = self.object_score_thr
        if not isinstance(thr, Real) or not 0 <= thr <= 1:
            raise ValueError(f'object_score_thr must be a number from 0 to 1, got {thr!r}')

    @property
    def selects_objects(self) -> bool:
        return self.object_score_thr > 0 or self.top_objects is not None

    def __call__(self, graph: SceneGraph) -> SceneGraph:
        """Select from a predicted graph.

        Raises:
            ValueError: If ``rank_by`` needs a Scorer and the model has none, or the
                model has fewer than ``predicates_per_pair`` predicates.
        """
        if self.selects_objects:
            graph = _keep_objects(graph, self.object_score_thr, self.top_objects)
        if self.rank_by is not None:
            graph = _rank(graph, self.rank_by)
        if self.predicates_per_pair > 1:
            graph = _expand(graph, self.predicates_per_pair)
        return graph


def check_positive(**values: int) -> None:
    """Check that values are whole numbers of at least 1.

    Raises:
        ValueError: If one is not. The message names it.
    """
    for name, value in values.items():
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f'{name} must be a whole number of at least 1, got {value}')


def probabilities(graph: SceneGraph) -> torch.Tensor:
    """P(subject) x P(predicate) x P(object) of each relation: (M,), float64."""
    return _pair_scores(graph) * graph.relations.predicate_scores.double()


def _pair_scores(graph: SceneGraph) -> torch.Tensor:
    return graph.objects.scores.double()[graph.relations.pairs].prod(dim=1)


def _keep_objects(graph: SceneGraph, score_thr: float, number: int | None) -> SceneGraph:
    """Keep the best objects, in their order, and the relations between them."""
    scores = graph.objects.scores
    kept = scores >= score_thr
    if number is not None:
        best = scores.argsort(descending=True, stable=True)[:number]
        kept &= torch.zeros_like(kept).index_fill(0, best, True)
    position = kept.cumsum(0) - 1
    relations = graph.relations[kept[graph.relations.pairs].all(dim=1)]
    relations.pairs = position[relations.pairs]
    return SceneGraph(metainfo=graph.metainfo, objects=graph.objects[kept], relations=relations)


def _rank(graph: SceneGraph, rank_by: str) -> SceneGraph:
    """Sort the relations by another score."""
    relations = graph.relations
    significance = relations.get('significance')
    check_ranking(rank_by, with_scorer=significance is not None)
    objects, predicates = _pair_scores(graph), relations.predicate_scores.double()
    scores = relation_scores(rank_by, objects, predicates, significance)
    order = scores.argsort(descending=True, stable=True)
    weights = pair_weights(rank_by, objects, significance)
    relations = relations[order]
    relations.scores = scores[order].to(relations.scores)
    relations.weights = weights[order].to(relations.scores)
    return SceneGraph(metainfo=graph.metainfo, objects=graph.objects, relations=relations)


def _expand(graph: SceneGraph, number: int) -> SceneGraph:
    """Make a relation of each of the ``number`` best predicates of each pair."""
    relations = graph.relations
    num_predicates = relations.distribution.shape[1] - 1
    if number > num_predicates:
        raise ValueError(
            f'predicates_per_pair is {number}, but the model has {num_predicates} predicates'
        )
    probability, predicates = relations.distribution[:, 1:].topk(number, dim=1)  # (M, number)
    scores = (relations.weights[:, None].double() * probability).flatten()
    order = scores.argsort(descending=True, stable=True)
    rows = order // number
    changed = dict(
        labels=predicates.flatten()[order] + 1,
        predicate_scores=probability.flatten()[order],
        scores=scores[order].to(relations.scores),
    )
    fields = {key: value[rows] for key, value in relations.items()} | changed
    return SceneGraph(
        metainfo=graph.metainfo, objects=graph.objects, relations=InstanceData(**fields)
    )
