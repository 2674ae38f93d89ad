"""Relation heads: time compared with their FLOPs and with simpler versions.

(a) FLOPs over the machine's measured rate of matrix products, (b) a loop over
pairs, (c) a batched version of the formulas that shares no computation. Layers are
timed on one image, KERN's graphs also in training. Whole heads are timed on several
images: forward over all pairs, as in a test, against (a), (b) for the work per pair,
and image after image; and a training step, forward and backward over the sampled
pairs, against (a) and (b). Results are compared before times.

    python benchmarks/heads.py [--boxes 20 64] [--images 8]
"""

from __future__ import annotations

import argparse
import json
import resource
from functools import partial
from pathlib import Path

import torch
from common import in_fresh_process, matmul_rate, seconds
from mmengine.config import Config
from mmengine.registry import init_default_scope
from naive_layers import looped_pairs, naive_masks, straightforward_pairs
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from mmsgp.models.layers import PairGraph, draw_pair_masks
from mmsgp.models.relation_heads import RegionFeatures
from mmsgp.models.task_modules import all_pairs
from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch
from mmsgp.utils.flops import counting_flops

CONFIGS = Path(__file__).parents[1] / 'configs'
HEADS = ('motifnet', 'linknet', 'kern')  # with features of pairs
NUM_CLASSES, NUM_PREDICATES, CHANNELS = 150, 50, 4096
SAMPLED_PAIRS = 256  # at most, per image in training
LOOP_PAIRS = 20  # a loop is timed on at most this number of pairs and scaled
# Share of predicates that occur between a pair's classes in the training set: on
# average 6.9 of 71 for the pairs of VRD's test images.
EDGES = {'all edges': 1.0, 'a tenth of the edges': 0.1}


def random_bboxes(number: int, side: int = 592) -> Tensor:
    corners = torch.rand(number, 2) * side / 2
    return torch.cat([corners, corners + side / 10 * (1 + torch.rand(number, 2))], dim=1)


def measure_layers(num_boxes: int) -> dict[str, dict]:
    """Measure the seconds of each layer on one image, and ratios of other versions."""
    torch.manual_seed(0)
    rate = matmul_rate()
    num_pairs = num_boxes * (num_boxes - 1)
    scale = num_pairs / min(LOOP_PAIRS, num_pairs)
    pairs = all_pairs(torch.zeros(num_boxes, dtype=torch.long))
    first, second = random_bboxes(num_boxes)[pairs].unbind(1)
    few = first[:LOOP_PAIRS], second[:LOOP_PAIRS]
    torch.testing.assert_close(draw_pair_masks(*few), naive_masks(*few), rtol=1e-4, atol=1e-4)
    own = seconds(lambda: draw_pair_masks(first, second))
    loop = scale * seconds(lambda: naive_masks(*few))
    rows = {'pair masks': {'s': own, '(b) loop': loop / own}}

    for name, share in EDGES.items():
        rows[f'KERN pair graph, {name}'] = measure_graph(num_pairs, share, rate)
        rows[f'KERN pair graph, {name}, training'] = measure_graph_training(
            min(num_pairs, SAMPLED_PAIRS), share
        )
    return rows


@torch.no_grad()
def measure_graph(num_pairs: int, share: float, rate: float) -> dict:
    """Measure KERN's graphs of pairs with a share of the edges."""
    graph = PairGraph(512, 3)
    weights = torch.rand(num_pairs, NUM_PREDICATES + 1) / 10
    weights[torch.rand_like(weights) >= share] = 0
    rows = [torch.randn(num_pairs, 512) for _ in range(3)] + [weights]
    few = [row[:LOOP_PAIRS] for row in rows]
    expected = looped_pairs(graph, *few)
    for version in (graph, partial(straightforward_pairs, graph)):
        torch.testing.assert_close(version(*few), expected, rtol=1e-5, atol=1e-5)
    with counting_flops() as counter:
        graph(*rows)
    own = seconds(lambda: graph(*rows), 2)
    loop = seconds(lambda: looped_pairs(graph, *few), 1)
    plain = seconds(lambda: straightforward_pairs(graph, *rows), 1)
    return {
        's': own,
        '(a) floor': own * rate / counter.get_total_flops(),
        '(b) loop': loop * num_pairs / len(few[0]) / own,
        '(c) straightforward': plain / own,
    }


