"""VCTree: trees, and LSTMs over them, against their formulas."""

from functools import partial

import pytest
import torch

from helpers.naive_heads import box_code, compare, predicate_logits, random_inputs, small_head
from mmsgp.models.layers import TreeLSTMCell, grow_trees, overlap_codes
from mmsgp.testing.models import random_samples, small_parser

H = 32


def linear(layer, x):
    return layer.weight @ x + layer.bias


def norm(layer, x):
    x = (x - layer.running_mean) / (layer.running_var + 1e-5).sqrt()
    return x * layer.weight + layer.bias


def naive_tree(scores):
    """Left and right child of each object, grown object by object."""
    count = len(scores)
    merit = [
        sum(torch.sigmoid(scores[i, j]).item() for j in range(count) if j != i)
        for i in range(count)
    ]
    root = merit.index(max(merit))
    inside, children = [root], {i: [] for i in range(count)}
    while len(inside) < count:
        found = [
            (scores[i, j].item(), i, j) for i in inside for j in range(count) if j not in inside
        ]
        _, i, j = max(found)
        children[i].append(j)
        inside.append(j)
    left, right = {}, {}
    for own in children.values():
        right.update(zip(own, own[1:]))
    for i, own in children.items():
        if own:
            left[i] = own[0]
    return root, left, right


@pytest.mark.parametrize('sizes', [(7, 1, 0, 4, 9), (1,), (0, 0), (12, 12)])
def test_trees_are_those_grown_one_by_one(sizes):
    torch.manual_seed(0)
    most = max(1, *sizes, 0)
    scores = torch.rand(len(sizes), most, most)
    scores = scores + scores.transpose(1, 2)
    valid = torch.arange(most) < torch.tensor(sizes)[:, None]
    trees = grow_trees(scores, valid)
    start = 0
    for own, size in zip(scores, sizes):
        if size:
            root, left, right = naive_tree(own[:size, :size])
            for row in range(size):
                for found, expected in ((trees.left, left), (trees.right, right)):
                    child = expected.get(row, -1)
                    assert found[start + row] == (start + child if child >= 0 else -1)
                    if child >= 0:
                        assert trees.parent[start + child] == start + row
                        assert trees.depth[start + child] == trees.depth[start + row] + 1
            assert trees.depth[start + root] == 0 and trees.parent[start + root] == -1
        start += size
    assert len(trees.depth) == start


def test_a_tree_grown_by_hand():
    """0 is in the middle, 1 and then 2 are its children, 3 is a child of 2."""
    scores = torch.tensor([[0.0, 9, 8, 1], [9, 0, 1, 1], [8, 1, 0, 7], [1, 1, 7, 0]])
    trees = grow_trees(scores[None], torch.ones(1, 4, dtype=torch.bool))
    assert trees.left.tolist() == [1, -1, 3, -1]
    assert trees.right.tolist() == [-1, 2, -1, -1]
    assert trees.parent.tolist() == [-1, 0, 1, 2]
    assert trees.depth.tolist() == [0, 1, 2, 3]


def test_overlaps_counted_by_hand():
    boxes = torch.tensor([[0.0, 0, 512, 1024], [256, 0, 768, 1024], [0, 0, 256, 512], [0, 0, 9, 9]])
    codes = overlap_codes(boxes, torch.tensor([0, 0, 0, 1]))
    # areas 1/2, 1/2, 1/8; the first meets the others with 1/4 and 1/8
    assert codes[0].tolist() == pytest.approx([2, 0.375, 1 / 3 + 0.25, 0.1875, 7 / 24, 0.5])
    assert codes[1].tolist() == pytest.approx([1, 0.25, 1 / 3, 0.25, 1 / 3, 0.5])
    assert codes[3].tolist() == pytest.approx([0, 0, 0, 0, 0, 81 / 1024**2])


def cell_step(cell, x, relatives):
    """One object: gates i, o, r, u, f_1, f_2 and the highway."""
    size, count = cell.hidden_size, 4 + len(relatives)
    projected = linear(cell.input_projection, x)
    gates = projected[: count * size]
    for layer, (h, _) in zip(cell.state_projections, relatives):
        gates = gates + layer.weight @ h
    i, o, r, u, *forget = gates.split(size)
    c = torch.sigmoid(i) * torch.tanh(u)
    for f, (_, before) in zip(forget, relatives):
        c = c + torch.sigmoid(f) * before
    r = torch.sigmoid(r)
    return r * torch.sigmoid(o) * torch.tanh(c) + (1 - r) * projected[count * size :], c


def climb(cell, inputs, left, right, node):
    """Outputs of a subtree, by recursion."""
    zero = torch.zeros(cell.hidden_size, dtype=torch.float64)
    states, relatives = {}, []
    for child in (left.get(node), right.get(node)):
        states.update({} if child is None else climb(cell, inputs, left, right, child))
        relatives.append((zero, zero) if child is None else states[child])
    states[node] = cell_step(cell, inputs[node], relatives)
    return states


def descend(step, left, right, node, above):
    """Outputs of a subtree, given the state above, by recursion."""
    states = {node: step(node, above)}
    for child in (left.get(node), right.get(node)):
        if child is not None:
            states.update(descend(step, left, right, child, states[node]))
    return states


def both_ways(tree, inputs, root, left, right):
    zero = torch.zeros(tree.down.hidden_size, dtype=torch.float64)
    up = climb(tree.up, inputs, left, right, root)
    down = descend(
        lambda node, above: cell_step(tree.down, inputs[node], [above]),
        left,
        right,
        root,
        (zero, zero),
    )
    return [torch.cat([up[node][0], down[node][0]]) for node in range(len(inputs))]


