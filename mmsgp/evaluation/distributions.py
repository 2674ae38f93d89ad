"""Predicate probabilities of pairs, from a file of predictions.

Shape shorthand: M relations of an image, R predicates.
"""

from __future__ import annotations

import numpy as np
import torch

from mmsgp.structures.ranking import relation_scores


def distribution_of(graph: dict, num_predicates: int, name: str) -> np.ndarray:
    """Return the probabilities of all predicates of all pairs.

    Args:
        graph: A prediction of a :class:`~.prediction_file.PredictionFile` with
            ``rank_by='probability'``, one relation per pair.
        num_predicates: R.
        name: Name of the prediction, for the message.

    Returns:
        np.ndarray: (M, R+1) float64, rows as the relations, unknown first.

    Raises:
        ValueError: If some probabilities were not kept.
    """
    pairs, scores = graph['relations']['pairs'].long(), graph['objects']['scores'].double()
    table = np.zeros((len(pairs), num_predicates + 1))
    if not len(pairs):
        return table
    entries = graph.get('unconstrained', dict(rows=()))
    if len(entries['rows']) < len(pairs) * num_predicates:
        raise ValueError(
            f'{name} has {len(entries["rows"])} of {len(pairs) * num_predicates} probabilities: '
            'write the file with tools/test.py --out FILE --cfg-options '
            'test_evaluator.ng_limit=1000000'
        )
    weights = scores[pairs].prod(dim=1).numpy()
    rows = entries['rows']
    table[rows, entries['predicates']] = entries['scores'] / np.maximum(weights[rows], 1e-30)
    table[:, 0] = np.maximum(1 - table.sum(axis=1), 0)
    return table


def adjusted(graph: dict, distribution: np.ndarray, log_frequency: np.ndarray, tau: float) -> dict:
    """Subtract log-frequencies from the logits of a prediction, and rank it again.

    The result is that of a model with
    :class:`~mmsgp.models.debiasing.PostHocLogitAdjustment`.

    Args:
        graph: The prediction; with a ``significance`` it is ranked by that times the
            objects' probabilities, as the model does, else by probability.
        distribution: (M, R+1), of :func:`distribution_of`.
        log_frequency: (R,), of the predicates in training.
        tau: Strength.

    Returns:
        dict: The prediction, without probabilities of all predicates.
    """
    weighted = distribution.copy()
    weighted[:, 1:] *= np.exp(-tau * (log_frequency - log_frequency.max()))
    weighted[:, 0] *= np.exp(-tau * -log_frequency.max())
    weighted /= np.maximum(weighted.sum(axis=1, keepdims=True), 1e-300)
    relations = graph['relations']
    pairs, significance = relations['pairs'].long(), relations.get('significance')
    best = torch.from_numpy(weighted[:, 1:].max(axis=1, initial=0))
    labels = torch.from_numpy(1 + weighted[:, 1:].argmax(axis=1))
    scores = relation_scores(
        'probability' if significance is None else 'expected_significance',
        graph['objects']['scores'].double()[pairs].prod(dim=1),
        best,
        significance,
    )
    # Of equal scores the pair with the lower indices comes first, as in the model.
    order = torch.from_numpy(
        np.lexsort((pairs[:, 1].numpy(), pairs[:, 0].numpy(), -scores.numpy()))
    )
    return dict(
        objects=graph['objects'],
        relations=dict(pairs=pairs[order], labels=labels[order], scores=scores[order].float()),
    )
