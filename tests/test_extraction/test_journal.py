import pytest

from mmsgp.extraction.items import Item
from mmsgp.extraction.journal import Journal

ITEMS = [Item(str(number)) for number in range(10)]


class Killed(Exception):
    """Stands for a process that ends."""


def parse(path, batch_size=4, deadly=()):
    """Parse all items, as a process that ends at some of them; return the batches."""
    batches = []
    for batch in Journal(path).batches(ITEMS, batch_size):
        batches.append([int(item.name) for item in batch if item.error is None])
        if set(batches[-1]) & set(deadly):
            raise Killed
    return batches


def test_without_a_death_all_batches_are_full(tmp_path):
    assert parse(tmp_path / 'note') == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_after_a_death_its_batch_is_parsed_one_by_one(tmp_path):
    with pytest.raises(Killed):
        parse(tmp_path / 'note', deadly=[5])
    assert parse(tmp_path / 'note') == [[0, 1, 2, 3], [4], [5], [6], [7], [8, 9]]


def test_an_image_that_ends_the_process_again_and_again_is_left_out(tmp_path):
    deaths = 0
    while True:
        try:
            batches = parse(tmp_path / 'note', deadly=[5, 9])
            break
        except Killed:
            deaths += 1
    # Once in its batch, twice alone.
    assert deaths == 6
    assert sorted(sum(batches, [])) == [0, 1, 2, 3, 4, 6, 7, 8]


def test_the_note_of_a_block_that_is_done_is_gone(tmp_path):
    journal = Journal(tmp_path / 'note')
    list(journal.batches(ITEMS, 4))
    journal.remove()
    assert list(tmp_path.iterdir()) == []
