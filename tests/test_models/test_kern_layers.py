"""KERN's graphs against their formulas, node by node."""

import torch
from torch import nn

from mmsgp.models.layers import ObjectGraph, PairGraph

H = 3


def linear(fc, row, rows=slice(None)):
    return fc.weight[rows] @ row + fc.bias[rows]


def naive_unit(unit, message, state):
    """One node's new state, by the formula; all weights one by one."""
    w3, w4, w5 = (slice(i * H, (i + 1) * H) for i in range(3))
    u3, u4 = slice(0, H), slice(H, 2 * H)
    z = torch.sigmoid(linear(unit.fc_message, message, w3) + linear(unit.fc_gates, state, u3))
    r = torch.sigmoid(linear(unit.fc_message, message, w4) + linear(unit.fc_gates, state, u4))
    c = torch.tanh(linear(unit.fc_message, message, w5) + linear(unit.fc_candidate, r * state))
    return (1 - z) * state + z * c


def naive_readout(readout, state, inputs):
    return torch.relu(linear(readout.fc, torch.cat([state, inputs])))


def naive_objects(graph, inputs, cooccurrence):
    """Logits of the objects of one image."""
    classes = range(graph.num_classes)
    states = [[row for _ in classes] for row in inputs]
    for _ in range(graph.num_steps):
        new = []
        for i in range(len(inputs)):
            others = [
                sum(
                    (states[j][k] for j in range(len(inputs)) if j != i),
                    torch.zeros(H, dtype=torch.float64),
                )
                for k in classes
            ]
            new.append(
                [
                    naive_unit(
                        graph.unit,
                        torch.cat(
                            [
                                sum(cooccurrence[m, k] * others[m] for m in classes),
                                sum(cooccurrence[k, m] * others[m] for m in classes),
                            ]
                        ),
                        states[i][k],
                    )
                    for k in classes
                ]
            )
        states = new
    return torch.stack(
        [
            linear(
                graph.classifier,
                torch.cat([naive_readout(graph.readout, states[i][k], inputs[i]) for k in classes]),
            )
            for i in range(len(inputs))
        ]
    )


def naive_pair(graph, subject, obj, pair, weights):
    """Features of one pair."""
    inputs = [subject, obj, *[pair for _ in weights]]
    states = list(inputs)
    for _ in range(graph.num_steps):
        to_ends = sum(a * h for a, h in zip(weights, states[2:]))
        messages = [to_ends, to_ends, *[a * (states[0] + states[1]) for a in weights]]
        states = [naive_unit(graph.unit, torch.cat([m, m]), h) for m, h in zip(messages, states)]
    return torch.cat([naive_readout(graph.readout, h, x) for h, x in zip(states, inputs)])


def assert_same_with_gradients(got, expected, tensors):
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)
    weights = torch.randn_like(got)
    for one, other in zip(
        torch.autograd.grad((got * weights).sum(), tensors),
        torch.autograd.grad((expected * weights).sum(), tensors),
    ):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


def test_object_graph_equals_its_formula_and_its_gradient():
    torch.manual_seed(0)
    graph = ObjectGraph(num_classes=4, hidden_size=H, num_steps=3).double()
    sizes = [3, 0, 1, 2]
    inputs = torch.randn(6, H, dtype=torch.float64, requires_grad=True)
    cooccurrence = torch.rand(4, 4, dtype=torch.float64)
    image_ids = torch.arange(4).repeat_interleave(torch.tensor(sizes))
    logits = graph(inputs, image_ids, 4, cooccurrence)
    expected = torch.cat(
        [naive_objects(graph, rows, cooccurrence) for rows in inputs.split(sizes) if len(rows)]
    )
    assert_same_with_gradients(logits, expected, [inputs, *graph.parameters()])


def test_pair_graph_equals_its_formula_and_its_gradient():
    torch.manual_seed(0)
    graph = PairGraph(hidden_size=H, num_steps=3).double()
    ends = [torch.randn(5, H, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    weights = torch.rand(5, 4, dtype=torch.float64)
    weights[2, 1:3] = 0  # nodes without an edge are computed together
    weights[3] = 0
    features = graph(*ends, weights)
    expected = torch.stack(
        [naive_pair(graph, *(rows[i] for rows in ends), weights[i]) for i in range(5)]
    )
    assert features.shape == (5, 6 * H)
    assert_same_with_gradients(features, expected, [*ends, *graph.parameters()])


def test_a_single_step_shares_the_state():
    torch.manual_seed(0)
    graph = PairGraph(hidden_size=H, num_steps=1).double()
    rows = torch.randn(3, 2, H, dtype=torch.float64)
    weights = torch.rand(2, 4, dtype=torch.float64)
    torch.testing.assert_close(
        graph(*rows, weights),
        torch.stack([naive_pair(graph, *rows[:, i], weights[i]) for i in range(2)]),
    )


def test_graphs_of_nothing():
    graph = PairGraph(H, 2)
    nothing = torch.empty(0, H)
    assert graph(nothing, nothing, nothing, torch.empty(0, 4)).shape == (0, 6 * H)
    objects = ObjectGraph(4, H, 2)
    assert objects(nothing, torch.empty(0, dtype=torch.long), 2, torch.rand(4, 4)).shape == (0, 4)
    assert isinstance(objects.classifier, nn.Linear)


def test_chunks_change_nothing():
    torch.manual_seed(0)
    graph = PairGraph(H, 3, nodes_per_chunk=9).double()
    rows = torch.randn(3, 9, H, dtype=torch.float64)
    weights = torch.rand(9, 5, dtype=torch.float64)
    weights[weights < 0.4] = 0
    whole = graph(*rows, weights)
    with torch.no_grad():
        torch.testing.assert_close(graph(*rows, weights), whole)
