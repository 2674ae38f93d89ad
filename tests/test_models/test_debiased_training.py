"""Debiasing in training: resistance, weights and group collaborative learning."""

from math import log, sqrt
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmsgp.models.debiasing import GroupCollaborativeLearning, frequency_groups
from mmsgp.models.debiasing.group_collaborative import sampling_rates
from mmsgp.models.debiasing.resistance import BIASES, resistance
from mmsgp.models.losses import ReweightedCrossEntropyLoss
from mmsgp.testing.models import HEADS, random_samples, small_parser

# Two classes and three predicates: (subject, object): n of each predicate.
HAND_COUNTED = {(0, 0): (6, 2, 0), (0, 1): (0, 0, 1), (1, 0): (3, 0, 0)}
# Visual Genome's 50 predicates, as they are published.
VG_COUNTS = [
    *(109355, 67144, 47326, 31347, 21748, 15300, 10011, 11059, 10764, 6712, 5086, 4810, 3757),
    *(4260, 3167, 2273, 1829, 1603, 1413, 1225, 793, 809, 676, 352, 663, 752, 565, 504, 644),
    *(601, 551, 460, 394, 379, 397, 429, 364, 333, 299, 270, 234, 171, 208, 163, 157, 151),
    *(71, 114, 44, 4),
]


def statistics():
    """Random relations of five classes and four predicates."""
    counts = np.random.default_rng(0).integers(0, 9, size=(6, 6, 5))
    counts[5] = counts[:, 5] = 0
    return SimpleNamespace(triplet_counts=counts, predicate_counts=counts[..., 1:].sum(axis=(0, 1)))


def hand_counted():
    counts = np.zeros((3, 3, 4))
    counts[..., 0] = 7  # pairs without a relation do not count
    for pair, of_predicates in HAND_COUNTED.items():
        counts[pair][1:] = of_predicates
    return counts


def test_resistance_of_counts_is_their_log_share():
    table = resistance(hand_counted(), 'CB')[0, 0].tolist()
    assert table == pytest.approx([log(0.02), *(log(n / 12 + 1e-3) for n in (9, 2, 1))])


def test_resistance_of_variety_counts_pairs_of_classes():
    table = resistance(hand_counted(), 'VB')[0, 0].tolist()
    assert table == pytest.approx([log(0.02), *(log(n / 4 + 1e-3) for n in (2, 1, 1))])


def test_resistance_of_pairs_is_zero_for_what_never_occurs():
    table = resistance(hand_counted(), 'PB')
    assert table[0, 0].tolist() == pytest.approx(
        [log(0.02), log(6 / 8.001 + 1e-3), log(2 / 8.001 + 1e-3), 0]
    )
    assert table[1, 1].tolist() == pytest.approx([log(0.02), 0, 0, 0])


def test_resistance_of_estimates_multiplies_the_two_roles():
    """(1, 1) never occurs, but its subject and its object do."""
    table = resistance(hand_counted(), 'EB')
    # subject 0: (6, 2, 1); object 0: (9, 2, 0); subject 1: (3, 0, 0); object 1: (0, 0, 1)
    first, second = sqrt(6 * 9), sqrt(2 * 2)
    total = first + second + 1e-3
    assert table[0, 0].tolist() == pytest.approx(
        [log(0.02), log(first / total + 1e-3), log(second / total + 1e-3), 0]
    )
    assert table[0, 1].tolist() == pytest.approx([log(0.02), 0, 0, log(1 / 1.001 + 1e-3)])


@pytest.mark.parametrize('bias', BIASES)
@pytest.mark.parametrize('kind', HEADS)
def test_resistance_is_added_in_training_only(kind, bias):
    """The loss is that of the logits plus the table, pair by pair."""
    counts = statistics()
    model = small_parser(
        type=kind, debiasing=dict(type='Resistance', bias=bias, weight=0.5), **HEADS[kind]
    )
    head, logged = model.relation_head, {}
    head.debiasing.load_statistics(counts)
    head.loss_relation.register_forward_hook(
        lambda _, inputs, loss: logged.update(inputs=inputs[0], loss=loss)
    )
    classified = []
    plain = head.predicate_logits

    def classify(*args):  # once, because heads may drop features at random
        classified.append((plain(*args), args[1]))
        return classified[-1][0]

    head.predicate_logits = classify
    model.train().loss(torch.randn(2, 3, 96, 96), random_samples([4, 3]))
    table = resistance(counts.triplet_counts, bias)
    ((logits, labels),) = classified
    rows = [table[s, o] if len(table) > 1 else table[0, 0] for s, o in labels.tolist()]
    torch.testing.assert_close(
        logged['inputs'].double(), logits.double() + 0.5 * torch.stack(rows), rtol=1e-4, atol=1e-4
    )
    assert head.debiasing.adjust(logits, head, None, None, None) is logits


