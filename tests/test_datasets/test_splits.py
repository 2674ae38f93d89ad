"""Own lists of ids replace the splits of the annotations."""

import json

import pytest


def ids(data, split, **lists):
    return data.dataset(split=split, split_ids=lists).data_list.image_ids.tolist()


def test_lists_and_files_of_ids_make_the_splits(data):
    (data.root / 'val.txt').write_text('3\n\n 8 \n')
    (data.root / 'test.json').write_text(json.dumps(['1', 5]))
    lists = dict(train=[2, '7'], val='val.txt', test=str(data.root / 'test.json'))
    found = {split: ids(data, split, **lists) for split in ('train', 'val', 'test')}
    assert found == dict(train=[2, 7], val=[3, 8], test=[1, 5])


def test_images_in_no_list_are_counted(data, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmsgp.datasets.splits.print_log', lambda message, **_: messages.append(message)
    )
    assert ids(data, 'train', train=[1, 2, 3]) == [2, 3]  # 1 is for validation
    assert '5 of 8 images are in no list' in messages[0]


def test_statistics_are_those_of_the_listed_images(data):
    dataset = data.dataset(split='test', split_ids=dict(train=[8], val=[2], test=[3, 4]))
    predicates = data.relations[7][:, 2].tolist()
    expected = [predicates.count(p) for p in (1, 2, 3, 4)]
    assert list(dataset.metainfo['predicate_train_counts']) == expected


@pytest.mark.parametrize(
    'lists, message',
    [
        (
            dict(train=[1, 99]),
            r"split_ids\['train'\] has the id 99, but .*its ids are \[1, 2, 3, 4\]",
        ),
        (
            dict(train=[1], val=['1']),
            r"split_ids\['val'\] has the id 1, .* list of 'train' already",
        ),
        (dict(train=[1], dev=[2]), "split_ids must map some of .'train', 'val', 'test'."),
        (dict(train='ids.json'), r'ids.json must hold a list of ids, not \{\}'),
        (dict(train='ids.txt'), 'ids.txt is not a text in UTF-8 with one id a line'),
    ],
)
def test_a_wrong_list_is_named(data, lists, message):
    (data.root / 'ids.json').write_text('{}')
    (data.root / 'ids.txt').write_text('1\n2\n', encoding='utf-16')
    with pytest.raises(ValueError, match=message):
        ids(data, 'train', **lists)


def test_a_missing_list_is_named(data):
    with pytest.raises(FileNotFoundError, match='none.txt does not exist'):
        ids(data, 'train', train='none.txt')
