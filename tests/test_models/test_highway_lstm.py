"""The highway LSTM against one sequence, one step, one unit at a time."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmsgp.models.layers import AlternatingHighwayLSTM, ObjectSequences, highway_lstm_cell
from mmsgp.models.layers.highway_recurrence import highway_recurrence


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def naive_layer(layer, sequence):
    """Run one layer over a list of input vectors in plain Python."""
    hidden = layer.state_projection.in_features
    wx = layer.input_projection.weight.tolist()
    wh = layer.state_projection.weight.tolist()
    bias = layer.state_projection.bias.tolist()
    steps = list(enumerate(sequence))
    h, m, outputs = [0.0] * hidden, [0.0] * hidden, [None] * len(sequence)
    for t, x in reversed(steps) if layer.reverse else steps:
        px = [sum(w * v for w, v in zip(row, x)) for row in wx]
        ph = [sum(w * v for w, v in zip(row, h)) + b for row, b in zip(wh, bias)]
        new_h, new_m = [], []
        for k in range(hidden):
            i, f, c, o, r = (px[g * hidden + k] + ph[g * hidden + k] for g in range(5))
            memory = sigmoid(i) * math.tanh(c) + sigmoid(f) * m[k]
            new_m.append(memory)
            new_h.append(
                sigmoid(r) * sigmoid(o) * math.tanh(memory) + (1 - sigmoid(r)) * px[5 * hidden + k]
            )
        h, m = new_h, new_m
        outputs[t] = h
    return outputs


def test_layers_alternate_and_equal_the_cell_equations():
    torch.manual_seed(0)
    lstm = AlternatingHighwayLSTM(3, 4, num_layers=3).double().eval()
    lengths = [5, 2, 0]
    inputs = torch.randn(3, 5, 3).double()
    valid = torch.arange(5) < torch.tensor(lengths)[:, None]
    outputs = lstm(inputs, valid)
    for b, length in enumerate(lengths):
        sequence = inputs[b, :length].tolist()
        for layer in lstm.layers:
            sequence = naive_layer(layer, sequence)
        expected = torch.tensor(sequence, dtype=torch.double).view(length, 4)
        torch.testing.assert_close(outputs[b, :length], expected, rtol=1e-9, atol=1e-12)
        assert not outputs[b, length:].any()


def test_gradients_of_a_batch_are_the_sum_over_its_images():
    torch.manual_seed(0)
    lstm = AlternatingHighwayLSTM(3, 4, num_layers=2).double().eval()
    inputs = torch.randn(2, 5, 3).double()
    valid = torch.arange(5) < torch.tensor([5, 3])[:, None]
    together = torch.autograd.grad(lstm(inputs, valid).sin().sum(), list(lstm.parameters()))
    alone = [
        torch.autograd.grad(
            lstm(inputs[b : b + 1, :n], torch.ones(1, n, dtype=torch.bool)).sin().sum(),
            list(lstm.parameters()),
        )
        for b, n in enumerate([5, 3])
    ]
    for joint, first, second in zip(together, *alone):
        torch.testing.assert_close(joint, first + second, rtol=1e-6, atol=1e-12)


def test_gradient_equals_finite_differences():
    torch.manual_seed(0)
    lstm = AlternatingHighwayLSTM(2, 3, num_layers=2).double().eval()
    valid = torch.arange(3) < torch.tensor([3, 2])[:, None]
    inputs = torch.randn(2, 3, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: lstm(x, valid), (inputs,))


def test_forget_gate_starts_open_and_input_has_no_bias():
    layer = AlternatingHighwayLSTM(3, 4).layers[0]
    assert layer.input_projection.bias is None
    assert layer.state_projection.bias.tolist() == [0] * 4 + [1] * 4 + [0] * 12


def test_dropout_keeps_one_mask_for_all_steps():
    torch.manual_seed(0)
    lstm = AlternatingHighwayLSTM(3, 50, dropout=0.5).train()
    outputs = lstm(torch.randn(1, 6, 3), torch.ones(1, 6, dtype=torch.bool))
    dropped = outputs[0] == 0
    assert 0 < dropped[0].sum() < 50
    assert (dropped == dropped[0]).all()


def test_sequences_sort_by_score_within_each_image_and_back():
    image_ids = torch.tensor([0, 0, 0, 2, 2])
    scores = torch.tensor([0.1, 0.9, 0.9, 0.2, 0.3])
    sequences = ObjectSequences(image_ids, (3, 0, 2), scores)
    values = torch.tensor([10, 11, 12, 13, 14])
    padded = sequences.pad(values)
    assert padded.tolist() == [[11, 12, 10], [0, 0, 0], [14, 13, 0]]
    assert sequences.valid.tolist() == [[True] * 3, [False] * 3, [True, True, False]]
    assert torch.equal(sequences.unpad(padded), values)


def looped(layer, inputs, valid):
    """A layer by the cell, with autograd's gradients."""
    output = memory = inputs.new_zeros(len(inputs), layer.state_projection.in_features)
    outputs = [None] * inputs.shape[1]
    for t in sorted(range(len(outputs)), reverse=layer.reverse):
        new_output, new_memory = highway_lstm_cell(
            layer.input_projection(inputs[:, t]), layer.state_projection(output), memory
        )
        present = valid[:, t, None]
        output = torch.where(present, new_output, output)
        memory = torch.where(present, new_memory, memory)
        outputs[t] = output
    return torch.stack(outputs, dim=1) * valid[..., None]


