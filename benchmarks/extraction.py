"""Extract graphs, beside the inferencer alone, and while processes are killed.

First the rate of one SceneGraphInferencer in this process, then that of
tools/extract_graphs.py per worker on the same images. Then the extraction is killed,
its worker and the whole of it in turn, at random moments, and begun again, until it
ends: each image must be there once.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import psutil
import torch
from common import memory_mb

from mmsgp.apis import SceneGraphInferencer

TOOL = Path(__file__).resolve().parents[1] / 'tools' / 'extract_graphs.py'


def command(args: argparse.Namespace, output: Path, workers: int) -> list[str]:
    return [
        sys.executable,
        str(TOOL),
        str(args.list),
        '--output',
        str(output),
        '--checkpoint',
        str(args.checkpoint),
        '--block-size',
        str(args.block_size),
        '--workers',
        str(workers),
    ]


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes of Ray that parse."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if 'MapWorker' in ' '.join(child.cmdline() or [])]


def run_timed(args: argparse.Namespace, output: Path, workers: int) -> dict:
    """Run to the end; the rate counts from the first finished block."""
    process = subprocess.Popen(command(args, output, workers), stdout=subprocess.DEVNULL)
    first, most = None, 0.0
    while process.poll() is None:
        done = len(list(output.glob('graphs/part-*')))
        if done and first is None:
            first = time.monotonic(), done
        try:
            for worker in workers_of(process):
                most = max(most, memory_mb('VmRSS', f'/proc/{worker.pid}/status'))
        except (psutil.Error, OSError, KeyError):
            pass
        time.sleep(0.2)
    if process.returncode:
        raise RuntimeError(f'the extraction ended with code {process.returncode}')
    done = len(list(output.glob('graphs/part-*'))) - first[1]
    rate = done * args.block_size / (time.monotonic() - first[0])
    return dict(images_per_second=round(rate, 2), worker_mib=round(most))


def kill_and_repeat(args: argparse.Namespace, output: Path) -> dict:
    """Kill worker and driver in turn, and call again until all is done."""
    chance = random.Random(args.seed)  # noqa: S311
    kills = dict(worker=0, driver=0)
    for number in range(args.kills + 1):
        process = subprocess.Popen(command(args, output, 1), stdout=subprocess.DEVNULL)
        if number == args.kills:
            if process.wait():
                raise RuntimeError(f'the last run ended with code {process.returncode}')
            break
        before = len(list(output.glob('graphs/part-*')))
        while process.poll() is None and len(list(output.glob('graphs/part-*'))) <= before:
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 5))
        for worker in workers_of(process) if process.poll() is None else ():
            worker.kill()
            kills['worker'] += 1
        time.sleep(chance.uniform(0, 10))
        if process.poll() is None:
            kills['driver'] += 1
        process.kill()
        process.wait()
    return kills


def counts(output: Path) -> dict:
    query = f"SELECT count(*), count(DISTINCT image) FROM '{output}/graphs/*.parquet'"
    return dict(zip(('rows', 'images'), duckdb.sql(query).fetchone()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('images', type=Path, help='folder of images')
    parser.add_argument('--number', type=int, default=20_000, help='images; some may repeat')
    parser.add_argument('--block-size', type=int, default=100)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--kills', type=int, default=5)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--folder', type=Path, default=Path('work_dirs/extraction'))
    args = parser.parse_args()
    shutil.rmtree(args.folder, ignore_errors=True)
    linked = args.folder / 'images'
    linked.mkdir(parents=True)
    files = sorted(args.images.iterdir())
    for number in range(args.number):  # another name per image
        file = files[number % len(files)].absolute()
        (linked / f'{number:06d}{file.suffix}').symlink_to(file)
    args.list = linked
    torch.set_num_threads(1)
    inferencer = SceneGraphInferencer(weights=args.checkpoint, device='cpu', show_progress=False)
    some = [str(path) for path in sorted(linked.iterdir())[: min(200, args.number)]]
    inferencer(some[:5])
    start = time.perf_counter()
    inferencer(some)
    alone = len(some) / (time.perf_counter() - start)
    result = dict(inferencer_images_per_second=round(alone, 2))
    result['extraction'] = run_timed(args, args.folder / 'whole', args.workers)
    result['whole'] = counts(args.folder / 'whole')
    ratio = result['extraction']['images_per_second'] / args.workers / alone
    result['per_worker_over_inferencer'] = round(ratio, 2)
    print(result)
    result['kills'] = kill_and_repeat(args, args.folder / 'killed')
    result['killed'] = counts(args.folder / 'killed')
    print(json.dumps(result))


if __name__ == '__main__':
    main()
