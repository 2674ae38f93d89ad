"""Select the predictions to rank: the best of each pair, or the best of all.

Shape shorthand: N objects, M relations, R predicates, E entries.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch

from mmsgp.structures import SceneGraph

from .matching import GraphArrays, to_numpy


class RankedEntries(NamedTuple):
    """Predictions of which a pair may have several, best first.

    Attributes:
        rows: (E,) int64, rows of the relations they belong to.
        predicates: (E,) int64, ``1 .. R``.
        scores: (E,) float32.
    """

    rows: np.ndarray
    predicates: np.ndarray
    scores: np.ndarray


def apply_graph_constraint(pred: SceneGraph) -> SceneGraph:
    """Keep the best prediction of each ordered pair of objects.

    Args:
        pred: A predicted graph, relations sorted best first.

    Returns:
        SceneGraph: One relation per pair, in the given order; ``pred`` itself
        when it has no pair twice.
    """
    rows = first_of_each_pair(GraphArrays.from_graph(pred).pair_ids)
    if rows is None:
        return pred
    return SceneGraph(
        metainfo=pred.metainfo,
        objects=pred.objects,
        relations=pred.relations[torch.from_numpy(rows).to(pred.relations.pairs.device)],
    )


def first_of_each_pair(pair_ids: np.ndarray) -> np.ndarray | None:
    """Return the rows of the first relation of each ordered pair.

    Args:
        pair_ids: (M,), see :class:`GraphArrays`.

    Returns:
        ndarray: Ascending rows; None if no pair occurs twice.
    """
    if np.bincount(pair_ids).max(initial=0) <= 1:
        return None
    return np.sort(np.unique(pair_ids, return_index=True)[1])


def unconstrained_entries(
    pred: GraphArrays, graph: dict, limit: int = 100, name: str = 'prediction'
) -> RankedEntries | None:
    """Return the best of all predicates of all pairs of a predicted graph.

    Args:
        pred: A prediction.
        graph: The same, as ``SceneGraph.to_dict`` gives it. An entry
            ``unconstrained``, of a file of predictions, is used as it is.
        limit: Entries to keep. Defaults to 100.
        name: Name of the prediction, for the message.

    Returns:
        RankedEntries: At most ``limit``; None if relations exist, but have no
        ``distribution``.

    Raises:
        ValueError: If a probability is NaN or infinite, relations and rows of
            ``distribution`` differ in number, or the pairs have no ``weights``.
    """
    if 'unconstrained' in graph:
        return RankedEntries(
            *(graph['unconstrained'][key][:limit] for key in RankedEntries._fields)
        )
    if not len(pred.pairs):
        nothing = np.empty(0, np.int64)
        return RankedEntries(nothing, nothing, np.empty(0, np.float32))
    if 'distribution' not in graph['relations']:
        return None
    distribution = graph['relations']['distribution'].cpu().float()
    if distribution.ndim != 2 or len(distribution) != len(pred.pairs):
        raise ValueError(
            f'The {name} has {len(pred.pairs)} relations and a distribution '
            f'of shape {tuple(distribution.shape)}; expected one row per relation.'
        )
    if 'weights' not in graph['relations']:
        raise ValueError(
            f'The {name} has relations.distribution but no relations.weights, '
            "the factors of the pairs' probabilities: see "
            'mmsgp.structures.ranking.pair_weights, or evaluate metrics without '
            'ng-.'
        )
    weights = to_numpy(graph['relations']['weights'], np.float32)
    entries = without_graph_constraint(distribution.numpy(), weights, limit)
    # The sum of squares is finite only if all numbers are.
    flat = distribution.flatten()
    if not math.isfinite(flat.dot(flat)) and not flat.isfinite().all():
        raise ValueError(f'The {name} has NaN or infinite probabilities.')
    return entries


def without_graph_constraint(
    distribution: np.ndarray, weights: np.ndarray, limit: int = 100
) -> RankedEntries:
    """Return the best of all predicates of all pairs.

    The score of an entry is its probability times the weight of its pair.
    The ``limit`` best entries of the matrix lie in the ``limit`` rows with the
    largest maxima, so only these rows are searched. Equal scores are ranked
    in the order of rows, then of predicates.

    Args:
        distribution: (M, R+1) float32, probabilities, unknown first.
        weights: (M,) float32, not negative.
        limit: Entries to keep. Defaults to 100.

    Returns:
        RankedEntries: At most ``limit``.
    """
    if not distribution[:, 1:].size:
        nothing = np.empty(0, np.int64)
        return RankedEntries(nothing, nothing, np.empty(0, np.float32))
    # Rounding keeps order: the largest product is that of the largest factor.
    # PyTorch reduces short rows several times as fast as NumPy.
    maxima = torch.from_numpy(distribution)[:, 1:].amax(dim=1).numpy() * weights
    rows = _largest(maxima, limit)
    scores = distribution.take(rows, axis=0)[:, 1:] * weights[rows, None]
    # With ``limit`` rows, each has an entry that is not below the least maximum.
    least = maxima[rows].min() if len(rows) == limit else -np.inf
    entries = (scores.ravel() >= least).nonzero()[0]
    best = np.argsort(-scores.ravel()[entries], kind='stable')[:limit]
    row, column = np.divmod(entries[best], scores.shape[1])
    return RankedEntries(rows[row], column + 1, scores[row, column])


def _largest(values: np.ndarray, limit: int) -> np.ndarray:
    """Return the positions of the largest values, ascending; of equals the first."""
    excess = len(values) - limit
    if excess <= 0:
        return np.arange(len(values))
    threshold = np.partition(values, excess)[excess]
    chosen = values > threshold
    equal = (values == threshold).nonzero()[0]
    chosen[equal[: limit - np.count_nonzero(chosen)]] = True
    return chosen.nonzero()[0]
