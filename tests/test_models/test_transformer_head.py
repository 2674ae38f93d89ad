"""The Transformer baseline against its formulas."""

import math

import torch

from helpers.naive_heads import box_code, compare, predicate_logits, random_inputs, small_head


def linear(layer, x):
    return x @ layer.weight.T + layer.bias


def norm(layer, x):
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = (centred**2).mean(dim=-1, keepdim=True)
    return centred / (variance + layer.eps).sqrt() * layer.weight + layer.bias


def attention(module, x):
    """Of all rows among each other, head by head."""
    size = x.shape[1] // module.num_heads
    query, key, value = (x @ module.in_proj_weight.T + module.in_proj_bias).chunk(3, dim=1)
    heads = []
    for k in range(module.num_heads):
        part = slice(k * size, (k + 1) * size)
        scores = query[:, part] @ key[:, part].T / math.sqrt(size)
        heads.append((scores.exp() / scores.exp().sum(dim=1, keepdim=True)) @ value[:, part])
    return linear(module.out_proj, torch.cat(heads, dim=1))


def encode(encoder, x):
    for layer in encoder.layers:
        x = norm(layer.norms[0], x + attention(layer.self_attn.attn, x))
        first, second = layer.ffn.layers[0][0], layer.ffn.layers[1]
        x = norm(layer.norms[1], x + linear(second, torch.relu(linear(first, x))))
    return x


def naive(head, regions, objects):
    """Image by image, pair by pair."""
    logits, roles, labels = [], {}, {}
    for image in range(objects.num_images):
        rows = (objects.image_ids == image).nonzero()[:, 0].tolist()
        if not rows:
            continue
        x = regions.objects[rows]
        first, second = head.position[0], head.position[3]
        code = torch.stack([box_code(objects, row) for row in rows])
        position = torch.relu(linear(second, torch.relu(linear(first, code))))
        classes = objects.logits[rows].softmax(dim=1) @ head.object_embedding.weight
        context = encode(
            head.object_encoder, linear(head.fc_object, torch.cat([x, classes, position], dim=1))
        )
        own = linear(head.fc_label, context)
        logits.append(own)
        label = own[:, :-1].argmax(dim=1)
        words = head.label_embedding.weight[label]
        edges = encode(
            head.edge_encoder, linear(head.fc_edge, torch.cat([x, context, words], dim=1))
        )
        for row, role, own_label in zip(rows, linear(head.fc_roles, edges), label):
            roles[row], labels[row] = role, own_label
    relations = []
    for (i, j), union in zip(regions.pairs.tolist(), regions.unions):
        pair = torch.cat([roles[i][:32], roles[j][32:]])
        feature = torch.cat([union * linear(head.fc_gate, pair), pair])
        relations.append(predicate_logits(head, feature, labels[i], labels[j]))
    return torch.cat(logits), torch.stack(relations)


def test_it_equals_its_formulas_image_by_image():
    head = small_head('TransformerHead')
    torch.manual_seed(1)
    compare(head, naive, *random_inputs(head, (4, 0, 1, 3)))


def test_weights_start_as_in_the_definition():
    head = small_head('TransformerHead', hidden_size=128, num_heads=8)
    attention = head.object_encoder.layers[0].self_attn.attn
    expected = {
        attention.in_proj_weight: math.sqrt(2 / (128 + 16)),
        attention.out_proj.weight: math.sqrt(2 / (128 + 128)),
        head.fc_gate.weight: math.sqrt(2 / (256 + 256)),
        head.fc_roles.weight: 10 * math.sqrt(1 / 128),
        head.fc_predicate.parts[0].weight: math.sqrt(2 / (256 + 5)),
        head.fc_predicate.parts[1].weight: math.sqrt(2 / (256 + 5)),
    }
    for weight, std in expected.items():
        assert abs(weight.std().item() / std - 1) < 0.06
    assert head.fc_roles.bias.abs().max() == 0


def test_dropout_is_that_of_the_definition():
    """A tenth of attention weights and of what a layer adds; nothing within a layer."""
    layer = small_head('TransformerHead').object_encoder.layers[0]
    assert layer.self_attn.attn.dropout == 0.1
    assert layer.self_attn.dropout_layer.p == 0.1
    assert [d.p for d in layer.ffn.layers.modules() if isinstance(d, torch.nn.Dropout)] == [0, 0.1]
