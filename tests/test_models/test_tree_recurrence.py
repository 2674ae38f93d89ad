"""LSTMs over trees against finite differences, and the decoder's two ways."""

import pytest
import torch

from mmsgp.models.layers import (
    TreeLabelDecoder,
    TreeLevels,
    TreeLSTM,
    grow_trees,
    project_parts,
)
from mmsgp.models.layers.tree_recurrence import tree_recurrence

SIZES = (6, 1, 0, 3)


def random_levels():
    scores = torch.rand(len(SIZES), max(SIZES), max(SIZES))
    valid = torch.arange(max(SIZES)) < torch.tensor(SIZES)[:, None]
    return TreeLevels(grow_trees(scores + scores.transpose(1, 2), valid), torch.device('cpu'))


@pytest.mark.parametrize('relatives', [1, 2])
def test_every_gradient_equals_finite_differences(relatives):
    torch.manual_seed(0)
    levels = random_levels()
    walk = levels.upwards if relatives == 2 else levels.downwards
    assert len(walk.levels) > 2
    shapes = [(sum(SIZES), (5 + relatives) * 3)] + [((4 + relatives) * 3, 3)] * relatives
    tensors = [torch.randn(shape).double().requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(lambda x, *w: tree_recurrence(x, w, walk), tensors)


def test_a_batch_equals_its_images_one_by_one():
    torch.manual_seed(1)
    lstm = TreeLSTM(5, 8).double()
    scores = torch.rand(3, 7, 7)
    scores = scores + scores.transpose(1, 2)
    sizes = (7, 2, 5)
    inputs = torch.randn(sum(sizes), 5).double()

    def run(rows, scores, sizes):
        valid = torch.arange(scores.shape[1]) < torch.tensor(sizes)[:, None]
        levels = TreeLevels(grow_trees(scores, valid), rows.device)
        outputs = lstm(rows, levels)
        return outputs, torch.autograd.grad(outputs.sin().sum(), list(lstm.parameters()))

    together, gradients = run(inputs, scores, sizes)
    alone = [
        run(rows, scores[i : i + 1, :size, :size], (size,))
        for i, (rows, size) in enumerate(zip(inputs.split(sizes), sizes))
    ]
    torch.testing.assert_close(together, torch.cat([outputs for outputs, _ in alone]))
    for own, parts in zip(gradients, zip(*(gradient for _, gradient in alone))):
        torch.testing.assert_close(own, sum(parts))


def test_without_objects_there_is_nothing_to_compute():
    levels = TreeLevels(
        grow_trees(torch.zeros(2, 1, 1), torch.zeros(2, 1) > 0), torch.device('cpu')
    )
    lstm, decoder = TreeLSTM(5, 8), TreeLabelDecoder(4, 5, 6, embedding_dim=3)
    assert lstm(torch.zeros(0, 5), levels).shape == (0, 8)
    labels = torch.zeros(0, dtype=torch.long)
    for all_known in (False, True):
        assert decoder(torch.zeros(0, 5), labels, levels, all_known).shape == (0, 5)


def test_labels_that_are_all_known_give_the_same_logits_and_gradients():
    torch.manual_seed(2)
    levels = random_levels()
    decoder = TreeLabelDecoder(4, 5, 6, embedding_dim=3).double()
    inputs, known = torch.randn(sum(SIZES), 5).double(), torch.randint(4, (sum(SIZES),))
    results = []
    for all_known in (False, True):
        logits = decoder(inputs, known, levels, all_known)
        results.append(
            [logits, *torch.autograd.grad(logits.sin().sum(), list(decoder.parameters()))]
        )
    for one, other in zip(*results):
        torch.testing.assert_close(one, other)
    with torch.no_grad():
        for all_known in (False, True):
            torch.testing.assert_close(decoder(inputs, known, levels, all_known), results[0][0])


def test_known_labels_are_what_children_see():
    torch.manual_seed(3)
    levels = random_levels()
    decoder = TreeLabelDecoder(4, 5, 6, embedding_dim=3).double().eval()
    inputs, unknown = torch.randn(sum(SIZES), 5).double(), torch.full((sum(SIZES),), 4)
    with torch.no_grad():
        logits = decoder(inputs, unknown, levels)
        best = logits[:, :-1].argmax(dim=1)
        torch.testing.assert_close(decoder(inputs, best, levels), logits)
        others = (best + 1) % 4
        assert not torch.allclose(decoder(inputs, others, levels), logits)


def test_parts_of_a_linear_layer_add_up_to_it():
    torch.manual_seed(4)
    weight = torch.randn(3, 6).double().requires_grad_()
    parts = [torch.randn(4, size).double().requires_grad_() for size in (2, 1, 3)]
    whole = torch.cat(parts, dim=1) @ weight.T
    torch.testing.assert_close(sum(project_parts(weight, *parts)), whole)
    with torch.no_grad():
        torch.testing.assert_close(sum(project_parts(weight, *parts)), whole)
    assert torch.autograd.gradcheck(project_parts, (weight, *parts))
