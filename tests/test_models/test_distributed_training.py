"""Two processes train together whatever the images of one of them lack."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.model import MMDistributedDataParallel

from mmsgp.testing.models import HEADS, random_samples, small_parser

# Objects of the two images of the second process, and whether they are related.
LACKS = {
    'relations': ((4, 3), False),
    'pairs': ((1, 1), False),
    'objects': ((0, 0), False),
    'objects of one image': ((0, 3), True),
}


def batch(sizes, related):
    """Two images; the same in every call with the same arguments."""
    torch.manual_seed(len(LACKS))
    samples = random_samples(sizes)
    if not related:
        for sample in samples:
            graph = sample.gt_scene_graph
            graph.relations = graph.relations[:0]
    return torch.randn(len(sizes), 3, 96, 96), samples


def gradients(model, parser, inputs, samples):
    """Of each trainable weight, by its name; moving averages stay where they are."""
    torch.manual_seed(0)
    buffers = [buffer.clone() for buffer in parser.buffers()]
    parser.zero_grad(set_to_none=True)
    losses = model(inputs, samples, mode='loss')
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    for buffer, before in zip(parser.buffers(), buffers):
        buffer.copy_(before)
    return {name: weight.grad for name, weight in parser.named_parameters() if weight.requires_grad}


def mean_over_processes(values):
    """By hand, a weight without gradient counts as 0."""
    for value in values.values():
        dist.all_reduce(value)
        value /= dist.get_world_size()
    return values


def train(rank: int, folder: Path) -> None:
    """A process: a step of each head for each thing that may be lacking."""
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo',
        init_method=f'file://{folder}/store',
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=120),
    )
    differences = {}
    for head, settings in HEADS.items():
        parser = small_parser(type=head, **settings, scorer=dict(type='Scorer'))
        parser.train()
        for lack, (sizes, related) in LACKS.items():
            inputs, samples = batch(*((sizes, related) if rank else ((4, 3), True)))
            alone = gradients(parser, parser, inputs, samples)
            expected = mean_over_processes(
                {
                    name: torch.zeros_like(weight) if alone[name] is None else alone[name].clone()
                    for name, weight in parser.named_parameters()
                    if name in alone
                }
            )
            wrapped = MMDistributedDataParallel(parser, broadcast_buffers=False)
            for _ in range(2):  # a weight without gradient would show in the second
                found = gradients(wrapped, parser, inputs, samples)
            differences[f'{head} {lack}'] = max(
                (found[name] - value).abs().max().item() for name, value in expected.items()
            )
    (folder / f'{rank}.json').write_text(json.dumps(differences))
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope='module')
def differences(tmp_path_factory):
    """Largest differences of gradients from the mean, of each process."""
    folder = tmp_path_factory.mktemp('processes')
    mp.get_context('forkserver').set_forkserver_preload([train.__module__])
    mp.start_processes(train, args=(folder,), nprocs=2, start_method='forkserver')
    return [json.loads((folder / f'{rank}.json').read_text()) for rank in range(2)]


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('lack', LACKS)
def test_gradients_are_the_mean_of_both_processes_whatever_one_lacks(differences, head, lack):
    for rank in range(2):
        assert differences[rank][f'{head} {lack}'] < 1e-5
