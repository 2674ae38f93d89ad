"""Extract graphs: the rate beside the inferencer's, the memory, and kills on the way.

First SceneGraphInferencer and tools/extract_graphs.py take turns on the same images, with
one process and with several at once. Then all images are extracted while the memory of
the processes is read. Then they are extracted again, and a worker and the whole of it are
killed at random moments and begun again: each image must be there once, with the same graph.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import duckdb
import psutil
import torch

from mmsgp.apis import SceneGraphInferencer
from mmsgp.apis.input_paths import IMAGE_SUFFIXES

TOOL = Path(__file__).resolve().parents[1] / 'tools' / 'extract_graphs.py'
# A worker that ends early waits for a block at most, which must not count in the rate.
RATE_BLOCK = 20


def make_list(path: Path, images: list[Path]) -> Path:
    path.write_text(''.join(f'{image}\n' for image in images))
    return path


def start(args: argparse.Namespace, images: Path, output: Path, **options) -> subprocess.Popen:
    """Begin an extraction, or go on with it."""
    command = [sys.executable, TOOL, images, '--output', output, '--checkpoint', args.checkpoint]
    for name, value in options.items():
        command += [f'--{name.replace("_", "-")}', value]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)


def parts(output: Path) -> list[Path]:
    return list(output.glob('graphs/part-*.parquet'))


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes of Ray that parse."""
    found = []
    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if 'MapWorker' in ' '.join(child.cmdline()):
                    found.append(child)
    return found


def check_end(process: subprocess.Popen) -> None:
    if process.wait():
        raise RuntimeError(f'the extraction ended with code {process.returncode}')


def load_model(checkpoint: Path) -> None:
    global inferencer
    torch.set_num_threads(1)
    inferencer = SceneGraphInferencer(weights=checkpoint, device='cpu', show_progress=False)


def inferencer_rate(images: list[str]) -> float:
    """Images per second of the inferencer in this process."""
    inferencer(images[:5], topk=100)
    begun = time.perf_counter()
    for _ in inferencer.stream(images, topk=100):
        pass
    return len(images) / (time.perf_counter() - begun)


def extraction_rate(args: argparse.Namespace, images: Path, output: Path, workers: int) -> float:
    """Images per second, from the first finished block of each worker on average."""
    check_end(start(args, images, output, block_size=RATE_BLOCK, workers=workers))
    times = sorted(path.stat().st_mtime for path in parts(output))
    return RATE_BLOCK * (len(times) - workers) / (times[-1] - times[workers - 1])


def compare_rates(args: argparse.Namespace, images: list[Path]) -> dict:
    """Rates per process of both, in turns, and the medians of their ratio."""
    result = {}
    spawn = multiprocessing.get_context('spawn')
    numbers = sorted({1, args.workers})
    with ProcessPoolExecutor(args.workers, spawn, load_model, (args.checkpoint,)) as pool:
        rounds = {number: [] for number in numbers}
        for round_number in range(args.rounds):
            for number in numbers:
                some = images[: args.rate_images * number]
                shares = [list(map(str, some[index::number])) for index in range(number)]
                alone = statistics.mean(pool.map(inferencer_rate, shares))
                file = make_list(args.folder / f'rate_{number}.txt', some)
                output = args.folder / f'rate_{number}_{round_number}'
                extraction = extraction_rate(args, file, output, number) / number
                rounds[number].append((alone, extraction))
                print(f'{number} at once: inferencer {alone:.2f}, extraction {extraction:.2f}')
    for number, pairs in rounds.items():
        result[f'{number} at once'] = dict(
            inferencer=[round(alone, 2) for alone, _ in pairs],
            extraction=[round(extraction, 2) for _, extraction in pairs],
            median_ratio=round(statistics.median(found / alone for alone, found in pairs), 3),
        )
    return result


def memory_of(process: subprocess.Popen) -> dict[str, int]:
    """MiB of the largest worker and, each shared page once, of all processes together."""
    workers = [worker.memory_info().rss for worker in workers_of(process)]
    root = psutil.Process(process.pid)
    total = sum(one.memory_full_info().pss for one in [root, *root.children(recursive=True)])
    return dict(worker=max(workers, default=0) >> 20, all=total >> 20)


