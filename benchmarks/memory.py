"""A crowded image: peak memory of test and evaluation, beyond the weights.

PredCls and SGCls, in one pass, of one image of 592 x 592 with as many given boxes as
the most crowded one of Visual Genome, by the configs of Visual Genome's size with
random weights; then ranks for the metrics and a file of predictions. On a CPU memory
is that of the process, on a GPU that of PyTorch's allocator.

All pairs of 466 boxes take more than 100 TFLOP. ``--skip-arithmetic`` makes the same tensors
without computing them: matrix products, convolutions, normalisation, pooling and
attention fill their output with a constant, and features are made for the first three
parts of the pairs only. Compare both with ``--boxes 48``.

    python benchmarks/memory.py [--boxes 466] [--heads motifnet linknet kern]
        [--device cuda] [--skip-arithmetic]
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import torch
from common import in_fresh_process, memory_mb
from mmcv.ops import RoIAlign
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table
from torch.utils._python_dispatch import TorchDispatchMode

from mmsgp.evaluation import DumpPredictions, SceneGraphMetric
from mmsgp.models.relation_heads import RegionFeatures
from mmsgp.registry import MODELS
from mmsgp.testing.models import random_samples

CONFIGS = Path(__file__).parents[1] / 'configs'
HEADS = ('motifnet', 'linknet', 'kern')
SIDE, NUM_CLASSES, NUM_PREDICATES = 592, 150, 50
LIMITS = {'cpu': 4096, 'cuda': 8192}  # MB
META = dict(
    classes=[f'class {c}' for c in range(NUM_CLASSES)],
    predicates=[f'predicate {p}' for p in range(NUM_PREDICATES)],
    predicate_train_counts=list(range(NUM_PREDICATES)),
)


class Arithmetic(TorchDispatchMode):
    """Fills the output of costly operations with a constant, so that its pages exist."""

    SKIPPED = (
        'addmm',
        'bmm',
        'convolution',
        'max_pool2d_with_indices',
        'mm',
        'native_batch_norm',
        '_scaled_dot_product_flash_attention_for_cpu',
    )

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name not in self.SKIPPED:
            return function(*args, **(kwargs or {}))
        with torch.device('meta'):
            shapes = function(*map(_as_meta, args), **(kwargs or {}))
        device = next(a.device for a in args if isinstance(a, torch.Tensor))
        filled = [
            torch.full(s.shape, 0.01 if s.is_floating_point() else 0, dtype=s.dtype, device=device)
            for s in (shapes if isinstance(shapes, (tuple, list)) else [shapes])
        ]
        return filled if isinstance(shapes, (tuple, list)) else filled[0]


def _as_meta(value):
    return value.to('meta') if isinstance(value, torch.Tensor) else value


def constant_regions(layer: RoIAlign, inputs: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
    return inputs.new_full((len(rois), inputs.shape[1], *layer.output_size), 0.01)


def repeated(call: Callable, times: int = 3) -> Callable:
    """Call a function of a part's pairs a few times, then hand out its last result again.

    Parts have one size, so the peak of memory is that of the first of them.
    """
    results: list[torch.Tensor] = []

    def repeat(*args):
        if len(results) < times or len(results[-1]) != num_pairs(args):
            results.append(call(*args))
            return results[-1]
        return results[-1].clone()

    return repeat


def num_pairs(args: tuple) -> int:
    """Return the number of pairs among the arguments of a head or its features."""
    regions = next((arg for arg in args if isinstance(arg, RegionFeatures)), None)
    return len(args[-1] if regions is None else regions.pairs)


def build(kind: str) -> torch.nn.Module:
    cfg = Config.fromfile(CONFIGS / f'{kind}_cce_scorer_vg.py').model
    cfg.detector.init_cfg = None
    cfg.test_tasks = ('predcls', 'sgcls')
    model = MODELS.build(cfg).eval()
    if kind == 'kern':  # as many edges as annotations have, see heads.py
        edges = model.relation_head.predicate_cooccurrence
        edges.uniform_(0, 0.1)[torch.rand_like(edges) >= 0.1] = 0
        model.relation_head.object_cooccurrence.uniform_(0, 0.01)
    return model


class Peak:
    """Peak of memory in MB since the last :meth:`restart`, beyond that held then."""

    def __init__(self, device: str) -> None:
        self.on_gpu = device == 'cuda'

    def restart(self) -> None:
        if self.on_gpu:
            torch.cuda.reset_peak_memory_stats()
            self.held = torch.cuda.memory_allocated() / 2**20
        else:
            Path('/proc/self/clear_refs').write_text('5')  # resets VmHWM
            self.held = memory_mb('VmRSS')

    def read(self) -> float:
        peak = torch.cuda.max_memory_allocated() / 2**20 if self.on_gpu else memory_mb('VmHWM')
        return peak - self.held


@torch.no_grad()
def measure(kind: str, num_boxes: int, device: str, skip: bool) -> dict:
    """Measure the stages of one image, in a process of its own."""
    logging.disable(logging.WARNING)
    init_default_scope('mmsgp')
    torch.manual_seed(0)
    model = build(kind).to(device)
    image = torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8)
    peak, figures = Peak(device), {}

    def step(boxes: int):
        samples = random_samples([boxes], NUM_CLASSES, NUM_PREDICATES, image_size=SIDE)
        return model.test_step(dict(inputs=[image], data_samples=samples))

    with ExitStack() as stack:
        if skip:
            stack.enter_context(patch.object(RoIAlign, 'forward', constant_regions))
            head = model.relation_head
            for owner, name in ((head.pair_features, 'forward'), (head, 'relation_features')):
                repeat = repeated(getattr(owner, name))
                stack.enter_context(patch.object(owner, name, repeat))
            stack.enter_context(Arithmetic())
        step(2)  # what libraries allocate once
        peak.restart()
        start = time.perf_counter()
        (sample,) = step(num_boxes)
        figures['test_s'] = time.perf_counter() - start
        figures['test_mb'] = peak.read()
    figures['pairs'] = sample.pred_scene_graphs['predcls'].num_relations
    peak = Peak('cpu')
    sample = sample.cpu().to_dict()
    with tempfile.TemporaryDirectory() as folder:
        for name, metric in (
            ('metrics', SceneGraphMetric(classwise=False)),
            ('predictions', DumpPredictions(f'{folder}/predictions.h5')),
        ):
            metric.dataset_meta = META
            peak.restart()
            start = time.perf_counter()
            metric.process({}, [sample])
            metric.evaluate(1)
            figures[f'{name}_s'] = time.perf_counter() - start
            figures[f'{name}_mb'] = peak.read()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--boxes', type=int, default=466)
    parser.add_argument('--heads', nargs='*', choices=HEADS, default=HEADS)
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--skip-arithmetic', action='store_true')
    args = parser.parse_args()
    if args.boxes < 2:
        parser.error(f'--boxes must be at least 2, because one box has no pairs, got {args.boxes}')
    results = {
        kind: in_fresh_process(measure, kind, args.boxes, args.device, args.skip_arithmetic)
        for kind in args.heads
    }
    limit = LIMITS[args.device]
    how = ', arithmetic skipped' if args.skip_arithmetic else ''
    table = Table(title=f'{args.boxes} boxes, {args.device}{how}: MB beyond the weights')
    for column in ('', 'pairs', f'test (limit {limit:,})', 's', 'metrics', 'file of predictions'):
        table.add_column(column, justify='right')
    for kind, row in results.items():
        colour = '[green]' if row['test_mb'] <= limit else '[red]'
        table.add_row(
            kind,
            f'{row["pairs"]:,}',
            f'{colour}{row["test_mb"]:,.0f}',
            f'{row["test_s"]:.1f}',
            f'{row["metrics_mb"]:,.0f}',
            f'{row["predictions_mb"]:,.0f}',
        )
    Console(width=110).print(table)
    print(json.dumps(dict(boxes=args.boxes, device=args.device, **results)))


if __name__ == '__main__':
    main()