def decode_all(head, context, root, left, right):
    """Of what the decoder sees of each object."""
    decoded = {}

    def decode(node, above):
        word = head.decoder.label_embedding.weight[above[2]]
        state = cell_step(head.decoder.cell, torch.cat([context[node], word]), [above[:2]])
        decoded[node] = linear(head.decoder.fc_label, state[0])
        return *state, decoded[node][:-1].argmax().item()

    zero = torch.zeros(H, dtype=torch.float64)
    descend(decode, left, right, root, (zero, zero, -1))
    return decoded


def naive(head, regions, objects, decode_inputs=False):
    logits, roles, labels, pair = [], [], [], head.scorer_of_pairs
    table = (pair.cooccurrence.weight + pair.cooccurrence.weight.T) / 2
    overlaps = overlap_codes(objects.bboxes, objects.image_ids)
    for image in range(objects.num_images):
        rows = (objects.image_ids == image).nonzero()[:, 0].tolist()
        if not rows:
            continue
        shares = [objects.logits[row].softmax(dim=0) for row in rows]
        words = [share @ head.object_embedding.weight for share in shares]
        subjects, objects_, inputs = [], [], []
        for row, word in zip(rows, words):
            code = box_code(objects, row)
            joint = torch.cat(
                [
                    torch.relu(norm(pair.fc_box[1], linear(pair.fc_box[0], code))),
                    torch.relu(norm(pair.fc_overlap[1], linear(pair.fc_overlap[0], overlaps[row]))),
                    linear(pair.fc_visual, regions.objects[row].detach()),
                    linear(pair.fc_class, word.detach()),
                ]
            )
            joint = torch.relu(linear(pair.fc_joint[0], joint))
            subjects.append(torch.relu(linear(pair.fc_subject[0], joint)))
            objects_.append(torch.relu(linear(pair.fc_object[0], joint)))
            hidden = norm(head.position[1], linear(head.position[0], code))
            position = torch.relu(linear(head.position[2], hidden))
            inputs.append(torch.cat([regions.objects[row], word, position]))
        scores = torch.zeros(len(rows), len(rows), dtype=torch.float64)
        for i, s in enumerate(subjects):
            for j, o in enumerate(objects_):
                co = (shares[i] @ table @ shares[j])[None]
                seen = linear(pair.fc_score, torch.cat([s * o, s, o, co]))
                scores[i, j] = (torch.sigmoid(seen) * co).item()
        root, left, right = naive_tree((scores + scores.T) / 2)
        context = both_ways(head.object_tree, inputs, root, left, right)
        seen = context
        if decode_inputs:
            seen = [torch.cat([row, c]) for row, c in zip(inputs, context)]
        decoded = decode_all(head, seen, root, left, right)
        own = [decoded[node] for node in range(len(rows))]
        own_labels = [row[:-1].argmax().item() for row in own]
        inputs = [
            torch.cat([head.label_embedding.weight[label], regions.objects[row], c])
            for label, row, c in zip(own_labels, rows, context)
        ]
        edges = both_ways(head.edge_tree, inputs, root, left, right)
        logits += own
        labels += own_labels
        roles += [torch.relu(linear(head.fc_roles[0], edge)) for edge in edges]
    relations = []
    for (i, j), union in zip(regions.pairs.tolist(), regions.unions):
        both = torch.cat([roles[i][:H], roles[j][H:]])
        feature = torch.cat([union * linear(head.fc_gate, both), both])
        relations.append(predicate_logits(head, feature, labels[i], labels[j]))
    return torch.stack(logits), torch.stack(relations)


@pytest.mark.parametrize('decode_inputs', [False, True])
def test_it_equals_its_formulas_by_recursion(decode_inputs):
    head = small_head('VCTreeHead', decode_inputs=decode_inputs)
    torch.manual_seed(1)
    torch.nn.init.uniform_(head.scorer_of_pairs.cooccurrence.weight)
    formulas = partial(naive, decode_inputs=decode_inputs)
    compare(head, formulas, *random_inputs(head, (5, 0, 1, 3)))


def test_gates_start_as_in_the_definition():
    for relatives, forget in ((1, 1.0), (2, 0.5)):
        cell = TreeLSTMCell(12, 6, relatives)
        bias = cell.input_projection.bias.view(-1, 6)
        assert bias.mean(dim=1).tolist() == [0] * 4 + [forget] * relatives + [0]
        for layer in cell.state_projections:
            for block in layer.weight.split(6):
                torch.testing.assert_close(block @ block.T, torch.eye(6))


def test_related_pairs_in_either_direction_are_taught():
    """The additional loss against a loop over all pairs of objects."""
    torch.manual_seed(0)
    model = small_parser(type='VCTreeHead', hidden_size=32, loss_pair_weight=2.0).train()
    samples, kept = random_samples([4, 1, 0, 3]), {}
    head = model.relation_head
    scorer = head.scorer_of_pairs
    scorer.register_forward_hook(lambda module, inputs, output: kept.update(logits=output[0]))
    loss = model.loss(torch.randn(4, 3, 96, 96), samples)['loss_pair']
    terms = []
    for sample, logits in zip(samples, kept['logits']):
        graph = sample.gt_scene_graph
        related = {frozenset(pair) for pair in graph.relations.pairs.tolist()}
        for i in range(graph.num_objects):
            for j in range(graph.num_objects):
                if i != j:
                    p = torch.sigmoid(logits[i, j])
                    terms.append(-torch.log(p if frozenset((i, j)) in related else 1 - p))
    assert loss.item() == pytest.approx(2 * torch.stack(terms).mean().item(), rel=1e-5)