def test_median_weights_equal_the_hand_counted():
    """Of 10, 4, 2 and none the median is 4; unknown weighs 1."""
    loss = ReweightedCrossEntropyLoss(4, scheme='median_frequency').double()
    loss.load_statistics(SimpleNamespace(predicate_counts=[10, 4, 2, 0]))
    logits = torch.randn(4, 5, dtype=torch.float64)
    each = -logits.log_softmax(1)
    expected = (each[0, 0] + 0.4 * each[1, 1] + 1 * each[2, 2] + 2 * each[3, 3]) / 4
    torch.testing.assert_close(loss(logits, torch.arange(4)), expected, rtol=1e-6, atol=1e-6)


def test_groups_of_visual_genome_are_the_published_ones():
    assert frequency_groups(VG_COUNTS) == (4, 6, 9, 19, 12)


def test_sampling_rates_equal_the_hand_counted():
    """Medians: of (100, 60) 80; of (100, 60, 8, 4) 34; the least rate is 1 %."""
    rates = sampling_rates(torch.tensor([100.0, 60, 8, 4]), (2, 4))
    expected = torch.tensor([[1, 0.8, 1, 0, 0], [1, 0.34, 34 / 60, 1, 1]])
    torch.testing.assert_close(rates, expected)
    assert sampling_rates(torch.tensor([1e6, 10, 2]).double(), (3,))[0, 1] == 0.01


@pytest.fixture
def gcl():
    """Four predicates, 1 the rarest, in two groups."""
    method = GroupCollaborativeLearning(4, 8, groups=(2, 2))
    method.load_statistics(SimpleNamespace(predicate_counts=[4, 60, 100, 8]))
    return method


def test_expected_shares_of_the_classifiers(gcl):
    """By frequency: the first trains the last classifier in 34 % of its relations."""
    torch.manual_seed(0)
    places = torch.arange(5).repeat(40_000)
    chosen = gcl.choose(places).double()
    shares = torch.stack([chosen[:, places == place].mean(dim=1) for place in range(5)], dim=1)
    # The first classifier: what the last drew, or what the first itself draws.
    expected = [[0.5, 0.8, 1, 1, 1], [0.5, 0.34, 34 / 60, 1, 1]]
    torch.testing.assert_close(shares, torch.tensor(expected).double(), rtol=0, atol=0.01)
    # Without a relation of the second group its classifier waits.
    assert not gcl.choose(torch.tensor([0, 1, 2, 2]))[1].any()


def losses_of(debiasing, **head):
    model = small_parser(debiasing=debiasing, **head).train()
    if debiasing:
        model.relation_head.debiasing.load_statistics(
            SimpleNamespace(predicate_counts=[5, 5, 5, 5])
        )
    torch.manual_seed(1)
    losses = model.loss(torch.randn(2, 3, 96, 96), random_samples([4, 3]))
    losses['loss_relation'].backward()
    return losses, model.relation_head.fc_predicate.weight.grad


def test_one_group_is_plain_cross_entropy():
    """Of predicates as frequent as the median, every relation is used."""
    plain, grad = losses_of(None)
    grouped, own = losses_of(dict(type='GroupCollaborativeLearning', groups=(4,)))
    assert plain.keys() == grouped.keys()
    torch.testing.assert_close(grouped['loss_relation'], plain['loss_relation'])
    torch.testing.assert_close(own, grad)


