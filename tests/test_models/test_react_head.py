"""REACT++, its readers of feature maps and its prototypes against their formulas."""

import math

import pytest
import torch

from helpers.naive_heads import box_code, compare, random_inputs, small_head
from mmsgp.models.layers import ObjectReader, SceneReader, SwiGLU
from mmsgp.models.relation_heads.react_head import PrototypeBank
from mmsgp.registry import MODELS


def rms_norm(layer, x):
    return x / ((x**2).mean() + 1e-6).sqrt() * layer.weight


def silu(x):
    return x / (1 + torch.exp(-x))


def swiglu(layer, x):
    gate, value = layer.gate.weight @ x, layer.value.weight @ x
    return layer.out.weight @ (silu(gate) * value)


def attend(layer, x, rows, offset=None):
    """One query; head by head."""
    query, size = layer.query.weight @ x, len(x) // layer.num_heads
    heads = []
    for k in range(layer.num_heads):
        part = slice(k * size, (k + 1) * size)
        own = query[part] if offset is None else query[part] + offset[k]
        scores = torch.stack([own @ (layer.key.weight @ row)[part] for row in rows])
        shares = (scores / math.sqrt(size)).softmax(dim=0)
        heads.append(sum(a * (layer.value.weight @ row)[part] for a, row in zip(shares, rows)))
    return layer.out.weight @ torch.cat(heads)


def project(head, x):
    first, norm, _, second = head.projection
    return second.weight @ silu(rms_norm(norm, first.weight @ x))


def naive(head, regions, objects):
    words = [swiglu(head.object_words, word) for word in head.object_embedding.weight]
    labels = objects.logits[:, :-1].argmax(dim=1)
    roles = []
    for row, x in enumerate(regions.objects):
        seen = rms_norm(head.roles_norm, head.fc_roles.weight @ x)
        hidden = silu(head.geometry[0].weight @ box_code(objects, row))
        z = head.geometry[2].weight @ hidden
        angles = torch.cat([z[:32].sin(), z[32:].cos()])
        own = []
        for role, part in ((head.subject_role, seen[:32]), (head.object_role, seen[32:])):
            s = attend(role.attention, part, words, role.offset.weight @ angles)
            s = rms_norm(head.words_norm, part + s)
            own.append(rms_norm(role.norm, s + swiglu(role.feedforward, s)) + words[labels[row]])
        roles.append(own)
    bank = [
        (average if seen else learnt)
        for average, seen, learnt in zip(head.bank.average, head.bank.seen, head.bank.learnt)
    ]
    table = [project(head, c / c.norm()) for c in bank]
    relations = []
    for i, j in regions.pairs.tolist():
        s, o = roles[i][0], roles[j][1]
        r = s * o + s - o
        r = rms_norm(head.compose_norm, r + swiglu(head.compose, r))
        scene = [head.fc_scene.weight @ t for t in regions.scenes[objects.image_ids[i]]]
        q = attend(head.scene_attention, r, scene)
        gate = torch.sigmoid(head.scene_gate.weight @ rms_norm(head.scene_norm, r + q))
        feature = project(head, r + gate * q)
        cosines = torch.stack([feature @ c / feature.norm() / c.norm() for c in table])
        relations.append(head.fc_predicate.scale.exp() * cosines)
    return objects.logits, torch.stack(relations)


def test_it_equals_its_formulas_pair_by_pair():
    head = small_head('REACTHead')
    torch.manual_seed(1)
    head.bank.update(torch.randn(3, 32).double(), torch.tensor([2, 0, 4]))
    scenes = torch.randn(4, 16, 32, dtype=torch.float64, requires_grad=True)
    regions, objects = random_inputs(head, (3, 0, 1, 2), channels=32, scenes=scenes)
    compare(head, naive, regions._replace(unions=None), objects)


def test_the_box_changes_the_result():
    """Added to keys instead of queries, it would cancel in the softmax."""
    head = small_head('REACTHead')
    torch.manual_seed(1)
    scenes = torch.randn(1, 16, 32, dtype=torch.float64)
    regions, objects = random_inputs(head, (3,), channels=32, scenes=scenes)
    before = head(regions, objects).relation_logits
    objects.bboxes[0] /= 2
    after = head(regions, objects).relation_logits
    assert (before - after).abs().max() > 1e-6


