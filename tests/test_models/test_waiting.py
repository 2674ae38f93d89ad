"""Where a training step on a GPU waits for it.

A GPU works through what it is given while Python goes on, until Python needs a number or
the size of a result. On a CPU the same calls are counted.
"""

from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mmsgp.models.parsers.feature_maps import FrozenMaps
from mmsgp.testing.models import HEADS, random_samples, small_parser

# Operations whose result, or whose size, Python needs.
WAITING = (
    '_local_scalar_dense',  # item(), bool(), int(), float()
    'bincount',
    'masked_select',
    'nonzero',
    'repeat_interleave',
    '_unique2',
    'unique_dim',
)
HEADS_WITHOUT_WAITS = (
    'MotifNetHead',
    'LinkNetHead',
    'KERNHead',
    'FrequencyHead',
    'TransformerHead',
    'IMPHead',
    'GPSNetHead',
    'PENetHead',
    'REACTHead',
)
# Features of pairs: a GPU does not look for equal union boxes.
ON_CPU_ONLY = {'_unique2': 1}
# The sampler's pairs, and their numbers per image.
OF_EVERY_STEP = {'nonzero': 1, 'tolist': 1}
# Made of the numbers of objects, which the CPU has: which pairs there are.
OF_KNOWN_NUMBERS = {'nonzero': 1, 'repeat_interleave': 2}


class Waits(TorchDispatchMode):
    """Counts the operations that a GPU would be waited for."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in WAITING or name == 'index' and _selects(args[1]):
            self.seen[name] += 1
        return function(*args, **(kwargs or {}))


def _selects(indices):
    return any(index is not None and index.dtype == torch.bool for index in indices)


def waits_of(model, monkeypatch):
    """Count what a training step waits for."""
    torch.manual_seed(0)
    images, samples = torch.randn(2, 3, 96, 96), random_samples([5, 4])
    tolist = torch.Tensor.tolist
    with Waits() as waits:
        monkeypatch.setattr(
            torch.Tensor, 'tolist', lambda own: (waits.seen.update(['tolist']), tolist(own))[1]
        )
        losses = model.loss(images, samples)
        sum(value for name, value in losses.items() if 'loss' in name).backward()
    return waits.seen


@pytest.mark.parametrize('scorer', [None, dict(type='Scorer')])
@pytest.mark.parametrize('head', HEADS_WITHOUT_WAITS)
def test_a_training_step_waits_only_for_the_pairs_it_samples(head, scorer, monkeypatch):
    model = small_parser(type=head, scorer=scorer, **HEADS[head]).train()
    expected = Counter(OF_EVERY_STEP) + Counter(OF_KNOWN_NUMBERS)
    if head not in ('FrequencyHead', 'REACTHead'):  # they pool no unions
        expected += Counter(ON_CPU_ONLY)
    if head == 'KERNHead':  # the edges of its graphs of pairs
        expected += Counter(nonzero=1)
    assert waits_of(model, monkeypatch) == expected


def test_waiting_is_counted(monkeypatch):
    model = small_parser().train()
    forward = model.relation_head.forward_tasks

    def careless(regions, tasks):
        (output,) = forward(regions, tasks)
        output.relation_logits[output.relation_logits[:, 0] > 0].max().item()
        return [output]

    usual = waits_of(model, monkeypatch)
    monkeypatch.setattr(model.relation_head, 'forward_tasks', careless)
    assert waits_of(model, monkeypatch) - usual == Counter(index=1, _local_scalar_dense=1)


@pytest.mark.parametrize(
    'device', ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)], ids=['cpu', 'cuda']
)
def test_maps_of_either_layout_are_equal_and_ready_to_be_pooled(device):
    torch.manual_seed(1)
    detector = small_parser().detector.eval().to(device)
    images = torch.randn(2, 3, 96, 96, device=device)
    with torch.no_grad():
        (expected,) = detector.extract_feat(images)
        for layout in (torch.contiguous_format, torch.channels_last):
            (maps,) = FrozenMaps(detector)(images.contiguous(memory_format=layout))
            assert maps.is_contiguous()
            # TF32 has 10 bits of mantissa
            scale = expected.abs().max()
            torch.testing.assert_close(maps / scale, expected / scale, rtol=0, atol=5e-3)
