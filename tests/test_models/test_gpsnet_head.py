"""GPS-Net, its loss and its prior against their formulas."""

import math

import pytest
import torch

from helpers.naive_heads import compare, predicate_logits, random_inputs, small_head
from mmsgp.models.layers import SoftenedFrequencyPrior
from mmsgp.models.losses import NodePriorityLoss, node_focus
from mmsgp.testing.models import random_samples, small_parser


def linear(layer, x):
    return layer.weight @ x + layer.bias


def norm(layer, x):
    variance = ((x - x.mean()) ** 2).mean()
    return (x - x.mean()) / (variance + layer.eps).sqrt() * layer.weight + layer.bias


def pass_messages(layer, nodes, unions, official):
    """Of one image, weight by weight."""
    count = range(len(nodes))
    weights = {}
    for i in count:
        for j in count:
            product = linear(layer.fc_subject, nodes[i]) * linear(layer.fc_object, nodes[j])
            score = linear(layer.fc_weight, product * unions[i, j]) if (i, j) in unions else 0
            weights[i, j] = torch.sigmoid(torch.as_tensor(score).double()) * (i != j)
    sums = [sum(weights[i, j] for j in count) + 1e-300 for i in count]
    share = {(i, j): a / sums[j if official else i] for (i, j), a in weights.items()}
    messages = [torch.relu(linear(layer.fc_message, f)) for f in nodes]
    first, layer_norm, _, last = layer.bottleneck
    results = []
    for i in count:
        out = sum(share[i, j] * messages[j] for j in count)
        back = sum(share[j, i] * messages[j] for j in count)
        hidden = torch.relu(norm(layer_norm, linear(first, torch.cat([out, back]))))
        results.append(torch.relu(nodes[i] + linear(last, hidden)))
    return results


def naive(head, regions, objects):
    logits, roles, labels = [], [], []
    batch_norm, fc_position = head.position[0], head.position[1]
    for image in range(objects.num_images):
        rows = (objects.image_ids == image).nonzero()[:, 0].tolist()
        if not rows:
            continue
        width, height = objects.image_sizes[image].tolist()
        nodes, geometry = [], []
        for row in rows:
            x1, y1, x2, y2 = objects.bboxes[row].tolist()
            box = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height]
            box += [(x2 - x1) / width, (y2 - y1) / height]
            code = (800 * torch.tensor(box).double() - batch_norm.running_mean) / (
                batch_norm.running_var + 1e-5
            ).sqrt()
            position = torch.relu(linear(fc_position, code * batch_norm.weight + batch_norm.bias))
            words = objects.logits[row].softmax(dim=0) @ head.object_embedding.weight
            inputs = torch.cat([regions.objects[row], position, words])
            nodes.append(linear(head.fc_object, inputs))
            area = (x2 - x1) * (y2 - y1) / (width * height)
            geometry.append([x1 / width, y1 / height, x2 / width, y2 / height, area])
        unions = {
            (rows.index(i), rows.index(j)): linear(head.fc_pair, u)
            for (i, j), u in zip(regions.pairs.tolist(), regions.unions)
            if i in rows
        }
        for layer in head.messages:
            nodes = pass_messages(layer, nodes, unions, layer.official)
        for row, node, box in zip(rows, nodes, geometry):
            own = linear(head.fc_label, node)
            label = own[:-1].argmax().item()
            t = torch.linspace(-math.pi, math.pi, 200)
            code = ((label + 1) * t).sin() + ((label + 1) * t).cos()
            inputs = torch.cat([regions.objects[row], code.double(), torch.tensor(box).double()])
            logits.append(own)
            labels.append(label)
            roles.append([linear(fc, inputs) for fc in head.fc_roles])
    relations = [
        predicate_logits(head, roles[i][0] * roles[j][1] * u, labels[i], labels[j])
        for (i, j), u in zip(regions.pairs.tolist(), regions.unions)
    ]
    return torch.stack(logits), torch.stack(relations)


@pytest.mark.parametrize('official', [False, True])
def test_it_equals_its_formulas_weight_by_weight(official):
    """With a pair left out, as in training."""
    head = small_head('GPSNetHead', official_normalization=official)
    torch.nn.init.uniform_(head.position[0].running_var, 0.5, 2)
    torch.manual_seed(1)
    regions, objects = random_inputs(head, (4, 0, 1, 3))
    unions = regions.unions[1:].detach().requires_grad_()
    regions = regions._replace(pairs=regions.pairs[1:], unions=unions)
    compare(head, naive, regions, objects, tolerance=1e-5)  # class codes are in float32


def test_the_focus_of_a_node_counted_by_hand():
    degrees = torch.tensor([2.0, 1, 1, 0, 0, 3, 3])
    images = torch.tensor([0, 0, 0, 0, 1, 2, 2])

    def focus(share):
        return min(2, -((1 - 2 * share) ** 5) * math.log(2 * share))

    # shares 1/2, 1/4, 1/4, 0 of the first image; the second has no relation
    expected = [0, focus(0.25), focus(0.25), 2, 2, 0, 0]
    assert node_focus(degrees, images).tolist() == pytest.approx(expected)
    assert focus(0.25) == pytest.approx(math.log(2) / 32)


def test_the_loss_counted_by_hand():
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])
    loss = NodePriorityLoss()(logits, torch.tensor([0, 1]), torch.tensor([0.0, 2.0]))
    expected = (-math.log(0.5) - 0.75**2 * math.log(0.25)) / 2
    assert loss.item() == pytest.approx(expected)
    assert NodePriorityLoss()(torch.zeros(0, 2), torch.zeros(0).long()) == 0


def test_objects_are_weighed_by_their_relations():
    """In an image with one relation, its two objects count in full, others hardly."""
    torch.manual_seed(0)
    model = small_parser(type='GPSNetHead', hidden_size=32).train()
    samples = random_samples([4])
    relations = samples[0].gt_scene_graph.relations
    samples[0].gt_scene_graph.relations = relations[:1]
    head, kept = model.relation_head, {}
    head.loss_object.register_forward_hook(lambda module, inputs, _: kept.update(all=inputs))
    model.loss(torch.randn(1, 3, 96, 96), samples)
    subject, object_ = relations.pairs[0].tolist()
    focus = kept['all'][2].tolist()
    assert focus == [0.0 if row in (subject, object_) else 2.0 for row in range(4)]


def test_softened_frequencies_are_shares_of_their_exponentials():
    prior = SoftenedFrequencyPrior(1, 2, eps=1e-3)
    frequencies = torch.tensor([0.7, 0.3, 0.0]).expand(2, 2, 3)
    prior.fill((frequencies + 1e-3).log())
    exponentials = [math.exp(0.7), math.exp(0.3), 1]
    expected = [math.log(e / sum(exponentials)) for e in exponentials]
    assert prior.table[0, 1].tolist() == pytest.approx(expected, abs=1e-5)
