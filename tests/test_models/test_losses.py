"""Losses against their formulas, written naively in float64."""

import math
from types import SimpleNamespace

import pytest
import torch

from mmsgp.models.losses import (
    CCELoss,
    LogitAdjustedLoss,
    ReweightedCrossEntropyLoss,
    SignificanceBCELoss,
    SignificanceHingeLoss,
    SignificanceMSELoss,
    SignificanceRankingLoss,
    SoftmaxFocalLoss,
)
from mmsgp.registry import MODELS


def naive_softmax(row):
    peak = max(row)
    exponentials = [math.exp(value - peak) for value in row]
    return [value / sum(exponentials) for value in exponentials]


def naive_cce(logits, labels, margin):
    losses = []
    for row, y in zip(logits.tolist(), labels.tolist()):
        p = naive_softmax(row)
        negatives = [j for j in range(1, len(p)) if j != y]
        c = max(negatives, key=lambda j: p[j])
        losses.append(max(-math.log(p[y]) + math.log(p[c]) + margin, 0))
    return sum(losses) / len(losses)


def naive_focal(logits, labels, gamma):
    losses = [
        -((1 - naive_softmax(row)[y]) ** gamma) * math.log(naive_softmax(row)[y])
        for row, y in zip(logits.tolist(), labels.tolist())
    ]
    return sum(losses) / len(losses)


def numeric_gradient(function, inputs, step=1e-6):
    """Central differences of a scalar function of one tensor."""
    gradient = torch.zeros_like(inputs)
    flat, out = inputs.view(-1), gradient.view(-1)
    for i in range(flat.numel()):
        value = flat[i].item()
        flat[i] = value + step
        above = function(inputs)
        flat[i] = value - step
        below = function(inputs)
        flat[i] = value
        out[i] = (above - below) / (2 * step)
    return gradient


@pytest.fixture
def relations():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(12, 7, generator=generator, dtype=torch.double)
    labels = torch.randint(0, 7, (12,), generator=generator)
    labels[:3] = 0  # unknown pairs follow the same rule
    return logits, labels


@pytest.mark.parametrize('margin', [0.0, 0.7])
def test_cce_equals_its_formula_and_its_gradient(relations, margin):
    logits, labels = relations
    logits.requires_grad_()
    loss = CCELoss(margin=margin, loss_weight=3.0)(logits, labels)
    expected = 3 * naive_cce(logits, labels, margin)
    assert loss.item() == pytest.approx(expected, rel=1e-10)
    loss.backward()
    gradient = numeric_gradient(lambda x: 3 * naive_cce(x, labels, margin), logits.detach().clone())
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-6, atol=1e-8)


def test_cce_ignores_how_likely_unknown_is(relations):
    logits, labels = relations
    labels = labels.clamp(min=1)
    shifted = logits.clone()
    shifted[:, 0] += 100
    torch.testing.assert_close(CCELoss()(logits, labels), CCELoss()(shifted, labels))


def test_cce_is_zero_where_the_label_leads_by_the_margin():
    logits = torch.tensor([[9.0, 5.0, 3.0, 1.0]])
    assert CCELoss(margin=2.0)(logits, torch.tensor([1])) == 0
    assert CCELoss(margin=2.5)(logits, torch.tensor([1])) == 0.5


def test_cce_of_a_single_predicate_is_refused():
    with pytest.raises(ValueError, match=r'\(2, 2\)'):
        CCELoss()(torch.zeros(2, 2), torch.ones(2, dtype=torch.long))


@pytest.mark.parametrize('gamma', [0.0, 2.0, 4.0])
def test_focal_equals_its_formula_and_its_gradient(relations, gamma):
    logits, labels = relations
    logits.requires_grad_()
    loss = SoftmaxFocalLoss(gamma=gamma, loss_weight=10.0)(logits, labels)
    expected = 10 * naive_focal(logits, labels, gamma)
    assert loss.item() == pytest.approx(expected, rel=1e-10)
    loss.backward()
    gradient = numeric_gradient(
        lambda x: 10 * naive_focal(x, labels, gamma), logits.detach().clone()
    )
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-6, atol=1e-8)


def test_focal_keeps_finite_gradients_for_certain_predictions():
    logits = torch.tensor([[60.0, 0.0, 0.0], [-60.0, 0.0, 0.0]], requires_grad=True)
    SoftmaxFocalLoss()(logits, torch.tensor([0, 0])).backward()
    assert torch.isfinite(logits.grad).all()


NAIVE_SIGNIFICANCE = {
    SignificanceBCELoss: lambda x, t: -math.log(1 / (1 + math.exp(-x if t else x))),
    SignificanceMSELoss: lambda x, t: (1 / (1 + math.exp(-x)) - t) ** 2,
    SignificanceHingeLoss: lambda x, t: max(0, 1 - (1 if t else -1) * x),
}


@pytest.mark.parametrize('kind', NAIVE_SIGNIFICANCE)
def test_significance_losses_equal_their_formulas(kind):
    logits = torch.linspace(-3, 3, 8, dtype=torch.double)
    targets = torch.arange(8) % 2
    expected = (
        sum(NAIVE_SIGNIFICANCE[kind](x, t) for x, t in zip(logits.tolist(), targets.tolist())) / 8
    )
    loss = kind(loss_weight=2.0)(logits, targets)
    assert loss.item() == pytest.approx(2 * expected, rel=1e-10)