def extract_all(args: argparse.Namespace, images: Path, output: Path) -> dict:
    """Extract without a stop; the memory after each twentieth of the blocks."""
    begun, memory = time.monotonic(), {}
    number = -(-args.number // args.block_size)
    process = start(args, images, output, block_size=args.block_size, workers=args.workers)
    while process.poll() is None:
        done = len(parts(output))
        if done and done * 20 // number not in memory:
            with suppress(psutil.Error):
                memory[done * 20 // number] = memory_of(process)
        time.sleep(0.5)
    check_end(process)
    files = parts(output)
    return dict(
        minutes=round((time.monotonic() - begun) / 60, 1),
        memory_mib={f'{20 * key / 4:g} %': value for key, value in memory.items()},
        bytes_per_image=round(sum(path.stat().st_size for path in files) / args.number),
        files=len(files),
    )


def kill_and_repeat(args: argparse.Namespace, images: Path, output: Path) -> dict:
    """Kill a worker and then the driver, at random moments, and call again until all is done."""
    chance = random.Random(args.seed)  # noqa: S311
    number = -(-args.number // args.block_size)
    moments = sorted(chance.sample(range(1, number - 2 * args.kills), args.kills))
    kills = dict(worker=[], driver=[])
    for moment in moments:
        process = start(args, images, output, block_size=args.block_size, workers=args.workers)
        before = len(parts(output))
        while len(parts(output)) <= max(before, moment):
            if process.poll() is not None:
                raise RuntimeError(f'the extraction ended with code {process.returncode}')
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 5))
        worker = chance.choice(workers_of(process))
        worker.kill()
        kills['worker'].append(len(parts(output)))
        time.sleep(chance.uniform(0, 15))
        process.kill()
        process.wait()
        kills['driver'].append(len(parts(output)))
        print(f'killed after {kills["worker"][-1]} and {kills["driver"][-1]} blocks')
    check_end(start(args, images, output, block_size=args.block_size, workers=args.workers))
    return dict(blocks_at_kills=kills, blocks=number)


def counts(output: Path) -> dict:
    query = f"SELECT count(*), count(DISTINCT image) FROM '{output}/graphs/*.parquet'"
    failures = len(list(output.glob('failures/*.parquet')))
    return dict(
        zip(('rows', 'images'), duckdb.sql(query).fetchall()[0]), files_of_failures=failures
    )


def differences(one: Path, other: Path) -> int:
    """Rows that only one of two extractions has."""
    tables = [f"(SELECT * FROM '{path}/graphs/*.parquet')" for path in (one, other)]
    query = 'SELECT count(*) FROM ({} EXCEPT ALL {})'
    return sum(
        duckdb.sql(query.format(*order)).fetchall()[0][0] for order in (tables, tables[::-1])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('images', type=Path, help='folder of images')
    parser.add_argument('--number', type=int, default=20_000, help='images; some may repeat')
    parser.add_argument('--block-size', type=int, default=100)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=3, help='rounds of rates')
    parser.add_argument('--rate-images', type=int, default=600, help='per process and round')
    parser.add_argument('--kills', type=int, default=5)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--folder', type=Path, default=Path('work_dirs/extraction'))
    args = parser.parse_args()
    shutil.rmtree(args.folder, ignore_errors=True)
    linked = args.folder.absolute() / 'images'
    linked.mkdir(parents=True)
    files = sorted(file for file in args.images.iterdir() if file.suffix in IMAGE_SUFFIXES)
    images = []
    for number in range(args.number):  # another name per image
        file = files[number % len(files)].absolute()
        images.append(linked / f'{number:06d}{file.suffix}')
        images[-1].symlink_to(file)
    os.environ['OMP_NUM_THREADS'] = '1'
    result = dict(rates=compare_rates(args, images))
    print(json.dumps(result['rates']))
    whole, killed = args.folder / 'whole', args.folder / 'killed'
    result['whole'] = extract_all(args, linked, whole) | counts(whole)
    print(json.dumps(result['whole']))
    result['killed'] = kill_and_repeat(args, linked, killed) | counts(killed)
    result['rows_that_differ'] = differences(whole, killed)
    (args.folder / 'result.json').write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))


if __name__ == '__main__':
    main()
