"""The mapped models compute what the references' formulas say.

Naive code runs on the tensors as the references store them, in float64; the
background is class 0 there, and the last class in what MMSGP computes.
"""

import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import roi_align
from reference_weights import convert, unpack_highway_lstm

from helpers.reference_weights import (
    RATIOS,
    SCALES,
    A,
    D,
    H,
    K,
    Q,
    reference_model_cfg,
    reference_state,
)
from mmsgp.registry import MODELS
from mmsgp.testing.models import random_samples

SIDE = 96
KINDS = ('motifnet', 'linknet', 'kern')


def converted_parser(state, kind, separate_gates=False, **relation_head):
    """A parser in float64 with the mapped weights, all of them."""
    weights, left = convert(state, kind, separate_gates)
    cfg = reference_model_cfg(kind, **relation_head)
    cfg.detector.rpn_head.type = 'mmsgp.ReLU6RPNHead'
    cfg.detector.rpn_head.anchor_generator.center_offset = 0.5
    model = MODELS.build(cfg).double().eval()
    if kind == 'kern':  # a file of its own for the reference
        weights['relation_head.predicate_cooccurrence'] = cooccurrence()[1]
        weights['has_priors'] = torch.tensor(1.0)
    model.load_state_dict(weights)
    return model, left


def cooccurrence():
    """Of predicates, (K, K, Q): the reference's, and with background last."""
    table = torch.rand(K, K, Q, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    table = table * (table > 0.4)
    return table, table.roll((-1, -1), dims=(0, 1))


@pytest.fixture(scope='module')
def image():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(1, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)


@pytest.fixture(scope='module')
def samples():
    torch.manual_seed(3)
    [sample] = random_samples([4], image_size=SIDE)
    objects = sample.gt_scene_graph.objects
    objects.bboxes = objects.bboxes.double()
    return [sample]


# ---- the references' formulas


class Reference:
    """Layers by their names in the state dict."""

    def __init__(self, state):
        self.state = state

    def fc(self, name, values):
        return values @ self.state[f'{name}.weight'].t() + self.state[f'{name}.bias']

    def conv(self, name, values, **kwargs):
        return F.conv2d(values, self.state[f'{name}.weight'], self.state[f'{name}.bias'], **kwargs)

    def norm(self, name, values):
        """With the running statistics, along axis 1."""
        weight, bias, mean, var = (
            self.state[f'{name}.{part}'].view(-1, *[1] * (values.dim() - 2))
            for part in ('weight', 'bias', 'running_mean', 'running_var')
        )
        return (values - mean) / (var + 1e-5).sqrt() * weight + bias

    def feature_map(self, image):
        place = 0
        for stage, blocks in enumerate((2, 2, 3, 3, 3)):
            if stage:
                image = F.max_pool2d(image, 2)
                place += 1
            for _ in range(blocks):
                image = self.conv(f'detector.features.{place}', image, padding=1).relu()
                place += 2
        return image

    def regions(self, name, pooled, last_relu=True):
        hidden = self.fc(f'{name}.0', pooled.flatten(1)).relu()
        hidden = self.fc(f'{name}.3', hidden)
        return hidden.relu() if last_relu else hidden

    def encoded_masks(self, masks):
        hidden = self.conv('union_boxes.conv.0', masks - 0.5, stride=2, padding=3).relu()
        hidden = F.max_pool2d(self.norm('union_boxes.conv.2', hidden), 3, 2, 1)
        hidden = self.conv('union_boxes.conv.4', hidden, padding=1).relu()
        return self.norm('union_boxes.conv.6', hidden)


def pool(feature_map, boxes):
    rois = torch.cat([boxes.new_zeros(len(boxes), 1), boxes], dim=1)
    return roi_align(feature_map, rois, (7, 7), 1 / 16, 1, 'avg', True)


def mask(box, union):
    """The share of each of 27 x 27 cells of the union that the box covers."""
    x1, y1, x2, y2 = union
    width, height = (x2 - x1) / 27, (y2 - y1) / 27
    cells = torch.zeros(27, 27, dtype=torch.float64)
    for row in range(27):
        for column in range(27):
            left, top = x1 + column * width, y1 + row * height
            covered_x = min(box[2], left + width) - max(box[0], left)
            covered_y = min(box[3], top + height) - max(box[1], top)
            cells[row, column] = max(covered_x, 0) / width * max(covered_y, 0) / height
    return cells


def visual_features(reference, image, boxes):
    """Of the detector's logits, objects, ordered pairs and the image."""
    fmap = reference.feature_map(image)
    pooled = pool(fmap, boxes)
    logits = reference.fc('detector.score_fc', reference.regions('detector.roi_fmap', pooled))
    objects = reference.regions('roi_fmap_obj', pooled)
    pairs = [(i, j) for i in range(len(boxes)) for j in range(len(boxes)) if i != j]
    unions, masks = [], []
    for i, j in pairs:
        one, other = boxes[i].tolist(), boxes[j].tolist()
        union = [*map(min, one[:2], other[:2]), *map(max, one[2:], other[2:])]
        unions.append(union)
        masks.append(torch.stack([mask(one, union), mask(other, union)]))
    pair_features = reference.regions(
        'roi_fmap.1',
        pool(fmap, boxes.new_tensor(unions)) + reference.encoded_masks(torch.stack(masks)),
        last_relu=False,
    )
    return logits, objects, pairs, pair_features, fmap[0].mean(dim=(1, 2))


def highway_cell(inputs, states, memory):
    """Gates in the order i, f, c, o, r, the highway last."""
    x, s = inputs.split(H), (*states.split(H), None)
    i, f, o, r = (torch.sigmoid(x[k] + s[k]) for k in (0, 1, 3, 4))
    memory = i * torch.tanh(x[2] + s[2]) + f * memory
    return r * o * torch.tanh(memory) + (1 - r) * x[5], memory


def packed_lstm(weight, bias, rows):
    """Layers that lie one after another; they alternate directions."""
    place, layer = 0, 0
    while place < len(weight):
        size = len(rows[0])
        w = weight[place : place + size * 6 * H].view(size, 6 * H)
        place += w.numel()
        u = weight[place : place + H * 5 * H].view(H, 5 * H)
        place += u.numel()
        b = bias[layer * 5 * H : (layer + 1) * 5 * H]
        steps = range(len(rows)) if layer % 2 == 0 else reversed(range(len(rows)))
        state = memory = torch.zeros(H, dtype=weight.dtype)
        outputs = [None] * len(rows)
        for t in steps:
            state, memory = highway_cell(rows[t] @ w, state @ u + b, memory)
            outputs[t] = state
        rows, layer = outputs, layer + 1
    assert layer * 5 * H == len(bias)
    return rows


def best_class(logits):
    """Other than the background."""
    return int(logits[1:].argmax()) + 1


# Which objects the reference's LSTMs see first, by its option -order; the
# scores are sorted from high to low.
ORDERS = {
    'confidence': lambda box, confidence: confidence,
    'size': lambda box, _: (box[2] - box[0]) * (box[3] - box[1]),
    'leftright': lambda box, _: (box[0] + box[2]) / 2,
}


def motifnet(reference, image, boxes, order='confidence'):
    state, score = reference.state, ORDERS[order]
    logits, objects, pairs, unions, _ = visual_features(reference, image, boxes)
    probabilities = logits.softmax(dim=1)
    places = torch.stack(
        [
            (boxes[:, 0] + boxes[:, 2]) / 2,
            (boxes[:, 1] + boxes[:, 3]) / 2,
            boxes[:, 2] - boxes[:, 0],
            boxes[:, 3] - boxes[:, 1],
        ],
        dim=1,
    )
    places = reference.fc(
        'context.pos_embed.1', reference.norm('context.pos_embed.0', places)
    ).relu()
    inputs = torch.cat([objects, probabilities @ state['context.obj_embed.weight'], places], dim=1)
    order = sorted(range(len(boxes)), key=lambda i: -score(boxes[i], probabilities[i, 1:].max()))
    encoded = dict(
        zip(
            order,
            packed_lstm(
                state['context.obj_ctx_rnn.weight'],
                state['context.obj_ctx_rnn.bias'],
                [inputs[i] for i in order],
            ),
        )
    )

    name = 'context.decoder_rnn'
    hidden = memory = torch.zeros(H, dtype=torch.float64)
    previous = state[f'{name}.obj_embed.weight'][0]  # the start
    object_logits, labels = {}, {}
    for i in order:
        hidden, memory = highway_cell(
            reference.fc(f'{name}.input_linearity', torch.cat([encoded[i], previous])),
            reference.fc(f'{name}.state_linearity', hidden),
            memory,
        )
        object_logits[i] = reference.fc(f'{name}.out', hidden)
        labels[i] = best_class(object_logits[i])
        previous = state[f'{name}.obj_embed.weight'][labels[i] + 1]

    order = sorted(order, key=lambda i: -score(boxes[i], object_logits[i].softmax(0)[labels[i]]))
    edges = [torch.cat([state['context.obj_embed2.weight'][labels[i]], encoded[i]]) for i in order]
    edges = dict(
        zip(
            order,
            packed_lstm(
                state['context.edge_ctx_rnn.weight'], state['context.edge_ctx_rnn.bias'], edges
            ),
        )
    )
    roles = {i: reference.fc('post_lstm', edge) for i, edge in edges.items()}
    relations = [
        reference.fc('rel_compress', roles[i][:D] * roles[j][D:] * union)
        + state['freq_bias.obj_baseline.weight'][labels[i] * K + labels[j]]
        for (i, j), union in zip(pairs, unions)
    ]
    return (
        torch.stack([object_logits[i] for i in range(len(boxes))]),
        torch.stack(relations),
        None,
    )


def relational_embedding(reference, name, rows):
    def fc(part, values):
        return reference.fc(f'{name}.{part}', values)

    attention = (fc('W', rows) @ fc('U', rows).t()).softmax(dim=1)
    embedded = rows + fc('fc0', attention @ fc('H', rows))
    return embedded, fc('fc1', embedded)


def linknet(reference, image, boxes):
    state = reference.state
    logits, objects, pairs, unions, scene = visual_features(reference, image, boxes)
    rows = torch.cat(
        [
            objects,
            logits.softmax(dim=1) @ state['context.obj_embed.weight'],
            scene.expand(len(boxes), -1),
        ],
        dim=1,
    )
    _, rows = relational_embedding(reference, 'context.RE1', rows)
    rows, object_logits = relational_embedding(reference, 'context.RE2', rows)
    labels = [best_class(row) for row in object_logits]
    rows = torch.cat([state['context.obj_embed2.weight'][labels], rows], dim=1)
    _, rows = relational_embedding(reference, 'context.RE3', rows)
    _, roles = relational_embedding(reference, 'context.RE4', rows)
    relations = []
    for (i, j), union in zip(pairs, unions):
        (x1, y1, x2, y2), (u1, v1, u2, v2) = boxes[i], boxes[j]
        layout = torch.stack(
            [
                ((u1 + u2) - (x1 + x2)) / 2 / (x2 - x1),
                ((v1 + v2) - (y1 + y2)) / 2 / (y2 - y1),
                ((u2 - u1) / (x2 - x1)).log(),
                ((v2 - v1) / (y2 - y1)).log(),
            ]
        )
        layout = reference.fc('pos_embed.1', reference.norm('pos_embed.0', layout[None])[0])
        relations.append(
            reference.fc(
                'rel_compress', torch.cat([roles[i, :D] * roles[j, D:] * union, layout.relu()])
            )
            + state['freq_bias.obj_baseline.weight'][labels[i] * K + labels[j]]
        )
    return (object_logits, torch.stack(relations), reference.fc('GCE.multi_score_fc', scene))


def gated_graph(reference, name, hidden, messages, second):
    """Three steps; ``messages`` gives [incoming, outgoing] of all nodes."""

    def fc(part, values):
        return reference.fc(f'{name}.{part}', values)

    inputs = hidden
    for _ in range(3):
        a = messages(hidden)
        z = torch.sigmoid(fc('fc_eq3_w', a) + fc('fc_eq3_u', hidden))
        r = torch.sigmoid(fc('fc_eq4_w', a) + fc(f'fc_eq{second}_u', hidden))
        c = torch.tanh(fc('fc_eq5_w', a) + fc('fc_eq5_u', r * hidden))
        hidden = (1 - z) * hidden + z * c
    return fc('fc_output', torch.cat([hidden, inputs], dim=-1)).relu()


def kern(reference, image, boxes, second=4):
    _, objects, pairs, unions, _ = visual_features(reference, image, boxes)
    matrix = reference.state['ggnn_obj_reason.ggnn_obj.matrix']

    def from_other_objects(hidden):
        others = hidden.sum(0) - hidden
        return torch.cat(
            [torch.stack([m @ row for row in others]) for m in (matrix.t(), matrix)], dim=2
        )

    inputs = reference.fc('ggnn_obj_reason.obj_proj', objects)
    name = 'ggnn_obj_reason.ggnn_obj'
    nodes = gated_graph(
        reference, name, inputs[:, None].expand(-1, K, -1), from_other_objects, second
    )
    object_logits = reference.fc(f'{name}.fc_obj_cls', nodes.flatten(1))
    labels = [best_class(row) for row in object_logits]

    roles = reference.fc('ggnn_rel_reason.obj_proj', objects)
    unions = reference.fc('ggnn_rel_reason.rel_proj', unions)
    name, relations = 'ggnn_rel_reason.ggnn_rel', []
    for (i, j), union in zip(pairs, unions):
        weights = cooccurrence()[0][labels[i], labels[j]]

        def between_ends_and_predicates(hidden, weights=weights):
            to_ends = (weights[:, None] * hidden[2:]).sum(0).expand(2, -1)
            to_predicates = weights[:, None] * hidden[:2].sum(0)
            return torch.cat([to_ends, to_predicates]).repeat(1, 2)

        nodes = gated_graph(
            reference,
            name,
            torch.stack([roles[i], roles[j], *[union] * Q]),
            between_ends_and_predicates,
            second,
        )
        relations.append(reference.fc(f'{name}.fc_rel_cls', nodes.flatten()))
    return object_logits, torch.stack(relations), None


# ---- the tests


def assert_same_output(model, image, samples, expected):
    objects, relations, scene = expected
    with torch.no_grad():
        output = model._forward(image, samples)
    close = dict(rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(output.context.logits, objects.roll(-1, dims=1), **close)
    torch.testing.assert_close(output.relation_logits, relations, **close)
    if scene is not None:
        torch.testing.assert_close(output.context.image_logits[0], scene.roll(-1), **close)


@pytest.mark.parametrize('layers', [(1, 2), (2, 4)])
def test_motifnet_computes_the_same(image, samples, layers):
    state = reference_state('motifnet', lstm_layers=layers)
    model, left = converted_parser(
        state, 'motifnet', num_object_layers=layers[0], num_edge_layers=layers[1]
    )
    assert left == ['detector.rpn_head.anchors']
    boxes = samples[0].gt_scene_graph.objects.bboxes
    assert_same_output(model, image, samples, motifnet(Reference(state), image, boxes))


@pytest.mark.parametrize('order', ORDERS)
def test_motifnet_in_each_order_of_the_objects(image, samples, order):
    state = reference_state('motifnet')
    model, _ = converted_parser(state, 'motifnet', order=order)
    boxes = samples[0].gt_scene_graph.objects.bboxes
    assert_same_output(model, image, samples, motifnet(Reference(state), image, boxes, order))


def test_linknet_computes_the_same(image, samples):
    state = reference_state('linknet')
    model, left = converted_parser(state, 'linknet')
    assert left == ['detector.rpn_head.anchors']
    boxes = samples[0].gt_scene_graph.objects.bboxes
    assert_same_output(model, image, samples, linknet(Reference(state), image, boxes))


@pytest.mark.parametrize('separate_gates', [False, True])
def test_kern_computes_the_same(image, samples, separate_gates):
    state = reference_state('kern')
    model, left = converted_parser(state, 'kern', separate_gates)
    idle = [
        f'{graph}.fc_eq4_u.{part}'
        for graph in ('ggnn_obj_reason.ggnn_obj', 'ggnn_rel_reason.ggnn_rel')
        for part in ('bias', 'weight')
    ]
    assert left == ['detector.rpn_head.anchors', *(idle * (not separate_gates))]
    boxes = samples[0].gt_scene_graph.objects.bboxes
    assert_same_output(
        model,
        image,
        samples,
        kern(Reference(state), image, boxes, second=4 if separate_gates else 3),
    )


def regressed(boxes, deltas):
    """The references' boxes: their last pixel belongs to them."""
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    centers = boxes[:, :2] + sizes / 2
    centers = centers + sizes * deltas[:, :2]
    sizes = sizes * deltas[:, 2:].exp()
    return torch.cat([centers - sizes / 2, centers + (sizes - 2) / 2], dim=1)


LAST_PIXEL = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=torch.float64)


def test_proposals_are_the_same(image):
    state = reference_state('linknet')
    # beyond 6 in places, where the activation stops; moderate deltas
    state['detector.rpn_head.conv.0.weight'] *= 20
    state['detector.rpn_head.conv.2.weight'] *= 0.05
    model, _ = converted_parser(state, 'linknet')
    reference = Reference(state)
    fmap = reference.feature_map(image)
    hidden = reference.conv('detector.rpn_head.conv.0', fmap, padding=1)
    assert (hidden > 6).any()
    outputs = reference.conv('detector.rpn_head.conv.2', hidden.clamp(0, 6))
    scores, boxes = [], []
    for row in range(fmap.shape[2]):
        for column in range(fmap.shape[3]):
            anchor = 0
            for ratio in RATIOS:
                for scale in SCALES:
                    width, height = (16 * scale / ratio**0.5, 16 * scale * ratio**0.5)
                    x, y = 7.5 + 16 * column, 7.5 + 16 * row
                    box = torch.tensor(
                        [
                            x - (width - 1) / 2,
                            y - (height - 1) / 2,
                            x + (width - 1) / 2,
                            y + (height - 1) / 2,
                        ],
                        dtype=torch.float64,
                    )
                    out = outputs[0, 6 * anchor : 6 * (anchor + 1), row, column]
                    scores.append(out[:2].softmax(0)[1])
                    boxes.append(regressed(box[None], out[None, 2:])[0])
                    anchor += 1
            assert anchor == A

    head = model.detector.rpn_head
    with torch.no_grad():
        [logits], [deltas] = head(model.extract_feat(image))
    [anchors] = head.prior_generator.grid_priors(
        [fmap.shape[2:]], dtype=torch.float64, device='cpu'
    )
    got = head.bbox_coder.decode(anchors, deltas[0].permute(1, 2, 0).reshape(-1, 4))
    torch.testing.assert_close(logits[0].permute(1, 2, 0).flatten().sigmoid(), torch.stack(scores))
    torch.testing.assert_close(
        got - LAST_PIXEL, torch.stack(boxes), rtol=1e-5, atol=1e-4
    )  # float32 anchor sizes


def test_boxes_of_classes_are_regressed_the_same(image, samples):
    state = reference_state('kern')
    model, _ = converted_parser(state, 'kern')
    reference = Reference(state)
    boxes = samples[0].gt_scene_graph.objects.bboxes
    fmap = reference.feature_map(image)
    embedded = reference.regions('detector.roi_fmap', pool(fmap, boxes))
    deltas = reference.fc('detector.bbox_fc', embedded).view(-1, K, 4)
    head = model.detector.roi_head.bbox_head
    with torch.no_grad():
        _, own = head(pool(fmap, boxes))
    own = own.view(-1, K - 1, 4)
    for label in range(K - 1):
        torch.testing.assert_close(
            head.bbox_coder.decode(boxes, own[:, label]) - LAST_PIXEL,
            regressed(boxes - LAST_PIXEL, deltas[:, label + 1]),
        )


@pytest.mark.parametrize('kind', KINDS)
def test_has_priors_shows_whether_all_statistics_exist(kind):
    weights, _ = convert(reference_state(kind), kind)
    assert ('has_priors' in weights) == (kind != 'kern')


def test_a_relation_model_without_its_detector_is_mapped():
    state = {
        key: value
        for key, value in reference_state('linknet').items()
        if not key.startswith('detector.')
    }
    weights, left = convert(state, 'linknet')
    assert not left
    assert not any(key.startswith('detector.') for key in weights)


@pytest.mark.parametrize('kind', KINDS)
def test_the_data_parallel_wrapper_changes_nothing(kind):
    state = reference_state(kind)
    plain, left = convert(state, kind)
    wrapped, left_wrapped = convert({f'module.{key}': value for key, value in state.items()}, kind)
    assert left == left_wrapped
    assert plain.keys() == wrapped.keys()
    assert all(torch.equal(plain[key], wrapped[key]) for key in plain)


def test_counted_batches_are_kept():
    state = reference_state('linknet')
    name = 'num_batches_tracked'
    state[f'union_boxes.conv.2.{name}'] = torch.tensor(7)
    weights, left = convert(state, 'linknet')
    assert left == ['detector.rpn_head.anchors']
    encoder = 'relation_head.pair_features.mask_encoder'
    assert weights[f'{encoder}.2.{name}'] == 7
    assert weights[f'{encoder}.6.{name}'] == 0


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('other', KINDS)
def test_a_checkpoint_of_another_kind_is_refused(kind, other):
    if kind == other:
        convert(reference_state(kind), kind)
        return
    telling = dict(
        motifnet='context.pos_embed.1.weight',
        linknet='context.RE4.fc1.bias',
        kern='ggnn_rel_reason.ggnn_rel.fc_eq3_u.weight',
    )
    with pytest.raises(ValueError, match=f'{kind}.* lacks .*{telling[kind]}'):
        convert(reference_state(other), kind)


@pytest.mark.parametrize('kind', KINDS)
def test_every_name_is_needed(kind):
    state = reference_state(kind)
    optional = {'detector.rpn_head.anchors', 'ggnn_obj_reason.ggnn_obj.matrix'}
    for name in state.keys() - optional:
        with pytest.raises(ValueError, match=f' lacks {name};'):
            convert(
                {k: v for k, v in state.items() if k != name},
                kind,
                separate_gates='fc_eq4_u' in name,
            )


def test_packed_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='11 weights and 10 biases'):
        unpack_highway_lstm(torch.zeros(11), torch.zeros(10), 3, 2)


@pytest.mark.parametrize(
    'name, size, message',
    [
        (
            'context.decoder_rnn.input_linearity.weight',
            (6 * H, D + 200 + H + 100),
            'decoder_rnn .*318 .*106 ',
        ),
        (
            'context.edge_ctx_rnn.weight',
            ((D + 200 + H) * 6 * H + H * 5 * H + H * 11 * H,),
            'edge_lstm: 8424 weights and 60 biases .* 206 inputs and 6 units',
        ),
    ],
)
def test_variants_that_pass_visual_features_on_are_refused(name, size, message):
    state = reference_state('motifnet')
    state[name] = torch.zeros(size)
    with pytest.raises(ValueError, match=message):
        convert(state, 'motifnet')