def test_mse_may_compare_raw_scores_as_the_authors_do():
    logits = torch.linspace(-3, 3, 8, dtype=torch.double)
    targets = torch.arange(8) % 2
    expected = sum((x - t) ** 2 for x, t in zip(logits.tolist(), targets.tolist())) / 8
    loss = SignificanceMSELoss(raw=True)(logits, targets)
    assert loss.item() == pytest.approx(expected, rel=1e-10)


def naive_ranking(logits, targets, margin):
    """Means of both kinds, each times its share of the relations."""
    kinds = {
        t: [x for x, own in zip(logits.tolist(), targets.tolist()) if own == t] for t in (0, 1)
    }
    if not kinds[0] or not kinds[1]:
        return 0.0
    losses = {
        1: [max(0, margin - (x - max(kinds[0]))) for x in kinds[1]],
        0: [max(0, margin - (min(kinds[1]) - x)) for x in kinds[0]],
    }
    return sum(sum(losses[t]) / len(losses[t]) * (len(losses[t]) / len(logits)) for t in (0, 1))


@pytest.mark.parametrize('targets', [[0, 1, 0, 0, 1, 0, 0, 1], [0] * 8, [1] * 8])
def test_ranking_loss_equals_its_formula_and_its_gradient(targets):
    torch.manual_seed(0)
    logits = torch.randn(8, dtype=torch.double, requires_grad=True)
    targets = torch.tensor(targets)
    loss = SignificanceRankingLoss(margin=0.6)(logits, targets)
    loss.backward()
    assert loss.item() == pytest.approx(naive_ranking(logits, targets, 0.6), rel=1e-10)
    torch.testing.assert_close(
        logits.grad,
        numeric_gradient(lambda x: naive_ranking(x, targets, 0.6), logits.detach().clone()),
        rtol=1e-6,
        atol=1e-8,
    )


@pytest.mark.parametrize('loss', ['CCELoss', 'SoftmaxFocalLoss', 'SignificanceBCELoss'])
def test_no_relation_gives_a_zero_that_can_be_differentiated(loss):
    shape = (0,) if 'Significance' in loss else (0, 5)
    logits = torch.zeros(shape, requires_grad=True)
    value = MODELS.build(dict(type=loss))(logits, torch.zeros(0, dtype=torch.long))
    value.backward()
    assert value == 0


@pytest.mark.parametrize('gamma', [0.5, 1.0, 4.0])
def test_focal_has_a_gradient_where_the_label_is_certain(gamma):
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    SoftmaxFocalLoss(gamma=gamma)(logits, torch.tensor([0])).backward()
    assert logits.grad.isfinite().all()


COUNTS = torch.tensor([900.0, 90.0, 0.0, 10.0])
STATISTICS = SimpleNamespace(predicate_counts=COUNTS.long().numpy())


def naive_weights(scheme, beta):
    values = {
        i: 1 / n if scheme == 'inverse_frequency' else (1 - beta) / (1 - beta**n)
        for i, n in enumerate(COUNTS.tolist(), 1)
        if n
    }
    mean = sum(values.values()) / len(values)
    return [values.get(i, mean) / mean for i in range(5)]


@pytest.mark.parametrize(
    'scheme, beta',
    [
        ('inverse_frequency', 0.9),
        ('class_balanced', 0.9),
        ('class_balanced', 0.999),
        ('class_balanced', 0.0),
    ],
)
def test_reweighting_equals_its_formula_and_its_gradient(scheme, beta):
    torch.manual_seed(0)
    logits = torch.randn(9, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 3, 4, 4, 0, 1, 3])
    loss = ReweightedCrossEntropyLoss(4, scheme, beta, loss_weight=3.0)
    loss.double().load_statistics(STATISTICS)
    weights = naive_weights(scheme, beta)
    naive = (
        3
        * sum(
            -weights[y] * (row[y] - row.exp().sum().log())
            for row, y in zip(logits, labels.tolist())
        )
        / 9
    )
    torch.testing.assert_close(loss(logits, labels), naive, rtol=1e-9, atol=0)
    torch.testing.assert_close(
        *(torch.autograd.grad(value, logits)[0] for value in (loss(logits, labels), naive)),
        rtol=1e-7,
        atol=1e-12,
    )


@pytest.mark.parametrize('tau', [0.5, 1.0])
def test_logit_adjustment_equals_its_formula(tau):
    torch.manual_seed(0)
    logits = torch.randn(9, 5, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 4, 4, 0, 1, 3])
    loss = LogitAdjustedLoss(4, tau).double()
    loss.load_statistics(STATISTICS)
    mean = COUNTS.sum() / 3  # of the predicates that occur
    shift = torch.cat([torch.zeros(1), tau * (COUNTS.double().clamp(min=1) / mean).log()])
    rows = logits + shift
    naive = -(rows.softmax(1)[range(9), labels]).log().mean()
    torch.testing.assert_close(loss(logits, labels), naive, rtol=1e-9, atol=0)


@pytest.mark.parametrize('loss', [ReweightedCrossEntropyLoss(4), LogitAdjustedLoss(4)])
def test_without_counts_all_predicates_have_the_same_weight(loss):
    logits, labels = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, 1])
    torch.testing.assert_close(
        loss(logits, labels), torch.nn.functional.cross_entropy(logits, labels)
    )
    assert loss(logits[:0], labels[:0]) == 0
    with pytest.raises(ValueError, match='4 predicates.* 7'):
        type(loss)(7).load_statistics(STATISTICS)


def test_unknown_schemes_are_refused():
    with pytest.raises(ValueError, match="scheme.*'square'"):
        ReweightedCrossEntropyLoss(4, 'square')
    with pytest.raises(ValueError, match='beta.*1.0'):
        ReweightedCrossEntropyLoss(4, beta=1.0)
