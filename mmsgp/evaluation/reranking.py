"""Rank predicted relations in another order, without running the model again.

Shape shorthand: M relations.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmsgp.structures.ranking import (
    RANKINGS,
    pair_weights,
    relation_scores,
    same_weights,
)


def with_other_weights(graph: dict) -> dict[str, dict]:
    """Return a prediction, and copies with the pair weights of other orders.

    Args:
        graph: A prediction as ``SceneGraph.to_dict`` gives it.

    Returns:
        dict: ``''`` to the graph as it is and, if it has the fields that other
        orders need, ``'_<order>'`` to a copy with the ``weights`` of that order;
        of orders with the same weights only the first.
    """
    graphs = {'': graph}
    if 'unconstrained' in graph:  # from a file, without distributions
        return graphs | {
            key.removeprefix('unconstrained'): {**graph, 'unconstrained': entries}
            for key, entries in graph.items()
            if key.startswith('unconstrained_')
        }
    if _missing(graph, 'significance'):  # only one order is possible
        return graphs
    objects, significance = _pair_scores(graph), graph['relations']['significance']
    for rank_by in dict.fromkeys(map(same_weights, RANKINGS)):
        weights = pair_weights(rank_by, objects, significance.double()).float()
        graphs[f'_{rank_by}'] = {**graph, 'relations': {**graph['relations'], 'weights': weights}}
    return graphs


def rerank(graph: dict, rank_by: str) -> dict:
    """List the relations of a prediction in another order.

    Order and scores equal those of a model with this ``rank_by``. Of equal scores
    the pair with the lower object indices comes first, as in the model.

    Args:
        graph: A prediction of a :class:`~.prediction_file.PredictionFile`,
            with ``predicate_scores`` and, for some orders, ``significance``.
        rank_by: One of :data:`~mmsgp.structures.ranking.RANKINGS`.

    Returns:
        dict: The prediction, its relations sorted.

    Raises:
        ValueError: If the order is unknown, or the prediction lacks a field
            that it needs.
    """
    if rank_by not in RANKINGS:
        raise ValueError(f'rank_by must be one of {tuple(RANKINGS)}, got {rank_by!r}')
    relations = graph['relations']
    if not len(relations['labels']):
        return graph
    missing = _missing(graph, rank_by)
    if missing:
        raise ValueError(
            f'rank_by={rank_by!r} needs {" and ".join(missing)}, which the '
            'predictions do not have: a model without Scorer or an earlier '
            'version wrote them. Write them again with tools/test.py --out'
        )
    significance = relations.get('significance')
    scores = relation_scores(
        rank_by,
        _pair_scores(graph),
        relations['predicate_scores'].double(),
        None if significance is None else significance.double(),
    )
    pairs = relations['pairs']
    order = torch.from_numpy(
        np.lexsort((pairs[:, 1].numpy(), pairs[:, 0].numpy(), -scores.numpy()))
    )
    relations = {key: value[order] for key, value in relations.items()}
    relations['scores'] = scores[order].float()
    graph = {**graph, 'relations': relations}
    entries = graph.get(f'unconstrained_{same_weights(rank_by)}')
    if entries is not None:
        place = np.empty(len(order), np.int64)  # of each row in the new order
        place[order.numpy()] = np.arange(len(order))
        graph['unconstrained'] = _sorted({**entries, 'rows': place[entries['rows']]})
    return graph


def _sorted(entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sort entries, best first; those of equal scores by rows."""
    order = np.lexsort((entries['predicates'], entries['rows'], -entries['scores']))
    return {key: value[order] for key, value in entries.items()}


def _missing(graph: dict, rank_by: str) -> list[str]:
    """List the fields that an order needs and that the prediction lacks."""
    needed = ['predicate_scores']
    if 'significance' in RANKINGS[rank_by]:
        needed.append('significance')
    return [field for field in needed if field not in graph['relations']]


def _pair_scores(graph: dict) -> Tensor:
    """Return P(subject) x P(object) of each relation (M,), in float64."""
    scores = graph['objects']['scores'].double()
    return scores[graph['relations']['pairs'].long()].prod(dim=1)
