"""The page with many clients; some send invalid requests."""

import io
import json
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from helpers.page import DEMO, PageClient, scene
from mmsgp.testing.models import write_random_checkpoint

CLIENTS = 8
SECONDS = float(os.environ.get('MMSGP_FAULTS_SECONDS', 600))
REQUESTS = int(os.environ.get('MMSGP_FAULTS_REQUESTS', 100_000))
BAD = 0.1
WARM_UP = 0.25  # of the requests
EVERY = 50
SCENES = {f'scene_{shift}.png': scene(shift) for shift in range(5)}


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    """The page's process and its address."""
    folder = tmp_path_factory.mktemp('server')
    checkpoint = write_random_checkpoint(folder / 'model.pth', max_objects=4)
    process = subprocess.Popen(
        [
            sys.executable,
            DEMO / 'app.py',
            checkpoint,
            '--device',
            'cpu',
            '--max-size',
            '1mb',
            '--time-limit',
            '120',
        ],
        env=dict(os.environ, TMPDIR=str(folder)),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = next((line for line in process.stdout if 'The page is at' in line), '')
        assert line, f'the page ended with {process.wait()}'
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield process, line.split()[-1], folder
    finally:
        process.kill()
        process.wait()


def memory(pid):
    """Measure the MiB of the page and of its worker."""
    page = psutil.Process(pid)
    worker = max(child.memory_info().rss for child in page.children())
    return round(page.memory_info().rss / 2**20), round(worker / 2**20)


def bomb():
    file = io.BytesIO()
    Image.new('1', (30_000, 30_000)).save(file, 'PNG')
    return file.getvalue()


def bad_requests():
    """List invalid requests; each is refused in another way."""
    vast = bomb()
    return [
        lambda client: client.parse('broken.jpg', b'no image'),
        lambda client: client.parse('cut.png', scene()[:300]),
        lambda client: client.parse('vast.png', vast),
        lambda client: client.upload('large.png', bytes(2**20 + 1)),
        lambda client: client.ask(dict(path='/etc/passwd')),
        lambda client: client.ask(dict(path='http://127.0.0.1:1/x.png')),
        lambda client: client.ask(None, model='no such model'),
        lambda client: client.ask(dict(path='../../etc/passwd')),
        lambda client: client.get('gradio_api/file=/etc/passwd'),
        lambda client: client.post('gradio_api/queue/join', content=b'{'),
        lambda client: client.get('', headers=dict(host='evil.example')),
    ]


def good(client, random_, expected):
    """Ask for a scene; the same scene always has the same table."""
    name, data = random_.choice(list(SCENES.items()))
    message = client.parse(name, data)
    assert message['success'], message
    _, status, picture, table, _ = message['output']['data']
    assert 'objects' in status and picture['path'], status
    assert expected.setdefault(name, table['data']) == table['data']


def bad(client, random_, requests):
    """Send an invalid request; any kind of answer is accepted."""
    try:
        random_.choice(requests)(client)
    except httpx.HTTPStatusError as error:
        assert error.response.status_code < 500


def client_loop(number, address, end, counts, expected, failures):
    """Send requests until the end; count them and keep the failures."""
    random_, requests = random.Random(number), bad_requests()
    with PageClient(address, timeout=300) as client:
        while time.monotonic() < end and counts['all'] < REQUESTS:
            is_bad = random_.random() < BAD
            counts['all'] += 1
            counts['bad'] += is_bad
            try:
                if is_bad:
                    bad(client, random_, requests)
                else:
                    good(client, random_, expected)
            except Exception as error:  # noqa: BLE001 - of any kind
                failures.append(f'{"bad" if is_bad else "good"}: {error!r}')


@pytest.mark.faults
def test_good_requests_succeed_among_bad_ones_in_constant_memory(server):
    process, address, folder = server
    counts, expected, failures = dict(all=0, bad=0), {}, []
    readings, end = [], time.monotonic() + SECONDS
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [
            pool.submit(client_loop, number, address, end, counts, expected, failures)
            for number in range(CLIENTS)
        ]
        while not all(future.done() for future in running):
            time.sleep(0.2)
            if counts['all'] >= (len(readings) + 1) * EVERY:
                readings.append((counts['all'], *memory(process.pid)))
                print(readings[-1], flush=True)
    print(
        json.dumps(dict(counts, failures=len(failures), seconds=SECONDS - end + time.monotonic()))
    )
    assert not failures, failures[:5]
    assert all(future.exception() is None for future in running)
    settled = [
        page + worker for number, page, worker in readings if number > WARM_UP * counts['all']
    ]
    share = -(-len(settled) // 5)
    assert np.mean(settled[-share:]) < 1.05 * np.mean(settled[:share]), readings
    process.terminate()
    assert process.wait(30) == 0
    assert not list(folder.glob('mmsgp-page-*')), 'temporary files are left'