@pytest.mark.parametrize('in_channels, expansion, hidden', [(200, 2, 400), (512, 4 / 3, 688)])
def test_hidden_channels_are_a_multiple_of_eight(in_channels, expansion, hidden):
    assert SwiGLU(in_channels, 16, expansion).gate.out_features == hidden


def normalise(x):
    return (x - x.mean()) / (((x - x.mean()) ** 2).mean() + 1e-5).sqrt()


def test_an_object_is_read_around_its_centre():
    """Of two levels, cell by cell; a centre near the border and one beyond it."""
    torch.manual_seed(0)
    reader = ObjectReader([3, 5], [8, 16], 4).double()
    maps = [torch.randn(2, 3, 6, 8).double(), torch.randn(2, 5, 3, 4).double()]
    boxes = torch.tensor([[0.0, 0, 10, 30], [40, 30, 64, 50], [60, 10, 76, 20.0]]).double()
    images = torch.tensor([0, 1, 1])
    expected = []
    for box, image in zip(boxes.tolist(), images.tolist()):
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        read = []
        for level, stride, own in zip(reader.levels, (8, 16), maps):
            height, width = own.shape[2:]
            column = min(max(math.floor(x / stride), 0), width - 1)
            row = min(max(math.floor(y / stride), 0), height - 1)
            total, weights = 0, 0
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    weight = math.exp(-(dy**2 + dx**2))
                    cell = own[
                        image,
                        :,
                        min(max(row + dy, 0), height - 1),
                        min(max(column + dx, 0), width - 1),
                    ]
                    total, weights = total + weight * cell, weights + weight
            read.append(level[1].weight @ normalise(total / weights))
        expected.append(reader.fuse[1].weight @ normalise(torch.cat(read)))
    torch.testing.assert_close(reader(maps, boxes, images), torch.stack(expected))


def test_a_scene_is_a_layer_of_pytorch_over_a_grid():
    torch.manual_seed(0)
    reader = SceneReader(6, 8, 2, 12).double().eval()
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12, 0.0, batch_first=True, norm_first=True)
    layer = layer.double().eval()
    own = reader.attention
    for kind in ('weight', 'bias'):
        rows = [getattr(part, kind) for part in (own.query, own.key, own.value)]
        getattr(layer.self_attn, f'in_proj_{kind}').data = torch.cat(rows).data
    layer.self_attn.out_proj.load_state_dict(own.out.state_dict())
    layer.norm1.load_state_dict(reader.attention_norm.state_dict())
    layer.norm2.load_state_dict(reader.feedforward[0].state_dict())
    layer.linear1.load_state_dict(reader.feedforward[1].state_dict())
    layer.linear2.load_state_dict(reader.feedforward[3].state_dict())
    image = torch.randn(2, 6, 8, 12, dtype=torch.float64)
    grid = image.unflatten(2, (4, 2)).unflatten(4, (4, 3)).mean(dim=(3, 5))  # (B, C, 4, 4)
    tokens = torch.stack(
        [
            torch.stack([reader.project[1].weight @ normalise(cell) for cell in cells])
            for cells in grid.flatten(2).transpose(1, 2)
        ]
    )
    torch.testing.assert_close(reader(image), layer(tokens))


def test_prototypes_move_to_what_was_seen():
    bank = PrototypeBank(4, 2, momentum=0.5)
    bank.learnt.data = torch.tensor([[2.0, 0], [0, 3], [4, 0], [0, -5]])
    assert bank().tolist() == [[1, 0], [0, 1], [1, 0], [0, -1]]
    # two directions of class 2, whatever their lengths; unknown does not count
    bank.update(torch.tensor([[9.0, 0], [0, 2], [1, 1]]), torch.tensor([2, 2, 0]))
    half = math.sqrt(0.5)
    expected = torch.tensor([[1, 0], [0, 1], [half, half], [0, -1]])
    torch.testing.assert_close(bank(), expected)
    bank.update(torch.tensor([[half, -half]]), torch.tensor([2]))
    torch.testing.assert_close(bank()[2], torch.tensor([1.0, 0]))  # halfway
    assert bank.seen.tolist() == [0, 0, 1, 0]


def test_levels_and_strides_must_agree():
    with pytest.raises(ValueError, match='relation_head.strides has 1'):
        MODELS.build(
            dict(
                type='REACTHead',
                num_classes=5,
                num_predicates=4,
                in_channels=[8, 8],
                strides=[8],
            )
        )
