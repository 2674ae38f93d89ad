"""IMP against its formulas."""

import torch

from helpers.naive_heads import compare, predicate_logits, random_inputs, small_head


def gru(cell, message, state):
    r_x, z_x, n_x = (cell.weight_ih @ message + cell.bias_ih).chunk(3)
    r_h, z_h, n_h = (cell.weight_hh @ state + cell.bias_hh).chunk(3)
    reset, update = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return (1 - update) * torch.tanh(n_x + reset * n_h) + update * state


def naive(head, regions, objects):
    """Node by node and pair by pair."""

    def gate(k, node, pair):
        return torch.sigmoid(head.gates[k].weight[0] @ torch.cat([node, pair]) + head.gates[k].bias)

    zero = torch.zeros(32, dtype=torch.float64)
    pairs = [tuple(pair) for pair in regions.pairs.tolist()]
    nodes = [
        gru(head.object_unit, head.fc_object.weight @ x + head.fc_object.bias, zero)
        for x in regions.objects
    ]
    edges = {
        pair: gru(head.pair_unit, torch.relu(head.fc_pair.weight @ u + head.fc_pair.bias), zero)
        for pair, u in zip(pairs, regions.unions)
    }
    for _ in range(3):
        messages = [zero for _ in nodes]
        sent = {}
        for (i, j), e in edges.items():
            messages[i] = messages[i] + gate(2, nodes[i], e) * e
            messages[j] = messages[j] + gate(3, nodes[j], e) * e
            sent[i, j] = gate(0, nodes[i], e) * nodes[i] + gate(1, nodes[j], e) * nodes[j]
        edges = {pair: gru(head.pair_unit, sent[pair], e) for pair, e in edges.items()}
        nodes = [gru(head.object_unit, m, v) for m, v in zip(messages, nodes)]
    logits = torch.stack([head.fc_label.weight @ v + head.fc_label.bias for v in nodes])
    relations = [predicate_logits(head, edges[pair], None, None) for pair in pairs]
    return logits, torch.stack(relations)


def test_it_equals_its_formulas_node_by_node():
    head = small_head('IMPHead')
    torch.manual_seed(1)
    compare(head, naive, *random_inputs(head, (4, 0, 1, 3)))


def test_an_image_without_pairs_has_object_logits():
    head = small_head('IMPHead')
    regions, objects = random_inputs(head, (1, 0))
    output = head(regions, objects)
    assert output.context.logits.shape == (1, 6)
    assert output.relation_logits.shape == (0, 5)
    assert output.context.logits.isfinite().all()
