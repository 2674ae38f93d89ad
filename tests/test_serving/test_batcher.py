import threading
import time

import pytest

from mmsgp.serving import Batcher, TooBusy


class Recorder:
    """Function of a batcher that keeps its batches, and waits until it may go on."""

    def __init__(self):
        self.batches = []
        self.may_go_on = threading.Event()

    def __call__(self, kind, items):
        self.may_go_on.wait(30)
        self.batches.append((kind, items))
        return [ValueError(item) if item == 'bad' else (kind, item) for item in items]


@pytest.fixture
def function():
    return Recorder()


def submit_while_it_works(batcher, function, *items):
    """Submit items that all wait when the first batch ends."""
    first = batcher.submit('first', 'first')
    while batcher.num_waiting:
        time.sleep(0.001)
    futures = [batcher.submit(*item) for item in items]
    function.may_go_on.set()
    first.result(30)
    return futures


def test_waiting_items_form_full_batches_in_their_order(function):
    batcher = Batcher(function, max_batch=3, max_wait=0)
    futures = submit_while_it_works(batcher, function, *[('a', number) for number in range(5)])
    assert [future.result(30) for future in futures] == [('a', number) for number in range(5)]
    assert function.batches[1:] == [('a', [0, 1, 2]), ('a', [3, 4])]


def test_unlike_kinds_are_never_in_one_batch(function):
    batcher = Batcher(function, max_batch=9, max_wait=0.01)
    futures = submit_while_it_works(batcher, function, ('a', 1), ('b', 2), ('b', 3), ('a', 4))
    assert [future.result(30) for future in futures] == [('a', 1), ('b', 2), ('b', 3), ('a', 4)]
    assert function.batches[1:] == [('a', [1]), ('b', [2, 3]), ('a', [4])]


def test_an_item_that_fails_leaves_the_others(function):
    batcher = Batcher(function, max_batch=3)
    good, bad = submit_while_it_works(batcher, function, ('a', 1), ('a', 'bad'))
    assert good.result(30) == ('a', 1)
    with pytest.raises(ValueError, match='bad'):
        bad.result(30)


def test_a_function_that_fails_fails_its_batch_alone():
    def function(kind, items):
        raise MemoryError('too large')

    batcher = Batcher(function, max_batch=2)
    for _ in range(2):
        with pytest.raises(MemoryError, match='too large'):
            batcher.submit('a', 1).result(30)


def test_more_items_than_may_wait_are_refused(function):
    batcher = Batcher(function, max_batch=1, max_wait=0, max_waiting=2)
    batcher.submit('a', 0)
    while batcher.num_waiting:
        time.sleep(0.001)
    futures = [batcher.submit('a', number) for number in (1, 2)]
    assert batcher.is_full
    with pytest.raises(TooBusy, match='2 images are waiting'):
        batcher.submit('a', 3)
    function.may_go_on.set()
    assert [future.result(30)[1] for future in futures] == [1, 2]


def test_cancelled_items_are_left_out(function):
    batcher = Batcher(function, max_batch=3, max_wait=0)
    first = batcher.submit('a', 0)
    while batcher.num_waiting:
        time.sleep(0.001)
    gone, kept = batcher.submit('a', 1), batcher.submit('a', 2)
    assert gone.cancel()
    function.may_go_on.set()
    assert (first.result(30), kept.result(30)) == (('a', 0), ('a', 2))
    assert function.batches[1:] == [('a', [2])]


def test_closing_finishes_what_waits_and_refuses_the_rest(function):
    batcher = Batcher(function, max_batch=1)
    futures = [batcher.submit('a', number) for number in range(3)]
    function.may_go_on.set()
    batcher.close()
    batcher.close()
    assert [future.result(0)[1] for future in futures] == [0, 1, 2]
    with pytest.raises(TooBusy, match='shutting down'):
        batcher.submit('a', 3)


def test_a_batch_does_not_wait_for_ever(function):
    function.may_go_on.set()
    sizes = []
    batcher = Batcher(function, max_batch=100, max_wait=0.01, on_batch=sizes.append)
    assert batcher.submit('a', 1).result(30) == ('a', 1)
    assert sizes == [1]
