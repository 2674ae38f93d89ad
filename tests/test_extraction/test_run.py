import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import duckdb
import numpy as np
import psutil
import pytest

from mmsgp.extraction import list_blocks
from mmsgp.extraction.run import PLAN, extract_graphs
from mmsgp.testing.models import write_random_checkpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return write_random_checkpoint(tmp_path_factory.mktemp('model') / 'model.pth')


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    random = np.random.default_rng(0)
    for number in range(24):
        pixels = random.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{number:02d}.png'), cv2.resize(pixels, (96, 72)))
    (folder / 'broken.jpg').write_bytes(b'no image')
    return folder


def names(output, folder='graphs'):
    table = f"SELECT image FROM '{output}/{folder}/*.parquet' ORDER BY image"
    return [Path(name).name for (name,) in duckdb.sql(table).fetchall()]


def workers_of(driver):
    return [
        process
        for process in psutil.process_iter(['cmdline'])
        if 'MapWorker' in ' '.join(process.info['cmdline'] or ())
        and driver in [parent.pid for parent in process.parents()]
    ]


def kill_a_worker(driver, output, killed):
    """Kill the process that parses as soon as its first block is done."""
    while not list(output.glob('graphs/part-*')):
        time.sleep(0.05)
    for worker in workers_of(driver):
        worker.kill()
        killed.append(worker.pid)


def test_each_image_is_parsed_once_though_a_worker_and_then_the_driver_are_killed(
    checkpoint, images, tmp_path
):
    output = tmp_path / 'out'
    command = [sys.executable, 'tools/extract_graphs.py', images, '--output', output]
    command += ['--checkpoint', checkpoint, '--block-size', '2', '--workers', '1']
    environment = dict(os.environ, PYTHONPATH=str(ROOT), CUDA_VISIBLE_DEVICES='')
    driver = subprocess.Popen(
        list(map(str, command)), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    killed = []
    threading.Thread(target=kill_a_worker, args=(driver.pid, output, killed), daemon=True).start()
    while driver.poll() is None and len(list(output.glob('graphs/part-*'))) < 6:
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    done = {path: path.stat().st_mtime_ns for path in output.glob('graphs/part-*')}
    assert killed and 6 <= len(done) < 13
    again = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr[-2000:]
    # The worker may have ended a block after the driver was killed.
    again_done = int(re.search(r'^(\d+) blocks,', again.stdout, re.MULTILINE)[1])
    assert 0 < again_done <= 13 - len(done)
    assert names(output) == [f'{number:02d}.png' for number in range(24)]
    assert names(output, 'failures') == ['broken.jpg']
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert list((output / 'working').iterdir()) == []


def test_other_settings_do_not_go_on_with_what_was_begun(checkpoint, images, tmp_path):
    plan = dict(topk=100, blocks=1)
    (tmp_path / PLAN).write_text(json.dumps(plan))
    with pytest.raises(ValueError, match=r'topk \(100, now 5\)'):
        extract_graphs([images], tmp_path, checkpoint, topk=5)
    (tmp_path / PLAN).write_text('{')
    with pytest.raises(ValueError, match=r'plan\.json is damaged'):
        extract_graphs([images], tmp_path, checkpoint)


def test_a_missing_checkpoint_is_named_before_anything_starts(images, tmp_path):
    with pytest.raises(FileNotFoundError, match='none.pth'):
        extract_graphs([images], tmp_path / 'out', tmp_path / 'none.pth')
    assert not (tmp_path / 'out').exists()


def test_nothing_is_left_to_do_without_starting_ray(checkpoint, images, tmp_path):
    (block,) = list_blocks([images])
    (tmp_path / 'graphs').mkdir()
    (tmp_path / 'graphs' / f'{block.name}.parquet').touch()
    counts = extract_graphs([images], tmp_path, checkpoint)
    assert counts == dict(blocks=0, parsed=0, failed=0)