def measure_graph_training(num_pairs: int, share: float) -> dict:
    """Measure the same, forward and backward over an image's sampled pairs."""
    torch.manual_seed(0)
    graph = PairGraph(512, 3)
    weights = torch.rand(num_pairs, NUM_PREDICATES + 1) / 10
    weights[torch.rand_like(weights) >= share] = 0
    rows = [torch.randn(num_pairs, 512, requires_grad=True) for _ in range(3)] + [weights]
    few = [row[:LOOP_PAIRS].detach() for row in rows]

    def step(version, *rows: Tensor) -> list[Tensor]:
        graph.zero_grad()
        version(*rows).square().mean().backward()
        return [parameter.grad for parameter in graph.parameters()]

    plainly = partial(straightforward_pairs, graph)
    for one, other in zip(step(graph, *rows), step(plainly, *rows)):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-7)
    own = seconds(lambda: step(graph, *rows), 2)
    loop = seconds(
        lambda: [step(plainly, *(row[i : i + 1] for row in few)) for i in range(len(few[0]))], 1
    )
    return {
        's': own,
        '(b) loop': loop * num_pairs / len(few[0]) / own,
        '(c) straightforward': seconds(lambda: step(plainly, *rows), 1) / own,
    }


def build_head(kind: str) -> nn.Module:
    """Build a head of Visual Genome's size without its vision layers.

    They are the same for all heads and by far the largest part.
    """
    cfg = Config.fromfile(CONFIGS / f'{kind}_cce_scorer_vg.py')
    init_default_scope(cfg.default_scope)
    head = MODELS.build(cfg.model.relation_head)
    head.roi_extractor = head.fc_head = head.pair_features = nn.Identity()
    if kind == 'kern':
        edges = head.predicate_cooccurrence
        edges.uniform_(0, 0.1)[torch.rand_like(edges) >= 0.1] = 0
        # Larger values saturate the gates; the remaining gradients are denormal
        # numbers, with which a processor is many times slower.
        head.object_cooccurrence.uniform_(0, 0.01)
    return head


def random_input(num_images: int, num_boxes: int, **kwargs) -> tuple[RegionFeatures, ObjectBatch]:
    """Draw the regions of all pairs, and their objects."""
    num_objects = num_images * num_boxes
    objects = ObjectBatch.from_list(
        [random_bboxes(num_boxes) for _ in range(num_images)],
        torch.randn(num_objects, NUM_CLASSES + 1),
        **kwargs,
    )
    pairs = all_pairs(objects.image_ids)
    return RegionFeatures(
        pairs,
        torch.rand(num_images, 512),
        torch.rand(num_objects, CHANNELS),
        torch.rand(len(pairs), CHANNELS),
    ), objects


def take_pairs(regions: RegionFeatures, chosen) -> RegionFeatures:
    return regions._replace(pairs=regions.pairs[chosen], unions=regions.unions[chosen])


def classify_pairs(
    head: nn.Module, context, regions: RegionFeatures, objects: ObjectBatch
) -> Tensor:
    """Logits of pairs: steps 2 and 3 of a head."""
    return head.predicate_logits(
        head.relation_features(context, regions, objects), context.labels[regions.pairs]
    )


def by_image(head: nn.Module, regions: RegionFeatures, objects: ObjectBatch) -> Tensor:
    """Compute the relation logits image by image."""
    logits = []
    num_pairs = len(regions.pairs) // objects.num_images
    for i, size in enumerate(objects.sizes):
        rows = slice(i * size, (i + 1) * size)
        own = slice(i * num_pairs, (i + 1) * num_pairs)
        one = ObjectBatch.from_list([objects.bboxes[rows]], objects.logits[rows])
        logits.append(
            head(
                RegionFeatures(
                    regions.pairs[own] - i * size,
                    regions.images[i : i + 1],
                    regions.objects[rows],
                    regions.unions[own],
                ),
                one,
            ).relation_logits
        )
    return torch.cat(logits)


