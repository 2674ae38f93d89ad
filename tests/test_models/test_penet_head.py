"""PE-Net and its losses against their formulas."""

import math

import pytest
import torch

from helpers.naive_heads import box_code, compare, random_inputs, small_head
from mmsgp.models.layers import PredicateEmbedding
from mmsgp.models.losses import PrototypeLoss


def linear(layer, x):
    return layer.weight @ x + layer.bias


def mlp(layers, x):
    return linear(layers[-1], torch.relu(linear(layers[0], x)))


def norm(layer, x):
    variance = ((x - x.mean()) ** 2).mean()
    return (x - x.mean()) / (variance + layer.eps).sqrt() * layer.weight + layer.bias


def fuse(module, base, detail, sign):
    gate = torch.sigmoid(linear(module.gate, torch.cat([base, detail])))
    v = base + sign * gate * detail
    return norm(module.norm, torch.relu(linear(module.fc, v)) + v)


def project(head, x):
    return mlp([head.projection[2], head.projection[4]], torch.relu(x))


def naive(head, regions, objects):
    logits, roles = [], []
    first, batch_norm, second = head.position[0], head.position[1], head.position[2]
    for row, x in enumerate(regions.objects):
        hidden = linear(first, box_code(objects, row))
        hidden = (hidden - batch_norm.running_mean) / (batch_norm.running_var + 1e-5).sqrt()
        position = torch.relu(linear(second, hidden * batch_norm.weight + batch_norm.bias))
        words = objects.logits[row].softmax(dim=0) @ head.object_embedding.weight
        own = linear(head.fc_label, linear(head.fc_object, torch.cat([x, words, position])))
        logits.append(own)
        t = head.label_embedding.weight[own[:-1].argmax()]
        x_o, x_s = linear(head.fc_roles, x).split(32)  # the object's half is first
        s = fuse(head.subject_fusion, mlp(head.subject_words, t), mlp(head.visual, x_s), 1)
        o = fuse(head.object_fusion, mlp(head.object_words, t), mlp(head.visual, x_o), 1)
        roles.append((s, o))
    table = [project(head, mlp(head.predicate_words, t)) for t in head.predicate_embedding.weight]
    relations = []
    for (i, j), union in zip(regions.pairs.tolist(), regions.unions):
        s, o = roles[i][0], roles[j][1]
        seen = mlp(head.visual, mlp(head.fc_union, union))
        r = project(head, fuse(head.pair_fusion, torch.relu(s + o) - (s - o) ** 2, seen, -1))
        relations.append(
            torch.stack(
                [head.fc_predicate.scale.exp() * (r @ c) / r.norm() / c.norm() for c in table]
            )
        )
    return torch.stack(logits), torch.stack(relations)


def test_it_equals_its_formulas_pair_by_pair():
    head = small_head('PENetHead')
    torch.nn.init.uniform_(head.position[1].running_var, 0.5, 2)
    torch.manual_seed(1)
    compare(head, naive, *random_inputs(head, (4, 0, 1, 3)))


def naive_losses(features, prototypes, labels, smooth, distance_margin, pull_margin, nearest):
    """Row by row; constants are copies without a gradient."""

    def penalty(x):
        return torch.log1p(torch.exp(x)) if smooth else x.clamp(min=0)

    count = len(prototypes)
    unit = prototypes / prototypes.norm(dim=1, keepdim=True)
    rows = [torch.stack([c @ d.detach() for d in unit]) for c in unit]
    similarity = sum((row**2).sum().sqrt() for row in rows) / count**2
    if smooth:
        features, prototypes = features / features.norm(dim=1, keepdim=True), unit
    apart = 0
    for k, c in enumerate(prototypes):
        gaps = [((c - d.detach()) ** 2).sum() for m, d in enumerate(prototypes) if m != k]
        apart = apart + penalty(distance_margin - min(gaps)) / count
    pull = 0
    for r, label in zip(features, labels.tolist()):
        gaps = [((r - (c.detach() if smooth else c)) ** 2).sum() for c in prototypes]
        own = gaps.pop(label)
        others = sum(sorted(gaps)[:nearest]) / min(nearest, len(gaps))
        pull = pull + penalty(own - others + pull_margin) / len(labels)
    return similarity, apart, pull


@pytest.mark.parametrize('smooth', [False, True])
@pytest.mark.parametrize('count, nearest', [(14, 10), (5, 10)])
def test_losses_equal_their_formulas_row_by_row(smooth, count, nearest):
    torch.manual_seed(0)
    features = torch.randn(9, 6, dtype=torch.float64, requires_grad=True)
    prototypes = torch.randn(count, 6, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(count, (9,))
    found = PrototypeLoss(smooth=smooth)(features, prototypes, labels).values()
    expected = naive_losses(features, prototypes, labels, smooth, 7.0, 1.0, nearest)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other)
    pairs = [
        torch.autograd.grad(sum(losses), [features, prototypes], retain_graph=True)
        for losses in (found, expected)
    ]
    for one, other in zip(*pairs):
        torch.testing.assert_close(one, other)


def test_losses_of_no_pairs_are_finite():
    losses = PrototypeLoss()(
        torch.zeros(0, 4), torch.eye(3, 4, requires_grad=True), torch.zeros(0).long()
    )
    assert losses['loss_prototype_pull'] == 0
    # unit vectors at right angles: a squared distance of 2
    assert losses['loss_prototype_distance'].item() == 5
    assert losses['loss_prototype_similarity'].item() == pytest.approx(3 / 9)


def test_the_scale_of_a_cosine_starts_as_in_the_definition():
    head = small_head('PENetHead')
    assert head.fc_predicate.scale.exp().item() == pytest.approx(1 / 0.07)
    assert not any(p.requires_grad for p in head.fc_spare.parameters())
    assert math.isinf(head.fc_predicate.max_scale)


def test_a_predicate_is_the_mean_of_its_words(tmp_path):
    path = tmp_path / 'glove.txt'
    path.write_text('in 1 2\nfront 3 4\nof 5 0\non 7 8\n')
    embedding = PredicateEmbedding(3, 2, str(path))
    unknown = embedding.weight[0].clone()
    embedding.load_predicates(['on', 'in front of'])
    assert embedding.weight.tolist() == [unknown.tolist(), [7, 8], [3, 2]]
    with pytest.raises(ValueError, match="glove.txt.*'riding'"):
        embedding.load_predicates(['riding', 'on'])
