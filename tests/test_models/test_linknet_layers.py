"""LinkNet's layers against their formulas, image by image."""

import math
from types import SimpleNamespace

import pytest
import torch

from mmsgp.models.layers import RelationalEmbedding, RelativeLayoutEncoding
from mmsgp.models.layers.object_sequences import in_order
from mmsgp.structures import ObjectBatch
from mmsgp.testing.models import random_objects, small_parser

SIZES = (3, 0, 1, 5)


def sequences_of(sizes):
    image_ids = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    n = len(image_ids)
    return in_order(ObjectBatch(torch.zeros(n, 4), image_ids, tuple(sizes), torch.zeros(n, 2)))


def naive_embedding(layer, rows):
    """O1 and O2 of one image by the formula, in loops over objects."""
    query, key, value = (
        [row @ fc.weight.t() + fc.bias for row in rows]
        for fc in (layer.query, layer.key, layer.value)
    )
    embedded = []
    for i, row in enumerate(rows):
        scores = [(query[i] * k).sum() for k in key]
        top = max(float(score) for score in scores)
        exponentials = [(score - top).exp() for score in scores]
        attended = sum(e * v for e, v in zip(exponentials, value)) / sum(exponentials)
        embedded.append(row + attended @ layer.fc_residual.weight.t() + layer.fc_residual.bias)
    return embedded, [row @ layer.fc_out.weight.t() + layer.fc_out.bias for row in embedded]


def test_relational_embedding_equals_its_formula_and_its_gradient():
    torch.manual_seed(0)
    layer = RelationalEmbedding(6, 4).double()
    inputs = torch.randn(sum(SIZES), 6, dtype=torch.float64, requires_grad=True)
    embedded, out = layer(inputs, sequences_of(SIZES))
    expected = [naive_embedding(layer, rows) for rows in inputs.split(SIZES)]
    naive = [torch.stack(sum((pair[i] for pair in expected), [])) for i in range(2)]
    torch.testing.assert_close(embedded, naive[0], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(out, naive[1], rtol=1e-10, atol=1e-12)
    weights = torch.randn_like(out)
    parameters = [inputs, *layer.parameters()]
    gradients = torch.autograd.grad((out * weights).sum(), parameters)
    expected = torch.autograd.grad((naive[1] * weights).sum(), parameters)
    for got, want in zip(gradients, expected):
        torch.testing.assert_close(got, want, rtol=1e-8, atol=1e-10)


def test_objects_do_not_attend_to_other_images():
    torch.manual_seed(0)
    layer = RelationalEmbedding(6, 4).double()
    inputs = torch.randn(sum(SIZES), 6, dtype=torch.float64)
    _, together = layer(inputs, sequences_of(SIZES))
    alone = [layer(rows, sequences_of((len(rows),)))[1] for rows in inputs.split(SIZES)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-12, atol=1e-12)


def test_no_objects_at_all():
    layer = RelationalEmbedding(6, 4)
    embedded, out = layer(torch.empty(0, 6), sequences_of((0, 0)))
    assert embedded.shape == (0, 6) and out.shape == (0, 4)


def test_relative_layout_equals_its_formula():
    torch.manual_seed(0)
    layer = RelativeLayoutEncoding(5).double().eval()
    norm, fc = layer.layers[:2]
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    boxes = torch.rand(2, 7, 4, dtype=torch.float64) * 50
    boxes[..., 2:] += boxes[..., :2] + 1
    got = layer(*boxes)
    for row, (s, o) in enumerate(zip(*boxes.tolist())):
        widths = [b[2] - b[0] for b in (s, o)]
        heights = [b[3] - b[1] for b in (s, o)]
        dx = (o[0] + o[2]) / 2 - (s[0] + s[2]) / 2
        dy = (o[1] + o[3]) / 2 - (s[1] + s[3]) / 2
        layout = torch.tensor(
            [
                dx / widths[0],
                dy / heights[0],
                math.log(widths[1] / widths[0]),
                math.log(heights[1] / heights[0]),
            ],
            dtype=torch.float64,
        )
        normed = (layout - norm.running_mean) / (
            norm.running_var + norm.eps
        ).sqrt() * norm.weight + norm.bias
        expected = (fc.weight @ normed + fc.bias).clamp(min=0)
        torch.testing.assert_close(got[row], expected, rtol=1e-10, atol=1e-12)


def test_boxes_without_area_have_a_finite_layout():
    layer = RelativeLayoutEncoding(5).eval()
    line = torch.tensor([[5.0, 0.0, 5.0, 0.0]])
    assert layer(line, torch.tensor([[0.0, 0.0, 9.0, 9.0]])).isfinite().all()


@pytest.mark.parametrize('activation', ['sigmoid', 'softmax'])
def test_the_loss_of_the_classes_in_an_image_equals_its_formula(activation):
    """The softmax is the reference's; its probabilities share a sum of 1."""
    torch.manual_seed(0)
    head = small_parser(
        type='LinkNetHead', image_activation=activation, loss_image_weight=2.0
    ).relation_head
    logits = torch.randn(2, 6, dtype=torch.float64)
    present = torch.tensor([[1, 0, 0, 1, 0], [0, 0, 1, 0, 0]], dtype=torch.bool)
    objects = random_objects([1, 1], present=present)
    loss = head.auxiliary_losses(SimpleNamespace(image_logits=logits), objects)['loss_image']
    expected = []
    for row, classes in zip(logits.tolist(), present.tolist()):
        for x, there in zip(row, [*classes, False]):
            p = (
                1 / (1 + math.exp(-x))
                if activation == 'sigmoid'
                else math.exp(x) / sum(map(math.exp, row))
            )
            expected.append(-math.log(p if there else 1 - p))
    assert loss.item() == pytest.approx(2 * sum(expected) / 12, rel=1e-9)
    with pytest.raises(ValueError, match="image_activation .*'tanh'"):
        small_parser(type='LinkNetHead', image_activation='tanh')


def test_layouts_are_normalised_with_the_momentum_that_is_asked_for():
    head = small_parser(type='LinkNetHead', norm_momentum=0.001).relation_head
    boxes = torch.rand(2, 9, 4) * 50
    boxes[..., 2:] += boxes[..., :2] + 1
    head.layout.train()(*boxes)
    sizes = [b[:, 2:] - b[:, :2] for b in boxes]
    ratios = (sizes[1] / sizes[0]).log().mean(dim=0)
    torch.testing.assert_close(head.layout.layers[0].running_mean[2:], 0.001 * ratios)
