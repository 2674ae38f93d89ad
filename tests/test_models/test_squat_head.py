"""SQUAT against its formulas."""

import math

import pytest
import torch

from helpers.naive_heads import box_code, compare, predicate_logits, random_inputs, small_head
from mmsgp.models.layers import pair_codes, select
from mmsgp.testing.models import random_samples, small_parser


def linear(layer, x):
    return layer.weight @ x + layer.bias


def norm(layer, x):
    variance = ((x - x.mean()) ** 2).mean()
    return (x - x.mean()) / (variance + layer.eps).sqrt() * layer.weight + layer.bias


def gelu(x):
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def attend(layer, x, rows):
    """One query; head by head."""
    query, size = linear(layer.query, x), len(x) // layer.num_heads
    heads = []
    for k in range(layer.num_heads):
        part = slice(k * size, (k + 1) * size)
        scores = torch.stack([query[part] @ linear(layer.key, row)[part] for row in rows])
        shares = (scores / math.sqrt(size)).softmax(dim=0)
        heads.append(sum(a * linear(layer.value, row)[part] for a, row in zip(shares, rows)))
    return linear(layer.out, torch.cat(heads))


def scores_of(selector, edges):
    hidden = [gelu(linear(selector.encode[1], norm(selector.encode[0], e))) for e in edges]
    half = len(hidden[0]) // 2
    mean = sum(h[half:] for h in hidden) / len(hidden)
    first, _, second, _, last = selector.score
    return [
        linear(last, gelu(linear(second, gelu(linear(first, torch.cat([h[:half], mean])))))).item()
        for h in hidden
    ]


def best(scores, share):
    count = max(1, math.floor(share * len(scores)))
    return sorted(range(len(scores)), key=lambda row: -scores[row])[:count]


def run_layer(layer, edges, nodes, chosen):
    """Of one image, row by row."""
    queries, pair_keys, node_keys = chosen
    steps = layer.attend

    def feed(x):
        hidden = torch.relu(linear(layer.feedforward[0], x))
        return norm(layer.last_norm, x + linear(layer.feedforward[3], hidden))

    own = [edges[q] for q in queries]
    own = [norm(layer.pairs_norm, e + attend(steps['pairs_self'], e, own)) for e in own]
    nodes = [norm(layer.nodes_norm, n + attend(steps['nodes_self'], n, nodes)) for n in nodes]
    edges = list(edges)
    for q, e in zip(queries, own):
        edges[q] = e
    seen = [edges[k] for k in pair_keys]
    changed = [
        norm(
            layer.cross_norm,
            e + attend(steps['pairs_pairs'], e, seen) + attend(steps['pairs_nodes'], e, nodes),
        )
        for e in own
    ]
    if layer.update_nodes:
        seen = [edges[k] for k in node_keys]
        nodes = [
            norm(
                layer.cross_norm,
                n + attend(steps['nodes_pairs'], n, seen) + attend(steps['nodes_nodes'], n, nodes),
            )
            for n in nodes
        ]
        nodes = [feed(n) for n in nodes]
    for q, e in zip(queries, changed):
        edges[q] = feed(e)
    return edges, nodes


def naive(head, regions, objects):
    logits, labels, nodes, roles = [], [], [], []
    for row, x in enumerate(regions.objects):
        first, batch_norm, second = head.position[0], head.position[1], head.position[2]
        hidden = linear(first, box_code(objects, row))
        hidden = (hidden - batch_norm.running_mean) / (batch_norm.running_var + 1e-5).sqrt()
        position = torch.relu(linear(second, hidden * batch_norm.weight + batch_norm.bias))
        words = objects.logits[row].softmax(dim=0) @ head.object_embedding.weight
        a = linear(head.fc_object, torch.cat([x, words, position]))
        one, _, two, _, three = head.classify_objects
        own = linear(three, torch.relu(linear(two, torch.relu(linear(one, x)))))
        logits.append(own)
        labels.append(own[:-1].argmax().item())
        b = torch.cat([head.label_embedding.weight[labels[-1]], x, a])
        nodes.append(torch.relu(linear(head.fc_node, b)))
        roles.append(linear(head.fc_roles, b))
    codes = pair_codes(objects, regions.pairs)
    edges = []
    for (i, j), union, code in zip(regions.pairs.tolist(), regions.unions, codes):
        pair = torch.cat([roles[i][:32], roles[j][32:]])
        pair = pair * torch.relu(linear(head.layout[2], torch.relu(linear(head.layout[0], code))))
        edges.append(torch.relu(linear(head.fc_pair, pair)) + linear(head.fc_union, union))
    images = objects.image_ids.tolist()
    relations = [None] * len(edges)
    for image in range(objects.num_images):
        rows = [r for r, (i, _) in enumerate(regions.pairs.tolist()) if images[i] == image]
        if not rows:
            continue
        own = [edges[r] for r in rows]
        chosen = [
            best(scores_of(selector, own), share)
            for selector, share in zip(head.selectors, head.shares)
        ]
        first = current = [n for n, m in zip(nodes, images) if m == image]
        for layer in head.layers:
            own, current = run_layer(layer, own, current, chosen)
            current = current if head.pass_nodes else first
        for r, e in zip(rows, own):
            i, j = regions.pairs[r].tolist()
            relations[r] = predicate_logits(head, e, labels[i], labels[j])
    return torch.stack(logits), torch.stack(relations)


@pytest.mark.parametrize('pass_nodes', [True, False])
def test_it_equals_its_formulas_row_by_row(pass_nodes):
    head = small_head('SQUATHead', num_layers=2, key_share=0.7, pass_nodes=pass_nodes)
    torch.manual_seed(1)
    regions, objects = random_inputs(head, (4, 0, 1, 3))
    order = torch.randperm(len(regions.pairs))  # pairs need not be image by image
    unions = regions.unions[order].detach().requires_grad_()
    regions = regions._replace(pairs=regions.pairs[order], unions=unions)
    compare(head, naive, regions, objects)


def test_shares_are_rounded_down_but_not_to_nothing():
    logits = torch.tensor([[3.0, 1, 2, 0], [5, 0, 0, 0], [0, 0, 0, 0]])
    valid = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], dtype=torch.bool)
    indices, chosen = select(logits, valid, 0.7)
    assert indices[0].tolist() == [0, 2] and indices[1, 0] == 0
    assert chosen.tolist() == [[True, True], [True, False], [False, False]]


def test_selectors_are_taught_which_pairs_are_annotated():
    torch.manual_seed(0)
    model = small_parser(type='SQUATHead', loss_selection_weight=0.6).train()
    samples, kept = random_samples([3]), []
    for selector in model.relation_head.selectors:
        selector.register_forward_hook(lambda module, inputs, output: kept.append(output[0]))
    loss = model.loss(torch.randn(1, 3, 96, 96), samples)['loss_selection']
    annotated = {tuple(pair) for pair in samples[0].gt_scene_graph.relations.pairs.tolist()}
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    total = 0
    for logits in kept:
        for pair, logit in zip(pairs, logits):
            p = torch.sigmoid(logit)
            total -= torch.log(p if pair in annotated else 1 - p) / len(pairs)
    assert len(kept) == 3
    assert loss.item() == pytest.approx(0.6 / 3 * total.item(), rel=1e-5)


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match='relation_head.query_share'):
        small_parser(type='SQUATHead', query_share=0.0)
