"""A training step: time, images per second, memory, and how busy a GPU is.

Heads with Scorer by the configs of Visual Genome's size (``--data minivg``: of the
small images of MiniVG), random weights and 4 to 21 objects an image, in each precision:

* ``float32``: throughout; ``tf32``: factors of products are rounded to TF32 (GPU only);
* ``amp``: as ``tools/train.py --amp``, float16 on a GPU and bfloat16 on a CPU.

The time of a step is the median, with a wait for the GPU after each; ``streaming`` is the
mean of steps without such waits, as in training. Busy is the time of all kernels. The
floor is the FLOPs over the rate of a large matrix product.

    python benchmarks/training_step.py [--heads motifnet linknet kern]
        [--precisions tf32 amp] [--batch-sizes 6 24] [--steps 18] [--data vg]
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import time
from pathlib import Path

import torch
from common import in_fresh_process
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

import mmsgp.engine  # noqa: F401 - registers the wrappers
from mmsgp.engine.float32_precision import set_float32_precision
from mmsgp.engine.mixed_precision import train_in_mixed_precision
from mmsgp.registry import MODELS
from mmsgp.testing.models import random_samples
from mmsgp.utils.flops import counting_flops

CONFIGS = Path(__file__).parents[1] / 'configs'
HEADS = ('motifnet', 'linknet', 'kern')
PRECISIONS = ('float32', 'tf32', 'amp')
NUM_BATCHES = 6


def on_gpu() -> bool:
    return torch.cuda.is_available()


def wait() -> None:
    if on_gpu():
        torch.cuda.synchronize()


def build(cfg: Config, precision: str, device: str):
    """Build a model and the wrapper of its optimiser, as tools/train.py does."""
    cfg.model.detector.init_cfg = None
    init_default_scope('mmsgp')
    set_float32_precision(dict(float32_matmul='highest' if precision == 'float32' else 'high'))
    torch.backends.cudnn.benchmark = cfg.env_cfg.cudnn_benchmark
    if precision == 'amp':
        train_in_mixed_precision(cfg)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).to(device).train()
    return model, build_optim_wrapper(model, cfg.optim_wrapper)


def random_batches(cfg: Config, batch_size: int) -> list[dict]:
    generator = torch.Generator().manual_seed(1)
    side, batches = cfg.img_scale[0], []
    for seed in range(NUM_BATCHES):
        sizes = torch.randint(4, 22, (batch_size,), generator=generator).tolist()
        torch.manual_seed(seed)
        images = torch.randint(0, 256, (batch_size, 3, side, side), dtype=torch.uint8)
        if on_gpu():  # as the loader does
            images = images.pin_memory()
        samples = random_samples(sizes, cfg.num_classes, cfg.num_predicates, image_size=side)
        batches.append(dict(inputs=list(images), data_samples=samples))
    return batches


def product_rate(precision: str, device: str) -> float:
    """Measure the FLOPs per second of a large matrix product."""
    size = 8192 if device == 'cuda' else 1024
    half = torch.float16 if device == 'cuda' else torch.bfloat16
    dtype = half if precision == 'amp' else torch.float32
    one, other = torch.randn(2, size, size, device=device, dtype=dtype)
    for _ in range(3):
        one @ other
    wait()
    start = time.perf_counter()
    for _ in range(10):
        one @ other
    wait()
    return 20 * size**3 / (time.perf_counter() - start)


def measure(config: str, precision: str, batch_size: int, steps: int) -> dict:
    """Measure the steps of one model, in a process of its own."""
    device = 'cuda' if on_gpu() else 'cpu'
    cfg = Config.fromfile(CONFIGS / f'{config}.py')
    model, wrapper = build(cfg, precision, device)
    batches = random_batches(cfg, batch_size)
    rate = product_rate(precision, device)

    def step(index: int) -> None:
        model.train_step(batches[index % NUM_BATCHES], wrapper)

    for index in range(min(steps, NUM_BATCHES)):  # algorithms are chosen, functions compiled
        step(index)
    wait()
    seconds = []
    for index in range(steps):
        start = time.perf_counter()
        step(index)
        wait()
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    for index in range(steps):
        step(index)
    wait()
    streaming = (time.perf_counter() - start) / steps
    peak = (
        torch.cuda.max_memory_allocated() / 2**30
        if device == 'cuda'
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    )
    gc.collect()
    with counting_flops() as counter:
        step(0)
    figures = dict(
        step_ms=1000 * statistics.median(seconds),
        streaming_ms=1000 * streaming,
        images_per_s=batch_size / streaming,
        peak_gb=peak,
        floor_ms=1000 * counter.get_total_flops() / rate,
    )
    if device == 'cuda':
        figures |= gpu_work(step, streaming)
    return figures


def gpu_work(step, seconds: float, steps: int = 3) -> dict:
    """Measure the kernels of a step and the share of time in which they run."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        for index in range(steps):
            step(index)
        torch.cuda.synchronize()
    kernels = [
        event
        for event in profiler.events()
        if event.device_type == DeviceType.CUDA and not event.is_user_annotation
    ]
    busy = sum(kernel.device_time for kernel in kernels) / steps / 1e6
    return dict(kernels=len(kernels) / steps, busy_ms=1000 * busy, busy_share=busy / seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--heads', nargs='+', choices=HEADS, default=HEADS)
    parser.add_argument('--precisions', nargs='+', choices=PRECISIONS)
    parser.add_argument('--batch-sizes', type=int, nargs='+', default=[6])
    parser.add_argument('--steps', type=int, default=18)
    parser.add_argument('--data', choices=('vg', 'minivg'), default='vg')
    args = parser.parse_args()
    precisions = args.precisions or (['tf32', 'amp'] if on_gpu() else ['float32'])
    if 'tf32' in precisions and not on_gpu():
        parser.error('--precisions tf32 needs a GPU: a CPU computes in float32')
    where = torch.cuda.get_device_name() if on_gpu() else f'{torch.get_num_threads()} threads'
    console = Console(width=120)
    rows = {}
    for batch_size in args.batch_sizes:
        for kind in args.heads:
            for precision in precisions:
                rows[f'{kind}, {precision}, {batch_size}'] = in_fresh_process(
                    measure,
                    f'{kind}_cce_scorer_{args.data}',
                    precision,
                    batch_size,
                    args.steps,
                )
    table = Table(title=f'{where}, PyTorch {torch.__version__}, {args.data}')
    columns = list(next(iter(rows.values())))
    for column in ('head, precision, batch', *columns):
        table.add_column(column, justify='right')
    for name, row in rows.items():
        table.add_row(name, *(f'{row[column]:,.3g}' for column in columns))
    console.print(table)
    print(json.dumps(dict(where=where, torch=torch.__version__, data=args.data, rows=rows)))


if __name__ == '__main__':
    main()
