"""Relation heads: time against their FLOPs, and against simpler versions.

Layers are timed on one image's pairs, forward and backward, against (a) their
FLOPs over the machine's measured rate of matrix products, (b) a loop over pairs
and (c) a batched version that follows the formulas without sharing anything.
Whole heads are timed on several images against (a). Results are compared
before times are.

    python benchmarks/heads.py [--boxes 20 64] [--images 8]
"""
from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmsgp.models.layers import PairGraph, draw_pair_masks
from mmsgp.models.relation_heads import RegionFeatures
from mmsgp.models.task_modules import all_pairs
from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

CONFIGS = Path(__file__).parents[1] / 'configs'
NUM_CLASSES, NUM_PREDICATES, CHANNELS = 150, 50, 4096
LOOP_PAIRS = 20  # a loop is timed on so many pairs and scaled


def seconds(call: Callable, repeats: int = 3) -> float:
    """The best time of several."""
    best = float('inf')
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def measured_rate(size: int = 2048) -> float:
    """FLOPs a second of a matrix product."""
    one, other = torch.rand(size, size), torch.rand(size, size)
    return 2 * size**3 / seconds(lambda: one @ other, 10)


# ---- the formulas without anything shared


def naive_masks(subjects: Tensor, objects: Tensor, size: int = 27) -> Tensor:
    """Masks of pairs one by one, cell by cell of each axis."""
    masks = []
    for pair in zip(subjects.tolist(), objects.tolist()):
        start = [min(b[i] for b in pair) for i in (0, 1)]
        end = [max(b[i] for b in pair) for i in (2, 3)]
        scale = [size / max(e - s, 1e-6) for s, e in zip(start, end)]
        rows = []
        for b in pair:
            along = [[
                max(0., min(1., cell + 1 - (b[i] - start[i]) * scale[i])) *
                max(0., min(1., (b[i + 2] - start[i]) * scale[i] - cell))
                for cell in range(size)] for i in (0, 1)]
            rows.append(torch.tensor(along[1])[:, None] *
                        torch.tensor(along[0])[None])
        masks.append(torch.stack(rows))
    return torch.stack(masks)


def straightforward_pairs(graph: PairGraph, subjects: Tensor, objects: Tensor,
                          pairs: Tensor, weights: Tensor) -> Tensor:
    """All nodes of all pairs alike, messages in full."""
    unit, hidden = graph.unit, subjects.shape[1]
    num_predicates = weights.shape[1]
    inputs = state = torch.cat([
        subjects[:, None], objects[:, None],
        pairs[:, None].expand(-1, num_predicates, -1)
    ], dim=1)
    for _ in range(graph.num_steps):
        to_ends = (weights[..., None] * state[:, 2:]).sum(1, keepdim=True)
        to_predicates = weights[..., None] * state[:, :2].sum(1, keepdim=True)
        message = torch.cat([to_ends.expand(-1, 2, -1), to_predicates], dim=1)
        message = unit.fc_message(torch.cat([message, message], dim=2))
        gates = unit.fc_gates(state)
        update, reset = torch.sigmoid(
            message[..., :2 * hidden] + gates).chunk(2, dim=2)
        candidate = torch.tanh(message[..., 2 * hidden:] +
                               unit.fc_candidate(reset * state))
        state = (1 - update) * state + update * candidate
    nodes = torch.relu(graph.readout.fc(torch.cat([state, inputs], dim=2)))
    return nodes.flatten(1)


def looped_pairs(graph: PairGraph, *rows: Tensor) -> Tensor:
    """The same, pair by pair."""
    return torch.cat([
        straightforward_pairs(graph, *(row[i:i + 1] for row in rows))
        for i in range(len(rows[0]))
    ])


def random_bboxes(number: int, side: int = 592) -> Tensor:
    corners = torch.rand(number, 2) * side / 2
    return torch.cat([corners, corners + side / 10 * (1 + torch.rand(
        number, 2))], dim=1)


