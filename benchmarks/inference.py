"""From pixels to graph, stage by stage: time, memory, and time over FLOPs.

SGGen by MotifNet with Scorer at Visual Genome's size, random weights, one image of
592 x 592. Clocks around the parts of the model measure the time; the rest is
post-processing: decoding, suppression, candidate pairs and ranking. A stage's floor
is its FLOPs over the machine's measured rate of matrix products. Class logits are
made sharper, because an untrained detector would find no object.

    python benchmarks/inference.py [--boxes 8 32 64] [--amp] [--compile]
        [--device cuda]
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table

from mmsgp.models import SceneGraphParser
from mmsgp.models.relation_heads import labelling
from mmsgp.registry import MODELS
from mmsgp.testing.models import random_samples
from mmsgp.utils.flops import counting_flops

CONFIG = Path(__file__).parents[1] / 'configs' / 'motifnet_cce_scorer_vg.py'
SIDE = 592
REST = 'post-processing'
STAGES = ('backbone', 'RPN', 'objects', 'pairs', 'context', 'scorer', REST)
LIMIT = 0.02  # of the time, for post-processing


def parts(model: SceneGraphParser) -> list[tuple[str, Any, str]]:
    """Stage, owner and name of each function that belongs to a stage."""
    head, detector = model.relation_head, model.detector_adapter
    return [
        ('backbone', model, 'extract_feat'),
        ('RPN', detector, '_propose'),
        ('objects', detector, '_run_stages'),
        ('objects', head.roi_extractor, 'forward'),
        ('objects', head.fc_head, 'forward'),
        ('pairs', head.pair_features, 'forward'),
        ('context', head.context, 'encode_objects'),
        (REST, labelling, 'joint_nms'),
        ('context', head.context, 'encode_edges'),
        ('context', head, 'relation_features'),
        ('context', head.fc_predicate, 'forward'),
        ('context', head.frequency_prior, 'forward'),
        ('scorer', head.scorer, 'embed'),
        ('scorer', head.scorer, 'forward'),
    ]


class Meter:
    """Adds used time, memory or FLOPs to the innermost current stage.

    Args:
        read: Reads the meter.
        reset: Resets a meter of peaks. Defaults to None: readings only grow, and
            their differences are added.
    """

    def __init__(self, read: Callable[[], float], reset: Callable[[], None] | None = None) -> None:
        self.read, self.reset = read, reset
        self.used: dict[str, float] = defaultdict(float)
        self._last = 0.0
        self._stack: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._settle()
        self._stack.append(name)
        try:
            yield
        finally:
            self._settle()
            self._stack.pop()

    def _settle(self) -> None:
        """Add the difference to the last reading."""
        reading = self.read()
        if self._stack:
            name = self._stack[-1]
            self.used[name] = (
                max(self.used[name], reading)
                if self.reset
                else (self.used[name] + reading - self._last)
            )
        if self.reset:
            self.reset()
        self._last = reading


def metered(meter: Meter, stage: str, function: Callable) -> Callable:

    @functools.wraps(function)
    def call(*args, **kwargs):
        with meter.stage(stage):
            return function(*args, **kwargs)

    return call


def run(model: SceneGraphParser, image: torch.Tensor, meter: Meter, amp: bool):
    """Predict one graph with a meter; return the graph."""
    torch.manual_seed(0)
    (sample,) = random_samples([0], 150, 50, image_size=SIDE)
    with ExitStack() as stack:
        for stage, owner, name in parts(model):
            stack.enter_context(
                patch.object(owner, name, metered(meter, stage, getattr(owner, name)))
            )
        stack.enter_context(torch.autocast(image.device.type, half(image.device.type), enabled=amp))
        stack.enter_context(meter.stage(REST))
        (sample,) = model.predict(image, [sample])
    return sample.pred_scene_graphs['sggen']


def half(device: str) -> torch.dtype:
    """Return the data type of the tools' --amp."""
    return torch.float16 if device == 'cuda' else torch.bfloat16


def clock(device: str) -> Callable[[], float]:
    def read() -> float:
        if device == 'cuda':
            torch.cuda.synchronize()
        return time.perf_counter()

    return read


def memory_meter(device: str) -> Meter:
    """Make a meter of peak memory in MB, of the process or of the GPU."""
    if device == 'cuda':
        return Meter(
            lambda: torch.cuda.max_memory_allocated() / 2**20, torch.cuda.reset_peak_memory_stats
        )

    def read() -> float:
        status = Path('/proc/self/status').read_text()
        return int(status.split('VmHWM:')[1].split()[0]) / 2**10

    return Meter(read, lambda: Path('/proc/self/clear_refs').write_text('5'))