@torch.no_grad()
def measure_test(kind: str, num_images: int, num_boxes: int) -> dict:
    """Measure forward over all pairs."""
    torch.manual_seed(0)
    rate = matmul_rate()
    head = build_head(kind).eval()
    regions, objects = random_input(num_images, num_boxes)
    with counting_flops() as counter:
        output = head(regions, objects)
    floor = counter.get_total_flops() / rate
    torch.testing.assert_close(
        by_image(head, regions, objects), output.relation_logits, rtol=1e-2, atol=1e-2
    )
    context = output.context
    del output
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    own = seconds(lambda: head(regions, objects), 2)
    images = seconds(lambda: by_image(head, regions, objects), 2)
    few = [take_pairs(regions, [i]) for i in range(min(LOOP_PAIRS, len(regions.pairs)))]
    loop = (
        seconds(lambda: [classify_pairs(head, context, one, objects) for one in few])
        * len(regions.pairs)
        / len(few)
    )
    chunks = list(regions.split_pairs(head.pairs_per_chunk))
    pairs = seconds(lambda: [classify_pairs(head, context, some, objects) for _, some in chunks], 1)
    return {
        's': own,
        '(a) floor': own / floor,
        'pairs: (b) loop': loop / pairs,
        'image by image': images / own,
        'peak GB': peak,
    }


def measure_training(kind: str, num_images: int, num_boxes: int) -> dict:
    """Measure forward and backward over the sampled pairs."""
    torch.manual_seed(0)
    rate = matmul_rate()
    head = build_head(kind).train()
    regions, objects = random_input(
        num_images, num_boxes, targets=torch.randint(NUM_CLASSES, (num_images * num_boxes,))
    )
    labels = torch.randint(NUM_PREDICATES, (len(regions.pairs),))
    labels[torch.rand(len(labels)) < 0.9] = 0
    sampled = head.pair_sampler(objects.image_ids[regions.pairs[:, 0]], labels, num_images)
    regions, labels = take_pairs(regions, sampled), labels[sampled]

    def step() -> None:
        losses = head.loss(regions, objects, labels)
        sum(v for k, v in losses.items() if k.startswith('loss')).backward()

    with counting_flops() as counter:
        step()
    own = seconds(step, 2)
    with torch.no_grad():
        context = head.eval()(regions, objects).context  # a pair has no batch

    def classify(parts: list[RegionFeatures]) -> None:
        for part in parts:
            head.zero_grad()
            classify_pairs(head, context, part, objects).mean().backward()

    few = [take_pairs(regions, [i]) for i in range(min(LOOP_PAIRS, len(labels)))]
    loop = seconds(lambda: classify(few), 1) * len(labels) / len(few)
    return {
        's': own,
        '(a) floor': own * rate / counter.get_total_flops(),
        'pairs: (b) loop': loop / seconds(lambda: classify([regions]), 2),
        'peak GB': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def table_of(title: str, rows: dict[str, dict]) -> Table:
    table = Table(title=title)
    table.add_column('')
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    for column in columns:
        table.add_column(column, justify='right')
    for name, row in rows.items():
        table.add_row(name, *(f'{row[key]:.3g}' if key in row else '-' for key in columns))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--boxes', type=int, nargs='+', default=[20, 64])
    parser.add_argument('--images', type=int, default=8)
    parser.add_argument('--heads', nargs='*', choices=HEADS, default=HEADS)
    args = parser.parse_args()
    if min(args.boxes) < 2:
        parser.error(
            f'--boxes must be at least 2, because one box has no pairs, got {min(args.boxes)}'
        )
    console = Console(width=130)
    console.print(
        f'{torch.get_num_threads()} threads, {matmul_rate() / 1e9:.0f} GFLOP/s in a matrix product'
    )
    figures = {}
    for num_boxes in args.boxes:
        title = f'one image of {num_boxes} boxes, forward'
        figures[title] = in_fresh_process(measure_layers, num_boxes)
        console.print(table_of(title, figures[title]))
        for name, measure in (
            ('forward, all pairs', measure_test),
            ('training step, sampled pairs', measure_training),
        ):
            title = f'{args.images} images of {num_boxes} boxes: {name}'
            figures[title] = {
                kind: in_fresh_process(measure, kind, args.images, num_boxes) for kind in args.heads
            }
            console.print(table_of(title, figures[title]))
    print(json.dumps(figures))


if __name__ == '__main__':
    main()
