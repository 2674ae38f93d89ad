import json
import math
import os
import signal
import threading
import time
from functools import partial

import pytest

from mmsgp.apis.worker import Worker


@pytest.fixture(scope='module')
def worker():
    with Worker(time_limit=30) as worker:
        yield worker


def test_calls_run_in_one_other_process(worker):
    first = worker(os.getpid)
    assert first != os.getpid()
    assert worker(os.getpid) == first
    assert worker(math.hypot, 3, 4) == 5


def test_an_error_is_raised_in_the_calling_process(worker):
    before = worker(os.getpid)
    with pytest.raises(FileNotFoundError, match='none.txt'):
        worker(os.path.getsize, 'none.txt')
    # An error that pickle cannot restore arrives with its name and text.
    with pytest.raises(ValueError, match='Expecting value'):
        worker(json.loads, '{"a": }')
    assert worker(os.getpid) == before


def test_a_result_that_cannot_be_sent_is_an_error(worker):
    with pytest.raises(Exception, match='pickle'):
        worker(threading.Lock)
    assert worker(math.hypot, 3, 4) == 5


def test_a_call_that_does_not_end_is_stopped(worker, monkeypatch):
    before = worker(os.getpid)
    monkeypatch.setattr(worker, 'time_limit', 0.2)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match='0.2 s'):
        worker(time.sleep, 60)
    assert time.monotonic() - start < 10
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    monkeypatch.setattr(worker, 'time_limit', 30)
    assert worker(os.getpid) != before


def test_a_call_that_ends_its_process_is_reported_and_the_next_one_works(worker):
    before = worker(os.getpid)
    with pytest.raises(ChildProcessError, match='raise_signal.* -9'):
        worker(signal.raise_signal, signal.SIGKILL)
    assert worker(os.getpid) != before


def test_closing_ends_the_current_call(worker):
    caught = []

    def call():
        try:
            worker(time.sleep, 60)
        except ChildProcessError as error:
            caught.append(error)

    worker(os.getpid)
    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.5)
    worker.close()
    thread.join(10)
    assert caught and not thread.is_alive()


def test_a_process_is_prepared_without_a_limit_and_again_after_its_end():
    with Worker(time_limit=30, prepare=partial(os.putenv, 'PREPARED', 'yes')) as worker:
        for _ in range(2):
            assert worker(os.system, 'test "$PREPARED" = yes') == 0
            with pytest.raises(ChildProcessError):
                worker(signal.raise_signal, signal.SIGKILL)
    with Worker(time_limit=2, prepare=partial(time.sleep, 3)) as worker:
        worker.start()


def test_an_error_of_prepare_is_raised_at_the_start():
    with (
        Worker(30, prepare=partial(os.path.getsize, 'none.txt')) as worker,
        pytest.raises(FileNotFoundError, match='none.txt'),
    ):
        worker.start()


def test_a_limit_is_a_time():
    with pytest.raises(ValueError, match='time_limit .* 0'):
        Worker(0)
