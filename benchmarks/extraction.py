"""Extract graphs: the rate beside the inferencer's, the memory, and kills on the way.

``rates``: a process of SceneGraphInferencer and tools/extract_graphs.py with one worker parse
the same images at the same time, so that both have the same share of a busy machine: the
rates, and the CPU time of an image in the inferencer, in the worker, and in all processes of
the extraction. ``killed``: all images are extracted, while a worker and the driver are killed
at random moments and the extraction is called again: each image must be there once.
``whole``: they are extracted without a stop. The memory of the processes is read in both,
and the graphs of both are compared.
"""

from __future__ import annotations

import argparse
import itertools
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
# Rates are read when a block is done.
RATE_BLOCK = 20
STEPS = ('rates', 'killed', 'whole')


def make_list(path: Path, images: list[Path]) -> Path:
    path.write_text(''.join(f'{image}\n' for image in images))
    return path


def link_images(folder: Path, source: Path, number: int) -> list[Path]:
    """Give each image another name, so that some images may repeat."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = sorted(file for file in source.iterdir() if file.suffix in IMAGE_SUFFIXES)
    images = []
    for index in range(number):
        file = files[index % len(files)].absolute()
        images.append(folder / f'{index:06d}{file.suffix}')
        images[-1].symlink_to(file)
    return images


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


def parse_until(images: list[str], stop: Path) -> tuple[int, float, float, float]:
    """Images that the inferencer parses until a file exists, begin, end and CPU seconds."""
    inferencer(images[:5])
    begun, cpu = time.time(), time.process_time()
    number = 0
    for _ in inferencer.stream(itertools.cycle(images), topk=100):
        number += 1
        if stop.exists():
            break
    return number, begun, time.time(), time.process_time() - cpu


def cpu_seconds(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:2])
    return total


def compare_rates(args: argparse.Namespace, images: list[Path]) -> dict:
    """Let an inferencer and an extraction of one worker parse the same images at once."""
    some = images[: args.rate_images]
    file = make_list(args.folder / 'rates.txt', some)
    stop, output, rounds = args.folder / 'stop', args.folder / 'rates', []
    spawn = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, spawn, load_model, (args.checkpoint,)) as pool:
        for _ in range(args.rounds):
            stop.unlink(missing_ok=True)
            shutil.rmtree(output, ignore_errors=True)
            process = start(args, file, output, block_size=RATE_BLOCK, workers=1)
            beside, seen = None, []
            while len(parts(output)) < len(some) // RATE_BLOCK - 1 and process.poll() is None:
                done = len(parts(output))
                if done and beside is None:
                    beside = pool.submit(parse_until, list(map(str, some)), stop)
                if not seen or done > seen[-1][0]:
                    root = psutil.Process(process.pid)
                    everything = [root, *root.children(recursive=True)]
                    cpu = cpu_seconds(workers_of(process)), cpu_seconds(everything)
                    seen.append((done, time.time(), *cpu))
                time.sleep(0.1)
            stop.touch()
            number, begun, end, cpu = beside.result()
            check_end(process)
            first = next(row for row in seen if row[1] > begun)
            blocks, seconds, worker, everything = (b - a for a, b in zip(first, seen[-1]))
            count = blocks * RATE_BLOCK
            rates = number / (end - begun), count / seconds
            cpu_ms = [1e3 * each for each in (cpu / number, worker / count, everything / count)]
            rounds.append(
                dict(
                    images=[number, count],
                    images_per_second=[round(rate, 2) for rate in rates],
                    ratio=round(rates[1] / rates[0], 3),
                    cpu_ms_per_image=[round(value, 1) for value in cpu_ms],
                )
            )
            print(rounds[-1])
    return dict(rounds=rounds, median_ratio=statistics.median(one['ratio'] for one in rounds))


def memory_of(process: subprocess.Popen) -> dict[str, int]:
    """MiB of the largest worker and, each shared page once, of all processes together."""
    workers = [worker.memory_info().rss for worker in workers_of(process)]
    root = psutil.Process(process.pid)
    total = sum(one.memory_full_info().pss for one in [root, *root.children(recursive=True)])
    return dict(worker=max(workers, default=0) >> 20, all=total >> 20)


class Watched:
    """An extraction of all images: begun, watched and killed."""

    def __init__(self, args: argparse.Namespace, images: Path, output: Path) -> None:
        self.args, self.images, self.output = args, images, output
        self.blocks = -(-args.number // args.block_size)
        self.memory = {}
        self.begun = time.monotonic()
        shutil.rmtree(output, ignore_errors=True)

    def start(self) -> None:
        args = self.args
        self.process = start(
            args, self.images, self.output, block_size=args.block_size, workers=args.workers
        )

    def done(self) -> int:
        return len(parts(self.output))

    def watch(self, until: int | None = None) -> None:
        """Read the memory after each twentieth of the blocks, until so many are done, or all."""
        while until is None or self.done() < until:
            if self.process.poll() is not None:
                break
            part = self.done() * 20 // self.blocks
            if part not in self.memory and self.done() < self.blocks:
                with suppress(psutil.Error):
                    memory = memory_of(self.process)
                    if memory['worker']:
                        self.memory[part] = memory
            time.sleep(0.2)
        if self.process.poll() is not None and (until is not None or self.process.returncode):
            raise RuntimeError(f'the extraction ended with code {self.process.returncode}')

    def result(self) -> dict:
        files = parts(self.output)
        query = f"SELECT count(*), count(DISTINCT image) FROM '{self.output}/graphs/*.parquet'"
        rows, images = duckdb.sql(query).fetchall()[0]
        return dict(
            rows=rows,
            images=images,
            files_of_failures=len(list(self.output.glob('failures/*.parquet'))),
            files=len(files),
            bytes_per_image=round(sum(path.stat().st_size for path in files) / rows),
            minutes=round((time.monotonic() - self.begun) / 60, 1),
            memory_mib={f'{5 * part} %': value for part, value in self.memory.items()},
        )


def extract_whole(extraction: Watched) -> dict:
    extraction.start()
    extraction.watch()
    return extraction.result()


def kill_and_repeat(extraction: Watched) -> dict:
    """Kill a worker and then the driver, at random moments, and call again until all is done."""
    args = extraction.args
    chance = random.Random(args.seed)  # noqa: S311
    kills = []
    for moment in sorted(chance.sample(range(1, extraction.blocks - 2 * args.kills), args.kills)):
        extraction.start()
        extraction.watch(until=1 + max(extraction.done(), moment))
        time.sleep(chance.uniform(0, 5))
        chance.choice(workers_of(extraction.process)).kill()
        kills.append(dict(worker_at_block=extraction.done()))
        time.sleep(chance.uniform(0, 15))
        extraction.process.kill()
        extraction.process.wait()
        kills[-1]['driver_at_block'] = extraction.done()
        print('killed:', kills[-1])
    extraction.start()
    extraction.watch()
    return dict(kills=kills) | extraction.result()


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
    parser.add_argument('--rate-images', type=int, default=600, help='of the extraction, per round')
    parser.add_argument('--kills', type=int, default=5)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--folder', type=Path, default=Path('work_dirs/extraction'))
    parser.add_argument('--steps', nargs='+', choices=STEPS, default=STEPS)
    args = parser.parse_args()
    os.environ['OMP_NUM_THREADS'] = '1'
    linked = args.folder.absolute() / 'images'
    images = link_images(linked, args.images, args.number)
    for step in args.steps:
        if step == 'rates':
            result = compare_rates(args, images)
        else:
            run = dict(killed=kill_and_repeat, whole=extract_whole)[step]
            result = run(Watched(args, linked, args.folder / step))
        (args.folder / f'{step}.json').write_text(json.dumps(result, indent=1))
        print(step, json.dumps(result))
    if {'killed', 'whole'} <= {*args.steps}:
        print('rows that differ:', differences(args.folder / 'killed', args.folder / 'whole'))


if __name__ == '__main__':
    main()
