"""Images per second that the loader of Visual Genome's configs delivers.

It writes JPEG files of 800 x 600 with as much detail as photographs have, and reads
them as training does: ``VGDataset`` with its pipeline, batches of 6, and a number of
worker processes. A GPU that takes more images per second waits for them.

    python benchmarks/loader.py [--images 240] [--workers 0 2 4 8]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader

from mmsgp.datasets import write_vg_sgg
from mmsgp.datasets.vg_sgg.vg150 import VG150_CLASSES, VG150_PREDICATES
from mmsgp.registry import DATASETS

CONFIG = Path(__file__).parents[1] / 'configs' / '_base_' / 'datasets' / 'vg_relation.py'
WIDTH, HEIGHT, NUM_BOXES, NUM_RELATIONS = 800, 600, 11, 6


def write_data(root: Path, num_images: int) -> float:
    """Write images and annotations; return the mean size of a file in kB."""
    rng = np.random.default_rng(0)
    folder = root / 'VG_100K'
    folder.mkdir()
    (root / 'VG_100K_2').mkdir()
    images, boxes, labels, relations = [], [], [], []
    for index in range(num_images):
        # Noise of several scales, as smooth as a photograph.
        image = sum(
            cv2.resize(
                rng.normal(0, 20, (HEIGHT // scale, WIDTH // scale, 3)).astype(np.float32),
                (WIDTH, HEIGHT),
                interpolation=cv2.INTER_CUBIC,
            )
            for scale in (2, 8, 50)
        )
        path = folder / f'{index + 1}.jpg'
        cv2.imwrite(str(path), (image + 128).clip(0, 255).astype(np.uint8))
        corner = rng.uniform(0, 400, (NUM_BOXES, 2))
        images.append(
            dict(
                image_id=index + 1,
                width=WIDTH,
                height=HEIGHT,
                url=f'https://example.org/VG_100K/{index + 1}.jpg',
                coco_id=None,
                flickr_id=None,
                split='train',
            )
        )
        boxes.append(np.concatenate([corner, corner + rng.uniform(20, 200, (NUM_BOXES, 2))], 1))
        labels.append(rng.integers(len(VG150_CLASSES), size=NUM_BOXES))
        subjects = rng.integers(NUM_BOXES, size=NUM_RELATIONS)
        others = (subjects + rng.integers(1, NUM_BOXES, size=NUM_RELATIONS)) % NUM_BOXES
        predicates = rng.integers(1, len(VG150_PREDICATES) + 1, size=NUM_RELATIONS)
        relations.append(np.column_stack([subjects, others, predicates]))
    write_vg_sgg(root, images, boxes, labels, relations, VG150_CLASSES, VG150_PREDICATES)
    return float(np.mean([file.stat().st_size for file in folder.iterdir()])) / 1000


def measure(root: str, num_workers: int, batch_size: int, rounds: int) -> dict:
    """Measure the best round, after the workers have started.

    Returns:
        dict: Images per second and, without workers, CPU time of an image in ms.
    """
    cfg = Config.fromfile(CONFIG)
    init_default_scope('mmsgp')
    dataset = DATASETS.build(
        {**cfg.train_dataloader.dataset, 'data_root': root, 'num_val_images': 0}
    )
    loader = DataLoader(
        dataset,
        batch_size,
        num_workers=num_workers,
        collate_fn=pseudo_collate,
        multiprocessing_context='fork' if num_workers else None,
    )
    best, cpu = 0.0, float('inf')
    for _ in range(rounds):
        batches = iter(loader)
        next(batches)
        start, cpu_start, seen = time.perf_counter(), time.process_time(), 0
        for batch in batches:
            seen += len(batch['inputs'])
        best = max(best, seen / (time.perf_counter() - start))
        cpu = min(cpu, 1000 * (time.process_time() - cpu_start) / seen)
    return dict(images_per_s=best) | ({} if num_workers else dict(cpu_ms=cpu))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=240)
    parser.add_argument('--workers', type=int, nargs='+', default=[0, 2, 4, 8])
    parser.add_argument('--batch-size', type=int, default=6)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    if args.images < 2 * args.batch_size:
        parser.error(f'--images must be at least two batches, {2 * args.batch_size}')
    cv2.setNumThreads(0)  # as in the configs
    with tempfile.TemporaryDirectory() as folder:
        size = write_data(Path(folder), args.images)
        rows = {
            workers: measure(folder, workers, args.batch_size, args.rounds)
            for workers in args.workers
        }
    cores = len(os.sched_getaffinity(0))
    table = Table(title=f'JPEG of {WIDTH} x {HEIGHT}, {size:.0f} kB, {cores} cores')
    for column in ('workers', 'images/s', 'CPU time of an image, ms'):
        table.add_column(column, justify='right')
    for workers, row in rows.items():
        cpu = f'{row["cpu_ms"]:.1f}' if 'cpu_ms' in row else ''
        table.add_row(str(workers), f'{row["images_per_s"]:.1f}', cpu)
    Console().print(table)
    print(json.dumps(dict(cores=cores, kilobytes=size, workers=rows)))


if __name__ == '__main__':
    main()
