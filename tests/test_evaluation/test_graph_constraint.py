"""Which predictions are ranked without the graph constraint."""

import numpy as np
import pytest
import torch

from mmsgp.evaluation.functional import (
    GraphArrays,
    unconstrained_entries,
    without_graph_constraint,
)
from mmsgp.testing.graphs import random_prediction


def sorted_entries(distribution, weights, limit):
    """All entries, sorted: row, predicate, score."""
    scores = distribution[:, 1:] * weights[:, None]
    order = np.argsort(-scores.ravel(), kind='stable')[:limit]
    rows, columns = np.divmod(order, scores.shape[1])
    return rows, columns + 1, scores[rows, columns]


@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('limit', [1, 7, 100])
@pytest.mark.parametrize(
    'num_rows, num_predicates', [(1, 1), (1, 9), (5, 3), (99, 1), (100, 2), (101, 50), (700, 9)]
)
def test_the_best_entries_are_those_of_a_full_sort(num_rows, num_predicates, limit, ties):
    rng = np.random.default_rng(num_rows)
    distribution = rng.random((num_rows, num_predicates + 1), np.float32)
    weights = rng.random(num_rows, np.float32)
    if ties:
        distribution, weights = distribution.round(1), weights.round(1)
    for got, expected in zip(
        without_graph_constraint(distribution, weights, limit),
        sorted_entries(distribution, weights, limit),
        strict=True,
    ):
        np.testing.assert_array_equal(got, expected)


def test_nothing_has_no_entries():
    entries = without_graph_constraint(np.empty((0, 5), np.float32), np.empty(0, np.float32))
    assert [len(values) for values in entries] == [0, 0, 0]


def prediction():
    generator = torch.Generator().manual_seed(0)
    pred = random_prediction(generator, num_relations=6)
    pred.relations.distribution = torch.rand(6, 5, generator=generator)
    return pred


def test_entries_are_ranked_by_probability_times_weight():
    pred = prediction()
    pred.relations.weights = torch.linspace(0, 1, 6)
    expected = sorted_entries(
        pred.relations.distribution.numpy(), pred.relations.weights.numpy(), 7
    )
    entries = unconstrained_entries(GraphArrays.from_graph(pred), pred.to_dict(), 7)
    for got, values in zip(entries, expected, strict=True):
        np.testing.assert_array_equal(got, values)


def test_weights_are_never_guessed():
    pred = prediction()
    pred.relations.significance = torch.linspace(1, 0, 6)
    del pred.relations.weights
    with pytest.raises(ValueError, match='The sggen prediction .*relations.weights'):
        unconstrained_entries(GraphArrays.from_graph(pred), pred.to_dict(), name='sggen prediction')


def test_half_precision_is_ranked_in_full():
    pred = prediction()
    pred.relations.distribution = pred.relations.distribution.half()
    entries = unconstrained_entries(GraphArrays.from_graph(pred), pred.to_dict(), 3)
    assert entries.scores.dtype == np.float32


def test_without_probabilities_there_is_no_ranking():
    pred = prediction()
    del pred.relations.distribution
    assert unconstrained_entries(GraphArrays.from_graph(pred), pred.to_dict()) is None
