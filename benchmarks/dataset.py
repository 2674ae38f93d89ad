"""Load annotations as large as Visual Genome's: time and memory.

It writes a random file of Visual Genome's size, reads it in new processes, and
compares the figures with their limits and with MMEngine's ``BaseDataset``, which
keeps annotations in pickled dictionaries. No image is read. Seconds of a single
process are CPU time, so that other programs do not count.

    python benchmarks/dataset.py [--images 108073]
"""

from __future__ import annotations

import argparse
import ctypes
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from common import in_fresh_process, memory_mb
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch.utils.data import DataLoader, Subset

from mmsgp.datasets import DatasetStatistics, VGDataset, write_vg_sgg
from mmsgp.datasets.checks import check_config
from mmsgp.datasets.vg_sgg.vg150 import VG150_CLASSES, VG150_PREDICATES

BOXES_PER_IMAGE = 10.2  # 1.1 million boxes
RELATIONS_PER_IMAGE = 5.6  # 0.6 million relations
NUM_READS = 20_000
LIMITS = {
    'ready_s': 10,
    'ready_peak_mb': 1024,
    'statistics_s': 5,
    'statistics_peak_mb': 1024,
    'check_s': 60,
}


def write_data(root: Path, num_images: int) -> None:
    """Write images of 800 x 600 with a realistic distribution of boxes."""
    rng = np.random.default_rng(0)
    num_boxes = 2 + rng.negative_binomial(3, 3 / (BOXES_PER_IMAGE + 1), size=num_images)
    num_relations = rng.poisson(RELATIONS_PER_IMAGE, size=num_images)
    images, boxes, labels, relations = [], [], [], []
    for index, (n, m) in enumerate(zip(num_boxes, num_relations, strict=True)):
        images.append(
            dict(
                image_id=index + 1,
                width=800,
                height=600,
                url=f'https://example.org/images/VG_100K/{index + 1}.jpg',
                coco_id=None,
                flickr_id=None,
                split='train' if rng.random() < 0.7 else 'test',
            )
        )
        corner = rng.uniform(0, 500, size=(n, 2))
        size = rng.gamma(1.5, 60, size=(n, 2)) + 4
        boxes.append(np.concatenate([corner, np.minimum(corner + size, (800, 600))], axis=1))
        labels.append(rng.integers(len(VG150_CLASSES), size=n))
        subjects = rng.integers(n, size=m)
        relations.append(
            np.column_stack(
                [
                    subjects,
                    (subjects + rng.integers(1, n, size=m)) % n,
                    rng.integers(1, len(VG150_PREDICATES) + 1, size=m),
                ]
            )
        )
    write_vg_sgg(root, images, boxes, labels, relations, VG150_CLASSES, VG150_PREDICATES)


class PickledDataset(BaseDataset):
    """The same annotations as pickled dictionaries, MMEngine's default."""

    def load_data_list(self) -> list[dict]:
        return list(VGDataset(data_root=self.data_root).data_list)


def build(root: str, pickled: bool) -> BaseDataset:
    return (PickledDataset if pickled else VGDataset)(data_root=root)


def named(figures: dict, pickled: bool) -> dict:
    """Add a prefix to the figures of pickled dictionaries."""
    prefix = 'pickled_' if pickled else ''
    return {f'{prefix}{name}': value for name, value in figures.items()}


def measure_ready(root: str, pickled: bool) -> dict:
    before = memory_mb('VmRSS')
    start = time.process_time()
    dataset = build(root, pickled)
    seconds = time.process_time() - start
    peak = memory_mb('VmHWM')
    ctypes.CDLL(None).malloc_trim(0)  # else freed memory counts as held
    figures = dict(
        ready_s=seconds,
        ready_peak_mb=peak,
        imports_mb=before,
        held_mb=memory_mb('VmRSS') - before,
        num_train_images=len(dataset),
    )
    return named(figures, pickled)


def measure_statistics(root: str) -> dict:
    annotations = VGDataset(data_root=root).data_list
    start = time.process_time()
    DatasetStatistics.from_annotations(annotations).frequency_prior()
    return dict(statistics_s=time.process_time() - start, statistics_peak_mb=memory_mb('VmHWM'))


def measure_check(root: str) -> dict:
    """Check the data as tools/misc/check_dataset.py does, without image files."""
    init_default_scope('mmsgp')
    cfg = Config(
        {
            f'{split}_dataloader': dict(
                dataset=dict(type='VGDataset', data_root=root, split=split, pipeline=[])
            )
            for split in ('train', 'val', 'test')
        }
    )
    start = time.process_time()
    findings = check_config(cfg).findings
    return dict(check_s=time.process_time() - start, check_findings=len(findings))


def read_privately(item: dict) -> float:
    """Measure the private memory of the worker that read the item, in MB."""
    path = '/proc/self/smaps_rollup'
    return memory_mb('Private_Dirty', path) if item['sample_idx'] % 500 == 0 else 0.0


def measure_reads(root: str, pickled: bool) -> dict:
    dataset = build(root, pickled)
    num_reads = min(NUM_READS, len(dataset))
    start = time.process_time()
    for index in range(num_reads):
        dataset[index]
    figures = dict(reads_per_s=num_reads / (time.process_time() - start))
    dataset.pipeline.transforms.append(read_privately)
    loader = DataLoader(
        Subset(dataset, range(num_reads)),
        batch_size=100,
        num_workers=2,
        collate_fn=max,
        multiprocessing_context='fork',
    )  # MMEngine's default
    start = time.perf_counter()
    private = [max_mb for max_mb in loader if max_mb]
    seconds = time.perf_counter() - start
    figures['worker_reads_per_s'] = num_reads / seconds
    figures['worker_growth_mb'] = max(private) - min(private)
    return named(figures, pickled)


def table_of(figures: dict) -> Table:
    table = Table(title="Annotations of Visual Genome's size")
    for column in ('figure', 'value', 'limit'):
        table.add_column(column, justify='left' if column == 'figure' else 'right')
    for name, value in figures.items():
        limit = LIMITS.get(name)
        colour = '' if limit is None else '[green]' if value < limit else '[red]'
        table.add_row(name, f'{colour}{value:,.1f}', '' if limit is None else f'< {limit}')
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=108_073)
    args = parser.parse_args()
    steps = [
        ('Writing the file', None),
        ('Reading it', (measure_ready, False)),
        ('Statistics', (measure_statistics,)),
        ('Checking it', (measure_check,)),
        ('Single images', (measure_reads, False)),
        ('Reading it into pickled dictionaries', (measure_ready, True)),
        ('Single images as pickled dictionaries', (measure_reads, True)),
    ]
    figures = dict(num_images=args.images)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as root, Progress(console=console) as progress:
        task = progress.add_task('', total=len(steps))
        for description, step in steps:
            progress.update(task, description=description)
            if step is None:
                write_data(Path(root), args.images)
            else:
                function, *options = step
                figures.update(in_fresh_process(function, root, *options))
            progress.advance(task)
    Console().print(table_of(figures))
    print(json.dumps(figures))


if __name__ == '__main__':
    main()
