"""Functions recorded as CUDA graphs give what the functions give."""

import copy
import pickle
from functools import partial

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mmsgp.models.layers.graphed import GRAPHED_STEPS, GraphedFunction, pad_steps
from mmsgp.models.layers.highway_recurrence import run_steps, run_steps_backward
from mmsgp.models.layers.joint_nms import label_boxes
from mmsgp.models.layers.label_decoder import decode_steps
from mmsgp.models.parsers.feature_maps import Extraction, FrozenMaps
from mmsgp.testing.models import small_parser


def halves(one, other):
    return (one + other).sum(dim=1), one * other


def test_on_a_cpu_the_function_itself_runs():
    one, other = torch.rand(2, 3, 4)
    expected = halves(one, other)
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


class Operations(TorchDispatchMode):
    """Collects the names of all operations."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.add(function.overloadpacket.__name__)
        return function(*args, **kwargs or {})


def recorded_calls():
    """Every function that a GPU records, with arguments."""
    torch.manual_seed(2)
    projected, valid = torch.randn(2, 3, 24), torch.tensor([[True] * 3, [True, False, False]])
    keep, weight, bias = torch.ones(2, 4), torch.randn(20, 4), torch.randn(20)
    arguments = projected, valid, keep, weight, bias
    results = run_steps(*arguments, reverse=True)
    scores, bboxes = torch.rand(2, 3, 5), torch.rand(2, 3, 5, 4)
    labels, classes = torch.randn(7, 24), (torch.randn(6, 4), torch.randn(6))
    known = torch.tensor([[0, 5, 5], [5, 1, 5]])
    backward = torch.randn(2, 3, 4), *results, projected, valid, keep, weight
    yield partial(run_steps, reverse=True), arguments
    yield partial(run_steps_backward, reverse=True), backward
    yield decode_steps, (projected, known, labels, keep, weight, bias, *classes)
    yield partial(label_boxes, iou_thr=0.3), (scores, bboxes)
    detector = small_parser().detector.eval().requires_grad_(False)
    yield Extraction(detector, None), (torch.randn(1, 3, 96, 96),)


def test_no_function_that_is_recorded_waits_or_draws_numbers():
    """Copies of constants count, because a GPU is waited for to take them."""
    calls = list(recorded_calls())
    with torch.no_grad():
        for function, arguments in calls:
            with Operations() as operations:
                function(*arguments)
            assert len(operations.names) > 3
            forbidden = {'lift_fresh', 'lift_fresh_copy', '_local_scalar_dense', 'nonzero'}
            forbidden |= {'_unique2', 'bincount', 'native_dropout', 'bernoulli_', 'rand', 'randn'}
            forbidden |= {'scatter', 'scatter_'}  # waits where algorithms are deterministic
            assert not operations.names & forbidden, function


def test_convolutions_are_recorded_and_other_or_compiled_backbones_are_not():
    detector = small_parser().detector
    extraction = Extraction(detector, torch.half)
    assert extraction.recordable
    assert {weight.dtype for weight in extraction.weights.values()} == {torch.half}
    assert {name.split('.')[1] for name in extraction.weights} == {'backbone'}
    detector.backbone.features.append(torch.nn.LayerNorm(4))
    assert not Extraction(detector, None).recordable
    detector = small_parser().detector
    detector.backbone.compile(backend='eager')
    extraction = Extraction(detector, None)
    assert not extraction.recordable and not extraction.weights


@pytest.mark.gpu
def test_a_graph_gives_what_the_function_gives_on_new_values_and_shapes():
    torch.manual_seed(0)
    graphed, kept = GraphedFunction(halves, max_graphs=2), []
    for size in (3, 5, 3, 3, 5, 5, 7, 3, 3, 3):
        one, other = torch.rand(2, size, 4, device='cuda')
        expected = halves(one, other)
        kept.append((graphed(one, other), expected))
        assert len(graphed.graphs) <= 2
    for results, expected in kept:  # none is overwritten by a later call
        for own, result in zip(results, expected):
            assert torch.equal(own, result)


@pytest.mark.gpu
def test_a_new_function_is_recorded_after_all_graphs_of_an_old_one_are_gone():
    one, other = torch.rand(2, 3, 4, device='cuda')
    for _ in range(3):
        graphed = GraphedFunction(halves)
        for _ in range(3):
            assert torch.equal(graphed(one, other)[1], one * other)
        del graphed


@pytest.mark.gpu
def test_a_graph_takes_values_of_another_layout_and_of_inference_mode():
    # Whole numbers, because the layout decides the order in which a GPU adds.
    one, other = torch.randint(100, (2, 4, 4), device='cuda').float()
    graphed = GraphedFunction(halves)
    for _ in range(3):
        with torch.inference_mode():
            total, _ = graphed(one.t() + 0, other + 0)
        assert torch.equal(total, (one.t() + other).sum(dim=1))
        total, _ = graphed(one.t(), other)
        assert torch.equal(total, halves(one.t(), other)[0])


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
            torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=1e-2)