def measured_rate(device: str, amp: bool, size: int = 2048) -> float:
    """Measure the FLOPs per second of a matrix product."""
    one, other = torch.rand(2, size, size, device=device).to(half(device) if amp else torch.float32)
    read, best = clock(device), float('inf')
    for _ in range(10):
        start = read()
        one @ other
        best = min(best, read() - start)
    return 2 * size**3 / best


def measure(
    model: SceneGraphParser, image: torch.Tensor, num_boxes: int, repeats: int, amp: bool
) -> dict:
    """Measure seconds, FLOPs and MB per stage; count boxes and pairs."""
    device = image.device.type
    model.detection_cfg['max_per_image'] = num_boxes
    with torch.compiler.set_stance('force_eager'), counting_flops() as counter:
        flops = Meter(counter.get_total_flops)
        run(model, image, flops, amp)
    memory = memory_meter(device)
    graph = run(model, image, memory, amp)
    rounds = []
    for _ in range(repeats):
        rounds.append(Meter(clock(device)))
        run(model, image, rounds[-1], amp)
    best = {stage: min(r.used[stage] for r in rounds) for stage in STAGES}
    return dict(
        boxes=graph.num_objects,
        pairs=graph.num_relations,
        seconds=best,
        flops=dict(flops.used),
        megabytes=dict(memory.used),
    )


def report(result: dict, rate: float) -> Table:
    """Make a table of the stages."""
    total = Counter()
    table = Table(title=f'{result["boxes"]} boxes, {result["pairs"]} pairs')
    for column in ('stage', 'ms', '% of all', 'GFLOP', 'times the floor', 'peak memory, MB'):
        table.add_column(column, justify='left' if column == 'stage' else 'right')
    for key in ('seconds', 'flops'):
        total[key] = sum(result[key].values())
    for stage in STAGES:
        seconds, flops = result['seconds'][stage], result['flops'][stage]
        table.add_row(
            stage,
            f'{1000 * seconds:.1f}',
            f'{100 * seconds / total["seconds"]:.1f}',
            f'{flops / 1e9:.1f}',
            f'{seconds * rate / flops:.1f}' if flops else '-',
            f'{result["megabytes"][stage]:.0f}',
        )
    table.add_section()
    table.add_row(
        'all',
        f'{1000 * total["seconds"]:.1f}',
        '100',
        f'{total["flops"] / 1e9:.1f}',
        f'{total["seconds"] * rate / total["flops"]:.1f}',
        f'{max(result["megabytes"].values()):.0f}',
    )
    return table


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--boxes', type=int, nargs='+', default=[8, 32, 64])
    parser.add_argument('--repeats', type=int, default=3, help='the best of each stage counts')
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--amp', action='store_true', help='float16 on a GPU, bfloat16 on a CPU')
    parser.add_argument('--compile', action='store_true', help='compile the backbone')
    parser.add_argument('--sharpness', type=float, default=100.0)
    args = parser.parse_args()
    init_default_scope('mmsgp')
    torch.manual_seed(0)
    cfg = Config.fromfile(CONFIG).model
    model = MODELS.build({**cfg, 'test_tasks': ('sggen',), 'compile_backbone': args.compile})
    model.detector.roi_head.bbox_head.fc_cls.weight *= args.sharpness
    model = model.to(args.device).eval()
    image = torch.randn(1, 3, SIDE, SIDE, device=args.device)
    rate = measured_rate(args.device, args.amp)
    console = Console(width=100)
    where = f'{torch.get_num_threads()} threads'
    if args.device == 'cuda':
        where = torch.cuda.get_device_name()
    console.print(
        f'{where}, {half(args.device) if args.amp else torch.float32}'
        f'{", compiled backbone" if args.compile else ""}, '
        f'{rate / 1e9:.0f} GFLOP/s in a matrix product'
    )
    results = []
    for num_boxes in args.boxes:
        result = measure(model, image, num_boxes, args.repeats, args.amp)
        seconds = sum(result['seconds'].values())
        result['post_processing_share'] = result['seconds'][REST] / seconds
        result['images_per_second'] = 1 / seconds
        results.append(result)
        console.print(report(result, rate))
        console.print(f'{1 / seconds:.2f} images per second')
    shares = [result['post_processing_share'] for result in results]
    console.print(f'post-processing: {100 * max(shares):.1f} % at most (limit {100 * LIMIT:.0f} %)')
    print(
        json.dumps(
            dict(
                where=where,
                amp=args.amp,
                compile=args.compile,
                flops_per_second=rate,
                results=results,
            )
        )
    )


if __name__ == '__main__':
    main()
