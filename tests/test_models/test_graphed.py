"""Functions recorded as CUDA graphs give what the functions give."""

import copy
import pickle

import pytest
import torch

from mmsgp.models.layers.graphed import GRAPHED_STEPS, GraphedFunction, pad_steps
from mmsgp.models.parsers.feature_maps import FrozenMaps
from mmsgp.testing.models import small_parser


def halves(one, other):
    return (one + other).sum(dim=1), one.mul_(other)


def test_on_a_cpu_the_function_itself_runs():
    one, other = torch.rand(2, 3, 4)
    expected = halves(one.clone(), other)
    graphed = GraphedFunction(halves)
    for own, result in zip(graphed(one, other), expected):
        assert torch.equal(own, result)
    assert not graphed.graphs


@pytest.mark.parametrize('copied', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_has_the_function_and_no_graphs(copied):
    graphed = GraphedFunction(halves, max_graphs=3)
    graphed.graphs['key'] = None
    other = copied(graphed)
    assert other.function is halves and other.max_graphs == 3 and not other.graphs


@pytest.mark.gpu
def test_a_graph_gives_what_the_function_gives_on_new_values_and_shapes():
    torch.manual_seed(0)
    graphed, kept = GraphedFunction(halves, max_graphs=2), []
    for size in (3, 5, 3, 3, 5, 5, 7, 3, 3, 3):
        one, other = torch.rand(2, size, 4, device='cuda')
        expected = halves(one.clone(), other)
        kept.append((graphed(one.clone(), other), expected))
        assert len(graphed.graphs) <= 2
    for results, expected in kept:  # none is overwritten by a later call
        for own, result in zip(results, expected):
            assert torch.equal(own, result)


@pytest.mark.gpu
def test_a_graph_takes_values_of_another_layout_and_of_inference_mode():
    one, other = torch.rand(2, 4, 4, device='cuda')
    graphed = GraphedFunction(halves)
    for _ in range(3):
        with torch.inference_mode():
            total, _ = graphed(one.t() + 0, other.clone())
        assert torch.equal(total, (one.t() + other).sum(dim=1))
        total, _ = graphed(one.t(), other)
        assert torch.equal(total, halves(one.t().clone(), other)[0])


@pytest.mark.parametrize('device', ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)])
def test_steps_are_padded_on_a_gpu_only(device):
    values = torch.ones(2, GRAPHED_STEPS + 1, 3, device=device)
    valid = torch.ones(2, GRAPHED_STEPS + 1, dtype=torch.bool, device=device)
    padded, mask = pad_steps(values, valid)
    steps = GRAPHED_STEPS + 1 if device == 'cpu' else 2 * GRAPHED_STEPS
    assert padded.shape == (2, steps, 3) and mask.shape == (2, steps)
    assert padded.sum() == values.sum() and mask.sum() == valid.sum()


@pytest.mark.gpu
@pytest.mark.parametrize('half', [False, True])
def test_maps_of_a_frozen_detector_follow_images_and_weights(half):
    torch.manual_seed(1)
    detector = small_parser().detector.eval().requires_grad_(False).cuda()
    maps = FrozenMaps(detector)
    with torch.no_grad(), torch.autocast('cuda', torch.half, enabled=half):
        for step in range(8):
            if step == 4:
                for parameter in detector.parameters():
                    parameter.mul_(1.1)
            images = torch.randn(2 + step % 2, 3, 96, 96, device='cuda')
            (expected,) = detector.extract_feat(images)
            (found,) = maps(images)
            assert found.is_contiguous() and found.dtype == expected.dtype
            scale = expected.abs().max()
            torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=4e-3)
