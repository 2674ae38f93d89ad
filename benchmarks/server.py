"""Load a server: errors, memory, and what batching brings.

Starts mmsgp-serve on the loopback, lets clients send images, garbage, huge and slow
requests for some time, and reads the server's memory. Then two servers, without and with
batches of requests that come together, get the same load in turns.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
from common import memory_mb


@contextmanager
def server(checkpoint: Path, *options: str) -> Iterator[tuple[int, str]]:
    """Start a server; yield its process id and address, and stop it by SIGTERM."""
    command = [sys.executable, '-m', 'mmsgp.cli.serve', '--checkpoint', str(checkpoint)]
    process = subprocess.Popen(
        [*command, '--port', '0', *options], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith('parsing at '):
            break
    yield process.pid, line.split()[-1]
    process.send_signal(signal.SIGTERM)
    if process.wait(120):
        raise RuntimeError(f'the server ended with code {process.returncode}')


def send(url: str, images: list[bytes], until: float, answers: Counter, mixed: bool) -> None:
    """Send requests one after the other; of ten, three are wrong if ``mixed``."""
    with httpx.Client(timeout=120) as client:
        for number in itertools.count():
            if time.monotonic() > until:
                return
            kind = number % 10 if mixed else 0
            if kind == 9:
                slow(url)
                answers['slow'] += 1
                continue
            content = {7: b'garbage', 8: bytes(40 * 2**20)}.get(kind, images[number % len(images)])
            answer = client.post(url, files={'image': ('a.jpg', content)})
            expected = {7: 400, 8: 413}.get(kind, 200)
            name = 'as expected' if answer.status_code == expected else f'{answer.status_code}'
            answers[name] += 1
            answers['images'] += answer.status_code == 200


def slow(url: str) -> None:
    """Begin a request, and go away in the middle of its body."""
    host, port = url.split('/')[2].split(':')
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b'POST /v1/parse HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\nabc')
        time.sleep(0.5)


def load(url: str, pid: int, args: argparse.Namespace, seconds: float, mixed: bool) -> dict:
    """Let the clients work for some seconds."""
    images = [path.read_bytes() for path in sorted(args.images.glob('*.*g'))[:50]]
    answers, memory = Counter(), []
    start = time.monotonic()
    threads = [
        threading.Thread(target=send, args=(url, images, start + seconds, answers, mixed))
        for _ in range(args.clients)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(seconds / 10)
        memory.append(round(memory_mb('VmRSS', f'/proc/{pid}/status')))
    elapsed = time.monotonic() - start
    rate = round(answers.pop('images', 0) / elapsed, 2)
    return dict(answers=dict(answers), images_per_second=rate, memory_mib=memory)


def batches(url: str) -> tuple[float, float]:
    """Images and batches that a server has parsed."""
    lines = httpx.get(url.replace('/v1/parse', '/metrics')).text.splitlines()
    found = dict(line.rsplit(' ', 1) for line in lines if not line.startswith('#'))
    return float(found['mmsgp_batch_size_sum']), float(found['mmsgp_batch_size_count'])


def median_ratio(upper: list[float], lower: list[float]) -> float:
    return round(statistics.median(one / other for one, other in zip(upper, lower)), 3)


def compare_batching(args: argparse.Namespace) -> dict:
    """Rates of both servers and their CPU time of an image, per round, and images per batch.

    The CPU time hardly depends on what else the machine does; the rate does.
    """
    sizes = 1, args.clients
    rates, cpu_ms = ({size: [] for size in sizes} for _ in range(2))
    with ExitStack() as stack:
        urls = {}
        for size in sizes:
            running = server(args.checkpoint, '--max-batch', str(size))
            pid, url = stack.enter_context(running)
            urls[size] = pid, url
            load(url, pid, args, 3, mixed=False)  # to warm up
        before = batches(urls[args.clients][1])
        for _ in range(args.rounds):
            for size, (pid, url) in urls.items():
                parsed, cpu = batches(url)[0], sum(psutil.Process(pid).cpu_times()[:2])
                answer = load(url, pid, args, args.batching_seconds, mixed=False)
                rates[size].append(answer['images_per_second'])
                cpu = sum(psutil.Process(pid).cpu_times()[:2]) - cpu
                cpu_ms[size].append(round(1e3 * cpu / (batches(url)[0] - parsed), 1))
        after = batches(urls[args.clients][1])
    images, calls = (end - start for start, end in zip(before, after))
    return dict(
        images_per_second=rates,
        cpu_ms_per_image=cpu_ms,
        gain_in_rate=median_ratio(rates[args.clients], rates[1]),
        gain_in_cpu_time=median_ratio(cpu_ms[1], cpu_ms[args.clients]),
        images_per_batch=round(images / calls, 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('images', type=Path, help='folder of images')
    parser.add_argument('--clients', type=int, default=8)
    parser.add_argument('--seconds', type=float, default=300)
    parser.add_argument('--batching-seconds', type=float, default=20)
    parser.add_argument('--rounds', type=int, default=5, help='of batching')
    args = parser.parse_args()
    result = dict(clients=args.clients, seconds=args.seconds, cores=os.cpu_count())
    with server(args.checkpoint) as (pid, url):
        result['load'] = load(url, pid, args, args.seconds, mixed=True)
    print(f'{args.seconds:g} s of {args.clients} clients: {result["load"]}')
    result['batching'] = compare_batching(args)
    print(json.dumps(result))


if __name__ == '__main__':
    main()
