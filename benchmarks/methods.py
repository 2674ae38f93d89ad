"""Cost of the relation heads of the literature, each against its FLOPs and MotifNet.

Heads of Visual Genome's size with cross-entropy, on given features of objects and unions
(REACT++: of objects and scenes), random weights. A forward is that of tests, over all pairs
of one image; a training step is forward and backward over the sampled pairs of one image.
Seconds are processor time on one thread, the best of some calls. The floor is the FLOPs over
the rate of a large matrix product, measured beside each head.

    OMP_NUM_THREADS=1 THP_MEM_ALLOC_ENABLE=1 python benchmarks/methods.py \\
        [--boxes 20 64] [--heads motifnet vctree]

The second variable asks for large pages of memory. Without them, heads of many parameters
wait for the system to hand out the memory of their gradients in each step.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import torch
from heads import CONFIGS, NUM_CLASSES, NUM_PREDICATES, random_input, table_of, take_pairs
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.console import Console
from torch import nn

from mmsgp.registry import MODELS
from mmsgp.utils.flops import counting_flops

HEADS = ('motifnet', 'linknet', 'kern', 'transformer', 'imp')
HEADS += ('penet', 'react', 'gpsnet', 'vctree', 'squat')
SCENE_TOKENS = 16, 256  # of an image, as REACT++ reads it


def cpu_seconds(call: Callable, repeats: int) -> float:
    """Measure the least processor time of several calls, after one that does not count."""
    call()
    best = float('inf')
    for _ in range(repeats):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def build(kind: str) -> nn.Module:
    """Build a head of Visual Genome's size without the layers that make its features."""
    cfg = Config.fromfile(CONFIGS / f'{kind}_ce_vg.py')
    init_default_scope(cfg.default_scope)
    head = MODELS.build(cfg.model.relation_head)
    head.roi_extractor = head.fc_head = head.pair_features = nn.Identity()
    if kind == 'kern':  # a tenth of the edges, as in real annotations
        edges = head.predicate_cooccurrence
        edges.uniform_(0, 0.1)[torch.rand_like(edges) >= 0.1] = 0
        head.object_cooccurrence.uniform_(0, 0.01)  # larger values saturate the gates
    if kind == 'vctree':  # zeros would tie all pairs
        nn.init.uniform_(head.scorer_of_pairs.cooccurrence.weight)
    return head


def inputs_of(kind: str, num_boxes: int):
    """Draw regions, objects and the predicates of all pairs of one image."""
    targets = torch.randint(NUM_CLASSES, (num_boxes,))
    sizes = torch.tensor([[592.0, 592.0]])
    regions, objects = random_input(1, num_boxes, targets=targets, image_sizes=sizes)
    if kind == 'react':
        regions = regions._replace(
            objects=torch.rand(num_boxes, SCENE_TOKENS[1]),
            scenes=torch.rand(1, *SCENE_TOKENS),
            unions=None,
        )
    labels = torch.randint(1, NUM_PREDICATES + 1, (len(regions.pairs),))
    labels[torch.rand(len(labels)) < 0.9] = 0
    return regions, objects, labels


def measure(kind: str, num_boxes: int, repeats: int) -> dict[str, float]:
    """Measure forward and training step of a head."""
    torch.manual_seed(0)
    head = build(kind)
    one, other = torch.rand(2, 1024, 1024)
    rate = 2 * 1024**3 / cpu_seconds(lambda: one @ other, 10)
    regions, objects, labels = inputs_of(kind, num_boxes)
    sampled = head.pair_sampler(torch.zeros_like(labels), labels, 1)
    labels = labels[sampled]
    some = regions._replace(pairs=regions.pairs[sampled])
    if regions.unions is not None:
        some = take_pairs(regions, sampled)

    @torch.no_grad()
    def forward() -> None:
        head.eval()(regions, objects)

    def step() -> None:
        head.train().zero_grad()
        losses = head.loss(some, objects, labels)
        sum(value for key, value in losses.items() if 'loss' in key).backward()

    row = {}
    for name, call in (('forward', forward), ('step', step)):
        with counting_flops() as counter:
            call()
        gflop = counter.get_total_flops() / 1e9
        seconds = cpu_seconds(call, repeats)
        row |= {
            f'{name} s': seconds,
            f'{name} GFLOP': gflop,
            f'{name} / floor': seconds * rate / gflop / 1e9,
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--boxes', type=int, nargs='+', default=[20, 64])
    parser.add_argument('--heads', nargs='+', choices=HEADS, default=HEADS)
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    if min(args.boxes) < 2:
        parser.error(f'--boxes must be at least 2: one box has no pairs, got {min(args.boxes)}')
    console = Console(width=130)
    figures = {}
    for boxes in args.boxes:
        rows = {}
        for kind in args.heads:
            rows[kind] = measure(kind, boxes, args.repeats)
            print(f'{boxes} boxes, {kind}: {rows[kind]}', file=sys.stderr)
        for name in ('forward', 'step'):
            if 'motifnet' in rows:
                least = rows['motifnet'][f'{name} s']
                for row in rows.values():
                    row[f'{name} / MotifNet'] = row[f'{name} s'] / least
        figures[f'{boxes} boxes'] = rows
        console.print(table_of(f'one image of {boxes} boxes', rows))
    print(json.dumps(figures))


if __name__ == '__main__':
    main()
