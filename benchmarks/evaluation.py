"""Score predictions: images per second compared with sgbench, and memory.

Both score the same random predictions, with 64 boxes, 4,032 pairs and 71 predicate
scores per image, alternately in the same process; the best of several rounds counts.
sgbench gets prepared arrays, MMSGP the samples that a model gives to the evaluator.

    python benchmarks/evaluation.py [--images 2000] [--memory-images 30000]
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sgbench
import torch
from common import in_fresh_process
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData
from rich.console import Console
from rich.table import Table

from mmsgp.evaluation import SceneGraphMetric
from mmsgp.structures import SceneGraph
from mmsgp.testing.graphs import all_pairs, predicted_sample, random_boxes

NUM_BOXES, NUM_CLASSES, NUM_PREDICATES = 64, 150, 70
NUM_RELATIONS = 20
NUM_DISTINCT = 50
TOPK = (20, 50, 100)
ROUNDS = 5
# Images per second relative to sgbench's for R@K and mR@K.
LIMITS = {'R + mR': 1.0, 'whole suite': 0.6}
META = dict(
    predicates=[f'predicate {p}' for p in range(NUM_PREDICATES)],
    predicate_train_counts=list(range(NUM_PREDICATES)),
)


def make_image(generator: torch.Generator, num_annotated: int) -> dict:
    """Make a sample whose predicted objects are annotated ones, slightly moved.

    Args:
        generator: Source of randomness.
        num_annotated: Number of annotated objects. If it is that of predicted
            objects, the objects are given (PredCls).
    """
    given = num_annotated == NUM_BOXES
    bboxes = random_boxes(generator, num_annotated, 512)
    labels = torch.randint(NUM_CLASSES, (num_annotated,), generator=generator)
    chosen = torch.randint(len(all_pairs(num_annotated)), (NUM_RELATIONS,), generator=generator)
    gt = SceneGraph(
        objects=InstanceData(bboxes=bboxes, labels=labels),
        relations=InstanceData(
            pairs=all_pairs(num_annotated)[chosen],
            labels=torch.randint(1, NUM_PREDICATES + 1, (NUM_RELATIONS,), generator=generator),
            unseen=torch.rand(NUM_RELATIONS, generator=generator) < 0.1,
        ),
    )

    source = torch.arange(NUM_BOXES) % num_annotated
    object_scores = torch.ones(NUM_BOXES) if given else torch.rand(NUM_BOXES, generator=generator)
    jitter = 0.0 if given else 3.0
    pairs = all_pairs(NUM_BOXES)
    distribution = (3 * torch.randn(len(pairs), NUM_PREDICATES + 1, generator=generator)).softmax(
        dim=1
    )
    scores, predicates = distribution[:, 1:].max(dim=1)
    weights = object_scores[pairs].prod(dim=1)
    scores *= weights
    order = scores.argsort(descending=True)
    pred = SceneGraph(
        objects=InstanceData(
            bboxes=bboxes[source] + jitter * torch.randn(NUM_BOXES, 4, generator=generator),
            labels=labels[source],
            scores=object_scores,
        ),
        relations=InstanceData(
            pairs=pairs[order],
            labels=predicates[order] + 1,
            scores=scores[order],
            distribution=distribution[order],
            weights=weights[order],
        ),
    )
    return predicted_sample(0, gt, sgcls=pred).to_dict()


def repeated(samples: list[dict], number: int) -> Iterator[dict]:
    """Yield ``number`` samples with different image ids."""
    for i in range(number):
        yield dict(samples[i % len(samples)], img_id=i)


def score(samples: list[dict], number: int, **kwargs) -> dict[str, float]:
    metric = SceneGraphMetric(classwise=False, **kwargs)
    metric.dataset_meta = META
    for sample in repeated(samples, number):
        metric.process({}, [sample])
    return metric.evaluate(number)


def sgbench_arrays(sample: dict) -> tuple:
    gt, pred = sample['gt_scene_graph'], sample['pred_scene_graphs']['sgcls']
    triplets = [
        np.column_stack(
            [graph['relations']['pairs'].numpy(), graph['relations']['labels'].numpy() - 1]
        )
        for graph in (gt, pred)
    ]
    return (
        gt['objects']['bboxes'].numpy(),
        gt['objects']['labels'].numpy(),
        pred['objects']['bboxes'].numpy(),
        pred['objects']['labels'].numpy(),
        *triplets,
    )


def score_with_sgbench(arrays: list[tuple], number: int) -> dict[str, float]:
    recalls = {f'{name}@{k}': [] for k in TOPK for name in ('R', 'mR')}
    for i in range(number):
        *objects, gt, pred = arrays[i % len(arrays)]
        matched = sgbench.remap_triplets(sgbench.match_instances(*objects), pred)
        gt = np.unique(gt, axis=0)
        for k in TOPK:
            for name, mean in (('R', False), ('mR', True)):
                recalls[f'{name}@{k}'].append(sgbench.recall(k, mean, gt, matched, NUM_PREDICATES))
    return {
        name: 100
        * float(
            np.nanmean(np.nanmean(np.stack(values), axis=0))
            if name.startswith('mR')
            else np.mean(values)
        )
        for name, values in recalls.items()
    }


def measure_speed(num_annotated: int, number: int) -> dict[str, float]:
    """Measure images per second alternately; the best of several rounds counts."""
    silence()
    generator = torch.Generator().manual_seed(0)
    samples = [make_image(generator, num_annotated) for _ in range(NUM_DISTINCT)]
    arrays = [sgbench_arrays(sample) for sample in samples]
    calls = {
        'sgbench': lambda: score_with_sgbench(arrays, number),
        'R + mR': lambda: score(samples, number, topk=TOPK, metric=('R', 'mR')),
        'whole suite': lambda: score(samples, number, topk=(*TOPK, 'all')),
    }
    rates, results = dict.fromkeys(calls, 0.0), {}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            results[name] = call()
            rates[name] = max(rates[name], number / (time.perf_counter() - start))
    if num_annotated == NUM_BOXES:  # nothing is matched twice
        for name, value in results['sgbench'].items():
            for own in ('R + mR', 'whole suite'):
                np.testing.assert_allclose(results[own][f'sgcls/{name}'], value, rtol=1e-9)
    return rates


def measure_memory(number: int) -> dict[str, float]:
    """Measure the resident memory of scoring, and the kept bytes per image."""
    silence()
    generator = torch.Generator().manual_seed(0)
    samples = [make_image(generator, NUM_BOXES) for _ in range(NUM_DISTINCT)]
    metric = SceneGraphMetric(classwise=False)
    metric.dataset_meta = META
    figures = {}
    for i, sample in enumerate(repeated(samples, number)):
        metric.process({}, [sample])
        if i + 1 in (number // 30, number // 3, number):
            figures[f'{i + 1} images, MB'] = resident_mb()
    kept = sum(image.table.nbytes for image in metric.results)
    figures['ranks of an image, bytes'] = kept / number
    first, *_, last = (v for k, v in figures.items() if 'images' in k)
    figures['growth per image, bytes'] = (last - first) * 2**20 / (number - number // 30)
    start = time.perf_counter()
    metric.evaluate(number)
    figures['metrics from the ranks, s'] = time.perf_counter() - start
    return figures


def resident_mb() -> float:
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1]) / 1024
    raise KeyError('/proc/self/status has no VmRSS')


def silence() -> None:
    """Silence the metrics, which log their results."""
    MMLogger.get_instance('benchmark', log_level=logging.ERROR)
    warnings.simplefilter('ignore', RuntimeWarning)  # from sgbench's means


def speed_table(title: str, rates: dict[str, float]) -> Table:
    table = Table(title=title)
    for column in ('', 'images/s', 'of sgbench', 'at least'):
        table.add_column(column, justify='right' if column else 'left')
    for name, rate in rates.items():
        ratio = rate / rates['sgbench']
        limit = LIMITS.get(name)
        colour = '' if limit is None else ('[green]' if ratio >= limit else '[red]')
        table.add_row(
            'sgbench: R + mR' if name == 'sgbench' else f'MMSGP: {name}',
            f'{rate:,.0f}',
            f'{colour}{ratio:.2f}',
            '' if limit is None else f'{limit:.1f}',
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=2000)
    parser.add_argument('--memory-images', type=int, default=30_000)
    args = parser.parse_args()
    console = Console()
    console.print(
        f'{platform.processor() or platform.machine()}, PyTorch '
        f'threads: {torch.get_num_threads()}, best of {ROUNDS} '
        f'rounds of {args.images} images'
    )
    figures = {}
    for title, num_annotated in (
        ('64 given boxes, 20 annotated relations', NUM_BOXES),
        ('64 detected boxes, 20 annotated, 20 annotated relations', 20),
    ):
        with console.status(title):
            figures[title] = in_fresh_process(measure_speed, num_annotated, args.images)
        console.print(speed_table(title, figures[title]))
    with console.status('memory'):
        memory = in_fresh_process(measure_memory, args.memory_images)
    table = Table(title=f'Memory for {args.memory_images:,} images')
    table.add_column('')
    table.add_column('', justify='right')
    for name, value in memory.items():
        table.add_row(name, f'{value:,.1f}')
    console.print(table)
    figures['memory'] = memory
    print(json.dumps(figures))


if __name__ == '__main__':
    main()
