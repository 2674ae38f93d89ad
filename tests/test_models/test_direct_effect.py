"""Total direct effect and its relatives."""

import pytest
import torch

from mmsgp.models import SceneGraphParser
from mmsgp.models.debiasing.direct_effect import EFFECTS
from mmsgp.registry import MODELS
from mmsgp.testing.models import (
    HEADS,
    random_objects,
    random_samples,
    small_model_cfg,
    small_parser,
)

CONTEXT = dict(
    MotifNetHead={},
    LinkNetHead={},
    KERNHead=HEADS['KERNHead'],
    RoleProductHead={},
)


def parser(kind='MotifNetHead', effect='TDE', **head) -> SceneGraphParser:
    method = dict(type='TotalDirectEffect', effect=effect, rate=0.25)
    if kind == 'KERNHead':
        head = dict(frequency_prior=dict(type='FrequencyPrior'), **head)
    if kind != 'RoleProductHead':
        return small_parser(type=kind, debiasing=method, **{**CONTEXT[kind], **head})
    cfg = small_model_cfg(type=kind, debiasing=method, **head)
    for name in ('hidden_size', 'num_object_layers', 'num_edge_layers', 'position_dim'):
        cfg.relation_head.pop(name, None)
    cfg.relation_head.context = dict(type='TransformerContext', hidden_size=16)
    return MODELS.build(cfg)


def head_and_input(*args, **kwargs):
    head = parser(*args, **kwargs).eval().relation_head
    with torch.no_grad():
        head.frequency_prior.table.normal_()
        if not head.pairs_per_chunk:
            head.fc_predicate.weight.mul_(100)
    objects = random_objects([4, 0, 3])
    return head, head.extract_regions((torch.randn(3, 64, 12, 12),), objects), objects


def plain_logits(head, regions, objects):
    """The logits without the method, and the context."""
    head.train(False)
    method, head.debiasing = head.debiasing, None
    with torch.no_grad():
        output = head(regions, objects)
    head.debiasing = method
    return output.relation_logits, output.context


@pytest.mark.parametrize('kind', CONTEXT)
def test_an_average_equal_to_the_context_leaves_no_effect(kind):
    """All objects alike: nothing is left of what their context says."""
    head, regions, objects = head_and_input(kind)
    _, context = plain_logits(head, regions, objects)
    same = context._replace(
        representation=context.representation[:1].expand_as(context.representation)
    )
    head.debiasing.mean_context.copy_(context.representation[0])
    labels = context.labels[regions.pairs]
    with torch.no_grad():
        logits = head.predicate_logits(head.relation_features(same, regions, objects), labels)
        effect = head.debiasing.adjust(logits, head, same, regions, objects)
    assert logits.abs().max() > 0.01
    torch.testing.assert_close(effect, torch.zeros_like(effect), rtol=0, atol=1e-6)


def naive_logits(head, roles, regions, prior):
    """MotifNet's logits pair by pair in float64, given a prior per pair."""
    weight, bias = (p.double() for p in (head.fc_predicate.weight, head.fc_predicate.bias))
    size = roles.shape[1] // 2
    rows = []
    for (s, o), union, f in zip(regions.pairs.tolist(), regions.unions.double(), prior):
        product = roles[s, :size] * roles[o, size:] * union
        rows.append(weight @ product + bias + f)
    return torch.stack(rows)


@pytest.mark.parametrize('effect', EFFECTS)
def test_each_effect_is_its_formula(effect):
    head, regions, objects = head_and_input(effect=effect)
    method = head.debiasing
    torch.manual_seed(1)
    method.mean_context.normal_()
    method.mean_classes.copy_(torch.rand(6).softmax(0))
    _, context = plain_logits(head, regions, objects)
    with torch.no_grad():
        found = head(regions, objects).relation_logits.double()
    roles = context.representation.double()
    averages = method.mean_context.double().expand_as(roles)
    table, classes = head.frequency_prior.table.detach().double(), method.mean_classes.double()
    own = [table[context.labels[s], context.labels[o]] for s, o in regions.pairs.tolist()]
    expected = sum(classes[s] * classes[o] * table[s, o] for s in range(6) for o in range(6))
    factual = naive_logits(head, roles, regions, own)
    without = naive_logits(head, averages, regions, own)
    neither = naive_logits(head, averages, regions, [expected] * len(own))
    formula = dict(TDE=factual - without, NIE=without - neither, TE=factual - neither)
    torch.testing.assert_close(found, formula[effect].detach(), rtol=1e-3, atol=1e-3)


def test_effects_add_up():
    results = {}
    for effect in EFFECTS:
        head, regions, objects = head_and_input(effect=effect)
        head.debiasing.mean_context.fill_(0.3)
        head.debiasing.mean_classes.fill_(1 / 6)
        with torch.no_grad():
            results[effect] = head(regions, objects).relation_logits
    torch.testing.assert_close(results['TE'], results['TDE'] + results['NIE'], rtol=1e-3, atol=1e-3)


def test_averages_are_moving_ones_of_training_batches():
    head, regions, _ = head_and_input()
    rows = []
    for _ in range(6):
        targets = torch.randint(5, (7,))
        objects = random_objects([4, 0, 3], targets=targets)
        _, context = plain_logits(head, regions, objects)
        head.loss(regions, objects, torch.zeros(len(regions.pairs), dtype=torch.long))
        rows.append((context.representation.mean(0), context.logits.softmax(1).mean(0)))
    averages = head.debiasing.mean_context, head.debiasing.mean_classes
    for got, of_batch in zip(averages, zip(*rows)):
        average = sum(of_batch[:4]) / 4  # rate 1/4: the first four have equal weights
        for value in of_batch[4:]:
            average = 0.75 * average + 0.25 * value
        torch.testing.assert_close(got, average, rtol=1e-4, atol=1e-5)


def test_training_is_that_without_it():
    images, losses = torch.randn(2, 3, 96, 96), []
    for model in (small_parser(), parser()):
        torch.manual_seed(1)
        losses.append(model.train().loss(images, random_samples([4, 3])))
    for name, value in losses[0].items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(losses[1][name])), name


def test_a_checkpoint_without_averages_is_refused_in_tests():
    model = parser()
    model.load_state_dict(small_parser().state_dict())  # which is strict
    with pytest.raises(ValueError, match='no averages for TotalDirectEffect: train with it'):
        model.complete_statistics({})
    model.relation_head.debiasing.num_batches.fill_(1)
    model.complete_statistics({})


@pytest.mark.parametrize(
    'head, message',
    [
        (dict(type='FrequencyHead', **HEADS['FrequencyHead']), 'context_channels.*FrequencyHead'),
        (dict(effect='TXE'), "effect must be one of .*got 'TXE'"),
        (dict(rate=0), 'rate must be within'),
        (dict(effect='NIE', frequency_prior=None), 'needs a frequency_prior'),
    ],
)
def test_what_it_cannot_do_is_refused(head, message):
    method = {key: head.pop(key) for key in ('effect', 'rate') if key in head}
    with pytest.raises(ValueError, match=message):
        small_parser(debiasing=dict(type='TotalDirectEffect', **method), **head)