def assert_as_looped(device='cpu'):
    torch.manual_seed(0)
    lstm = AlternatingHighwayLSTM(24, 32, num_layers=2).to(device)
    inputs = torch.randn(5, 9, 24, device=device)
    valid = torch.arange(9, device=device) < torch.tensor([9, 4, 1, 0, 7], device=device)[:, None]
    results = []
    for run in (lambda layer, x: layer(x, valid), lambda layer, x: looped(layer, x, valid)):
        x = inputs.clone().requires_grad_()
        outputs = run(lstm.layers[1], run(lstm.layers[0], x))
        gradients = torch.autograd.grad(outputs.sin().sum(), [x, *lstm.parameters()])
        results.append([outputs, *gradients])
    with torch.no_grad():
        torch.testing.assert_close(lstm(inputs, valid), results[0][0], rtol=1e-6, atol=1e-6)
    for own, expected in zip(*results):
        torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-5)


def test_outputs_and_gradients_are_those_of_the_loop():
    assert_as_looped()


@pytest.mark.gpu
def test_outputs_and_gradients_on_a_gpu_are_those_of_the_loop():
    for _ in range(3):  # at once, recorded, replayed
        assert_as_looped('cuda')


@pytest.mark.parametrize('reverse', [False, True])
def test_every_gradient_of_the_recurrence_equals_finite_differences(reverse):
    torch.manual_seed(1)
    valid = torch.arange(4) < torch.tensor([4, 2, 0])[:, None]
    keep = torch.tensor([[0.0, 2.0], [2.0, 2.0], [1.0, 0.0]]).double()
    tensors = [
        torch.randn(*shape).double().requires_grad_() for shape in ((3, 4, 12), (10, 2), (10,))
    ]
    assert torch.autograd.gradcheck(
        lambda projected, weight, bias: highway_recurrence(
            projected, valid, keep, weight, bias, reverse
        ),
        tensors,
    )


def test_more_padding_changes_nothing():
    torch.manual_seed(2)
    lstm = AlternatingHighwayLSTM(3, 4, num_layers=2)
    inputs, valid = torch.randn(2, 5, 3), torch.ones(2, 5, dtype=torch.bool)
    longer = torch.cat([inputs, torch.randn(2, 3, 3)], dim=1), F.pad(valid, (0, 3))
    torch.testing.assert_close(lstm(*longer)[:, :5], lstm(inputs, valid), rtol=0, atol=0)