def test_losses_of_groups_equal_the_formula_in_float64(gcl):
    """Relation by relation, with the classifiers chosen by hand."""
    torch.manual_seed(0)
    gcl = gcl.double()
    features = torch.randn(5, 8, dtype=torch.float64, requires_grad=True)
    last = torch.nn.Linear(8, 5).double()
    targets = torch.tensor([0, 3, 2, 4, 1])  # places 0, 1, 2, 3, 4
    chosen = torch.tensor([[1, 1, 0, 1, 1], [0, 1, 1, 1, 1]]).bool()
    gcl.choose = lambda labels: chosen
    prior = torch.randn(5, 5, dtype=torch.float64)
    head = SimpleNamespace(
        frequency_prior=lambda *_: prior,
        loss_relation=torch.nn.functional.cross_entropy,
        loss_by_feat=lambda *_: {},
    )
    output = SimpleNamespace(
        features=features,
        relation_logits=last(features) + prior,
        context=SimpleNamespace(labels=torch.zeros(9).long()),
    )
    regions = SimpleNamespace(pairs=torch.zeros(5, 2).long())
    losses = gcl.loss(head, output, regions, None, targets)

    order = [0, 3, 2, 4, 1]  # unknown, then the most frequent first
    small = gcl.classifiers[0](features) + prior[:, order[:3]]
    big = (last(features) + prior)[:, order]
    cross_entropy = -(small[0].log_softmax(0)[0] + small[1].log_softmax(0)[1]) / 4
    cross_entropy -= (small[3].log_softmax(0)[0] + small[4].log_softmax(0)[0]) / 4
    cross_entropy -= sum(big[i].log_softmax(0)[i] for i in (1, 2, 3, 4)) / 4
    torch.testing.assert_close(losses['loss_relation'], cross_entropy)
    divergence = 0
    for i, weight in {1: 1, 2: 1, 3: 0.1, 4: 0.1}.items():
        p, q = small[i, 1:].softmax(0), big[i, 1:3].softmax(0)
        divergence = divergence + weight * (p * (p / q).log()).sum() / 4
    torch.testing.assert_close(losses['loss_distillation'], divergence)
    got = torch.autograd.grad(sum(losses.values()), features, retain_graph=True)
    expected = torch.autograd.grad(cross_entropy + divergence, features)
    torch.testing.assert_close(got, expected)


# ---- what goes together

METHODS = {
    'TDE': dict(type='TotalDirectEffect'),
    'LA': dict(type='PostHocLogitAdjustment'),
    'RTPB': dict(type='Resistance', bias='PB'),
    'GCL': dict(type='GroupCollaborativeLearning', groups=(2, 2)),
}
LOSSES = {
    'CE': dict(type='mmdet.CrossEntropyLoss'),
    'CCE': dict(_delete_=True, type='CCELoss'),
    'reweighted': dict(_delete_=True, type='ReweightedCrossEntropyLoss', scheme='median_frequency'),
    'logit-adjusted': dict(_delete_=True, type='LogitAdjustedLoss'),
}
# The table of docs/advanced_guides/debiasing.md; all others go together.
REFUSED = {
    ('FrequencyHead', 'TDE'): 'context_channels',
    ('FrequencyHead', 'GCL'): 'linear classifier',
    ('IMPHead', 'TDE'): 'context_channels',
    ('SQUATHead', 'TDE'): 'context_channels',
    ('PENetHead', 'GCL'): 'linear classifier',
    ('REACTHead', 'GCL'): 'linear classifier',
    ('RTPB', 'logit-adjusted'): 'both add log-frequencies',
    ('GCL', 'reweighted'): 'samples by frequency',
    ('GCL', 'logit-adjusted'): 'samples by frequency',
}


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('kind', HEADS)
def test_what_goes_together_trains_and_what_does_not_is_refused(kind, method, loss):
    """Always with the Scorer, which is trained on the plain logits."""
    settings = {key: v for key, v in LOSSES[loss].items() if key != '_delete_'}

    def build():
        return small_parser(
            type=kind,
            debiasing=METHODS[method],
            loss_relation=settings,
            scorer=dict(type='Scorer'),
            **HEADS[kind],
        )

    reason = REFUSED.get((kind, method)) or REFUSED.get((method, loss))
    if reason:
        with pytest.raises(ValueError, match=f'debiasing=.*{reason}'):
            build()
        return
    model = build().train()
    model.relation_head.debiasing.load_statistics(statistics())
    losses = model.loss(torch.randn(2, 3, 96, 96), random_samples([4, 3]))
    total = sum(value for name, value in losses.items() if name.startswith('loss'))
    total.backward()
    assert total.isfinite()
    head = model.relation_head
    classifier = head.prior if kind == 'FrequencyHead' else head.fc_predicate
    for weight in classifier.parameters():
        assert weight.grad.isfinite().all() and weight.grad.any()
    graphs = model.eval().predict(torch.randn(2, 3, 96, 96), random_samples([4, 3]))
    assert all(g.pred_scene_graphs['sgcls'].relations.scores.isfinite().all() for g in graphs)