def layer_rows(num_boxes: int, rate: float) -> list[tuple]:
    """Name, s, floor in s, s of (b) and s of (c) of each layer."""
    num_pairs = num_boxes * (num_boxes - 1)
    bboxes = random_bboxes(num_boxes)
    pairs = all_pairs(torch.zeros(num_boxes, dtype=torch.long))
    first, second = bboxes[pairs].unbind(1)
    torch.testing.assert_close(
        draw_pair_masks(first, second)[:LOOP_PAIRS],
        naive_masks(first[:LOOP_PAIRS], second[:LOOP_PAIRS]), rtol=1e-4,
        atol=1e-4)
    loop = seconds(lambda: naive_masks(
        first[:LOOP_PAIRS], second[:LOOP_PAIRS])) * num_pairs / LOOP_PAIRS
    rows = [('pair masks', seconds(lambda: draw_pair_masks(first, second)),
             None, loop, None)]

    graph = PairGraph(512, 3)
    inputs = [torch.randn(num_pairs, 512) for _ in range(3)]
    weights = torch.rand(num_pairs, NUM_PREDICATES + 1) / 10
    few = [row[:LOOP_PAIRS] for row in (*inputs, weights)]
    with torch.no_grad():
        expected = looped_pairs(graph, *few)
        torch.testing.assert_close(
            graph(*few), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            straightforward_pairs(graph, *few), expected, rtol=1e-5, atol=1e-5)
        with FlopCounterMode(display=False) as counter:
            graph(*inputs, weights)
        own = seconds(lambda: graph(*inputs, weights), 2)
        loop = seconds(lambda: looped_pairs(graph, *few), 1) * (
            num_pairs / LOOP_PAIRS)
        plain = seconds(
            lambda: straightforward_pairs(graph, *inputs, weights), 1)
    rows.append(('KERN pair graph, forward', own,
                 counter.get_total_flops() / rate, loop, plain))
    return rows


def head_row(kind: str, num_images: int, num_boxes: int,
             rate: float) -> tuple:
    """Name, s forward, its floor, s backward, its floor, GB at the peak."""
    cfg = Config.fromfile(CONFIGS / f'{kind}_cce_scorer_vg.py')
    init_default_scope(cfg.default_scope)
    cfg.model.relation_head.fc_head.out_channels = CHANNELS
    head = MODELS.build(cfg.model.relation_head).eval()
    # Vision is the same for all and by far the largest part: left out.
    head.fc_head = head.pair_features = nn.Identity()
    for buffer in head.buffers():
        if buffer.ndim > 1:
            buffer.uniform_(0, 0.1)
    objects = ObjectBatch.from_list(
        [random_bboxes(num_boxes) for _ in range(num_images)],
        torch.randn(num_images * num_boxes, NUM_CLASSES + 1),
        targets=torch.randint(NUM_CLASSES, (num_images * num_boxes, )))
    pairs = all_pairs(objects.image_ids)
    regions = RegionFeatures(
        pairs, torch.rand(num_images, 512),
        torch.rand(len(objects.bboxes), CHANNELS),
        torch.rand(len(pairs), CHANNELS))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        head(regions, objects)
    flops = counter.get_total_flops()
    with torch.no_grad():
        forward = seconds(lambda: head(regions, objects), 2)
    start = time.perf_counter()
    output = head(regions, objects)
    (output.relation_logits.sum() + output.significance.sum() +
     output.context.logits.sum()).backward()
    both = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return kind, forward, flops / rate, both, 3 * flops / rate, peak


def ratio(one: float | None, other: float | None) -> str:
    return '-' if one is None or other is None else f'{one / other:.1f}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--boxes', type=int, nargs='+', default=[20, 64])
    parser.add_argument('--images', type=int, default=8)
    parser.add_argument(
        '--heads', nargs='*', default=['motifnet', 'linknet', 'kern'])
    args = parser.parse_args()
    torch.manual_seed(0)
    console = Console(width=130)
    rate = measured_rate()
    console.print(f'{torch.get_num_threads()} threads, {rate / 1e9:.0f} '
                  'GFLOP/s in a matrix product')
    for num_boxes in args.boxes:
        table = Table(title=f'one image, {num_boxes} boxes, '
                      f'{num_boxes * (num_boxes - 1)} pairs')
        for column in ('layer', 's', '(a) times the floor', '(b) loop, x',
                       '(c) straightforward, x'):
            table.add_column(column, justify='right')
        for name, own, floor, loop, plain in layer_rows(num_boxes, rate):
            table.add_row(name, f'{own:.4f}', ratio(own, floor),
                          ratio(loop, own), ratio(plain, own))
        console.print(table)
    for num_boxes in args.boxes:
        table = Table(title=f'{args.images} images of {num_boxes} boxes, head '
                      'with Scorer, without fc6 and fc7')
        for column in ('head', 'forward, s', 'times the floor',
                       'forward and backward, s', 'times the floor',
                       'peak memory so far, GB'):
            table.add_column(column, justify='right')
        for kind in args.heads:
            name, forward, floor, both, floor_both, peak = head_row(
                kind, args.images, num_boxes, rate)
            table.add_row(name, f'{forward:.2f}', ratio(forward, floor),
                          f'{both:.2f}', ratio(both, floor_both),
                          f'{peak:.1f}')
        console.print(table)


if __name__ == '__main__':
    main()
