"""REACT++'s loss against its formula, written naively in float64."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmsgp.models.losses import BalancedLogitAdjustedLoss
from mmsgp.testing.models import random_samples, small_parser

# Two classes, background behind them, and three predicates: annotated relations by class pair.
ANNOTATED = {(0, 0): (6, 2, 0), (0, 1): (0, 0, 1), (1, 0): (30, 0, 0)}
CANDIDATES = {(0, 0): 20, (0, 1): 9, (1, 0): 40, (1, 1): 11}


def statistics():
    """As the training set has them: one pair more than there are candidates of each classes."""
    counts = np.zeros((3, 3, 4), dtype=np.int64)
    counts[..., 0] = 1
    for pair, number in CANDIDATES.items():
        counts[pair][0] += number
    for pair, numbers in ANNOTATED.items():
        counts[pair][1:] = numbers
    return SimpleNamespace(triplet_counts=counts, predicate_counts=counts[..., 1:].sum(axis=(0, 1)))


def naive(logits, labels, classes, tau, gamma, alpha, d):
    totals = [80, 36, 2, 1]  # of candidates and of each predicate
    above = below = 0.0
    for row, label, pair in zip(logits.tolist(), labels.tolist(), classes.tolist()):
        shifted = [z + tau * math.log(n / 119) for z, n in zip(row, totals)]
        shifted = [min(max(z, -50), 50) for z in shifted]
        norm = sum(math.exp(z) for z in shifted)
        p = [math.exp(z) / norm for z in shifted]
        target = [float(k == label) for k in range(4)]
        relations = ANNOTATED.get(tuple(pair))
        if label == 0 and relations:
            n = sum(relations)
            share = d * n / (n + 10)
            target = [1 - share, *(share * count / n for count in relations)]
        weight = alpha if label == 0 else (1 - alpha) * 2
        loss = -sum(t * math.log(q) for t, q in zip(target, p))
        above += weight * (1 - p[label]) ** gamma * loss
        below += weight
    return above / max(1, below)


@pytest.mark.parametrize(
    ('tau', 'gamma', 'alpha', 'd'), [(0.5, 0.0, 0.25, 0.4), (1.0, 2.0, 0.15, 0.3), (0.0, 0.0, 0, 0)]
)
def test_it_equals_its_formula_and_its_gradient(tau, gamma, alpha, d):
    torch.manual_seed(0)
    logits = 3 * torch.randn(9, 4, dtype=torch.float64)
    logits[0, 0], logits[1, 2] = 70, -80  # beyond the limits
    labels = torch.tensor([0, 1, 0, 0, 0, 3, 2, 0, 1])
    # the sixth pair has a background box, as detected boxes may be
    classes = torch.tensor([[0, 0, 0, 0, 1, 2, 1, 1, 0], [0, 0, 0, 1, 0, 0, 1, 1, 1]]).T
    loss = BalancedLogitAdjustedLoss(3, tau, gamma, alpha, d, loss_weight=3.0).double()
    loss.load_statistics(statistics())
    expected = 3 * naive(logits, labels, classes, tau, gamma, alpha, d)
    assert loss(logits, labels, classes).item() == pytest.approx(expected, rel=1e-9)
    assert torch.autograd.gradcheck(
        lambda rows: loss(rows, labels, classes), logits.clone().requires_grad_()
    )


def test_few_pairs_weigh_as_one():
    """Two unknown pairs weigh 0.25 each, less than 1 together."""
    loss = BalancedLogitAdjustedLoss(3).double()
    logits = torch.randn(2, 4, dtype=torch.float64)
    labels, classes = torch.zeros(2, dtype=torch.long), torch.zeros(2, 2, dtype=torch.long)
    expected = -0.25 * logits.log_softmax(1)[:, 0].sum()  # nothing is loaded: plain logits
    torch.testing.assert_close(loss(logits, labels, classes), expected)
    assert loss(logits[:0], labels[:0], classes[:0]) == 0


def test_a_head_gives_it_the_annotated_classes():
    torch.manual_seed(0)
    model = small_parser(
        type='TransformerHead',
        hidden_size=32,
        num_heads=4,
        feedforward_channels=32,
        loss_relation=dict(type='BalancedLogitAdjustedLoss'),
    ).train()
    samples, kept = random_samples([3, 1, 2]), []
    model.relation_head.loss_relation.register_forward_hook(
        lambda module, inputs, output: kept.append(inputs[2].tolist())
    )
    losses = model.loss(torch.randn(3, 3, 96, 96), samples)
    losses['loss_relation'].backward()
    expected = []
    for sample in samples:
        labels = sample.gt_scene_graph.objects.labels.tolist()
        pairs = [(i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
        expected += [[labels[i], labels[j]] for i, j in pairs]
    assert kept == [expected]


@pytest.mark.parametrize('method', ['Resistance', 'GroupCollaborativeLearning'])
def test_methods_that_use_frequencies_themselves_are_refused(method):
    with pytest.raises(ValueError, match='relation_head.debiasing'):
        small_parser(
            loss_relation=dict(type='BalancedLogitAdjustedLoss'),
            debiasing=dict(type=method, **(dict(groups=(2, 2)) if method[0] == 'G' else {})),
        )


@pytest.mark.parametrize('setting', [dict(unknown_weight=1.2), dict(softness=-0.1), dict(gamma=-1)])
def test_numbers_out_of_their_range_are_refused(setting):
    with pytest.raises(ValueError, match=f'loss_relation.{next(iter(setting))}'):
        BalancedLogitAdjustedLoss(3, **setting)


def test_a_data_set_with_other_predicates_is_refused():
    with pytest.raises(ValueError, match='3 predicates.* 7'):
        BalancedLogitAdjustedLoss(7).load_statistics(statistics())
