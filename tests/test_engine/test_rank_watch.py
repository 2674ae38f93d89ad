"""The process that does not answer is named."""

import os
import subprocess
import sys
import time

import pytest
from torch.distributed import HashStore, TCPStore

from mmsgp.engine.rank_watch import RankWatch

TIMEOUT = 8
# The test holds the processes' store, as the launcher of a run does.
PROCESS = """
import os, signal, sys
from datetime import timedelta
import torch, torch.distributed as dist
from mmsgp.engine.rank_watch import RankWatch

rank, port, timeout = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
store = dist.TCPStore('127.0.0.1', port, is_master=False)
store.set(f'here {rank}', '')
store.wait(['here 0', 'here 1'], timedelta(seconds=100))
dist.init_process_group('gloo', store=dist.PrefixStore('group', store), rank=rank,
                        world_size=2, timeout=timedelta(seconds=timeout))
watch = RankWatch(dist.PrefixStore('watch', store.clone()), rank, 2, timeout)
watch.start()
for step in range(3):
    dist.all_reduce(torch.ones(1))
    watch.step()
if rank == 1:
    os.kill(os.getpid(), signal.SIGSTOP)
dist.all_reduce(torch.ones(1))
"""


@pytest.fixture
def processes():
    """Two processes; the second one stops."""
    store = TCPStore('127.0.0.1', 0, is_master=True, wait_for_workers=False)
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', PROCESS, str(rank), str(store.port), str(TIMEOUT)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(os.environ, OMP_NUM_THREADS='1'),
        )
        for rank in range(2)
    ]
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def test_a_stopped_process_is_named_before_the_others_time_out(processes):
    output, _ = processes[0].communicate(timeout=150)
    (line,) = [line for line in output.splitlines() if 'rank 1' in line]
    assert f'rank 1 (process {processes[1].pid} on ' in line
    assert 'DOES NOT ANSWER' in line.partition('rank 1')[2]
    assert 'rank 0' in line and 'in step 4, all_reduce' in line
    assert 'env_cfg.dist_cfg.timeout' in line
    assert processes[0].returncode != 0


@pytest.fixture
def watches():
    """The watches of two living processes; both are this one here."""
    store = HashStore()
    watches = [RankWatch(store, rank, 2, timeout=2) for rank in range(2)]
    for watch in watches:
        watch.start()
    yield watches
    for watch in watches:
        watch.stop()


def wait_until(condition):
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def test_the_lowest_living_rank_reports_where_processes_are_stuck(watches):
    watches[0].step()
    wait_until(watches[0].complaint)
    complaint = watches[0].complaint()
    assert 'DOES NOT ANSWER' not in complaint
    assert f'rank 1 (process {os.getpid()} on ' in complaint
    assert 'in step 2, ' in complaint and 'in step 1, ' in complaint
    assert complaint.count('(test_rank_watch.py:') == 2
    assert watches[1].complaint() is None


def test_nothing_is_reported_while_a_process_goes_on(watches):
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        watches[0].step()
        assert watches[0].complaint() is None
        time.sleep(0.05)
