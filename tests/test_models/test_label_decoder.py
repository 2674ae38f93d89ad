"""Decoding of labels and the joint suppression, against loops."""

import pytest
import torch

from helpers.oracles import iou
from mmsgp.models.layers import LabelDecoder, highway_lstm_cell
from mmsgp.models.layers.joint_nms import joint_nms
from mmsgp.testing.models import random_bboxes


def naive_decode(decoder, sequence, known_labels):
    """One image, one object at a time."""
    start = decoder.num_classes + 1
    label, logits = start, []
    h = m = torch.zeros(1, decoder.state_projection.in_features).double()
    for t, vector in enumerate(sequence):
        x = torch.cat([vector, decoder.label_embedding.weight[label]])[None]
        h, m = highway_lstm_cell(decoder.input_projection(x), decoder.state_projection(h), m)
        row = decoder.fc_label(h)[0]
        label = max(range(decoder.num_classes), key=lambda c: row[c].item())
        if known_labels[t] < decoder.num_classes:
            label = int(known_labels[t])
        logits.append(row)
    return torch.stack(logits)


@pytest.mark.parametrize('taught', [False, True])
def test_batch_equals_images_decoded_one_by_one(taught):
    torch.manual_seed(0)
    decoder = LabelDecoder(4, 6, hidden_size=5).double().eval()
    inputs = torch.randn(3, 7, 6).double()
    # class 4 is background: the prediction is handed on instead
    known = torch.randint(0 if taught else 4, 5, (3, 7))
    logits = decoder(inputs, known)
    for b, length in enumerate([7, 3, 1]):
        expected = naive_decode(decoder, inputs[b, :length], known[b])
        torch.testing.assert_close(logits[b, :length], expected)


def test_labels_that_are_all_known_give_the_same_logits_and_gradients():
    torch.manual_seed(5)
    decoder = LabelDecoder(4, 6, hidden_size=5).eval()
    inputs, known = torch.randn(3, 7, 6), torch.randint(4, (3, 7))
    results = []
    for all_known in (False, True):
        logits = decoder(inputs, known, all_known)
        results.append(
            [logits, *torch.autograd.grad(logits.sin().sum(), list(decoder.parameters()))]
        )
    for one, other in zip(*results):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def naive_joint_nms(probabilities, bboxes, iou_thr):
    """The loop of the reference decoder, for one image."""
    scores = {
        (i, c): float(probabilities[i, c])
        for i in range(len(probabilities))
        for c in range(probabilities.shape[1])
    }
    labels = {}
    while len(labels) < len(probabilities):
        i, c = max((k for k in scores if k[0] not in labels), key=lambda k: scores[k])
        labels[i] = c
        for j in range(len(probabilities)):
            overlap = iou(bboxes[i, c], bboxes[j, c]) >= iou_thr
            if overlap and scores[j, c] > 0:
                scores[j, c] -= 1
    return torch.tensor([labels[i] for i in range(len(labels))])


@pytest.mark.parametrize('seed', range(20))
def test_joint_nms_equals_the_loop(seed):
    torch.manual_seed(seed)
    lengths = [8, 1, 5, 0]
    probabilities = torch.rand(4, 8, 3)
    bboxes = random_bboxes(4 * 8 * 3, size=40).view(4, 8, 3, 4)
    valid = torch.arange(8) < torch.tensor(lengths)[:, None]
    labels = joint_nms(probabilities, bboxes, valid, iou_thr=0.3)
    for b, length in enumerate(lengths):
        if length:
            expected = naive_joint_nms(probabilities[b, :length], bboxes[b, :length], 0.3)
            assert torch.equal(labels[b, :length], expected)


def test_joint_nms_gives_overlapping_boxes_different_classes():
    bboxes = torch.tensor([0.0, 0.0, 10.0, 10.0]).expand(1, 2, 2, 4)
    probabilities = torch.tensor([[[0.6, 0.3], [0.9, 0.1]]])
    labels = joint_nms(probabilities, bboxes, torch.ones(1, 2, dtype=torch.bool))
    assert labels.tolist() == [[1, 0]]


@pytest.mark.gpu
@pytest.mark.parametrize('deterministic', [False, True])
def test_joint_nms_on_a_gpu_gives_the_labels_of_a_cpu(deterministic):
    torch.use_deterministic_algorithms(deterministic)
    torch.manual_seed(7)
    probabilities = torch.rand(3, 20, 9)
    bboxes = random_bboxes(3 * 20 * 9, size=40).view(3, 20, 9, 4)
    valid = torch.arange(20) < torch.tensor([20, 3, 0])[:, None]
    for _ in range(3):  # at once, recorded, replayed
        on_gpu = joint_nms(probabilities.cuda(), bboxes.cuda(), valid.cuda())
        assert torch.equal(on_gpu.cpu(), joint_nms(probabilities, bboxes, valid))


@pytest.mark.gpu
def test_decoding_on_a_gpu_gives_the_labels_of_a_cpu():
    torch.manual_seed(8)
    decoder = LabelDecoder(6, input_size=10, hidden_size=16).eval()
    inputs, known = torch.randn(3, 11, 10), torch.randint(0, 9, (3, 11)).clamp(max=6)
    with torch.no_grad():
        expected = decoder(inputs, known)
        decoder.cuda()
        for _ in range(3):
            found = decoder(inputs.cuda(), known.cuda())
            torch.testing.assert_close(found.cpu(), expected, rtol=1e-3, atol=1e-3)
