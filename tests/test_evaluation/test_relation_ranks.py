"""Ranks on disk."""

from dataclasses import replace

import numpy as np
import pytest

from mmsgp.evaluation.functional import evaluate_task
from mmsgp.evaluation.image_ranks import TaskRanks
from mmsgp.evaluation.relation_ranks import RelationRanks


def relations(**changes):
    ranks = np.array([0, 7, 3, 1], np.int32)
    return replace(
        RelationRanks(
            image_ids=np.array(['9', '10', '8']),
            images=np.array([0, 0, 2, 2]),
            predicates=np.array([1, 2, 2, 1]),
            first_of_pair=np.array([True, False, True, True]),
            unseen=np.array([False, True, False, False]),
            tasks=dict(sgcls=TaskRanks(ranks, ranks - 0, ranks + 1)),
            names=('on', 'übér'),
            train_counts=[5, 2],
        ),
        **changes,
    )


def assert_same(first, second):
    for name, value in vars(first).items():
        other = getattr(second, name)
        if name == 'tasks':
            assert value.keys() == other.keys()
            for task in value:
                for kind, array in vars(value[task]).items():
                    np.testing.assert_array_equal(array, getattr(other[task], kind))
        elif value is None:
            assert other is None
        else:
            np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize(
    'changes',
    [
        {},
        dict(unseen=None, train_counts=None),
        dict(tasks=dict(sggen=TaskRanks(np.zeros(4, np.int32), np.zeros(4, np.int32)))),
    ],
)
def test_what_is_saved_is_loaded(tmp_path, changes):
    written = relations(**changes)
    written.save(tmp_path / 'new' / 'ranks.npz')
    assert_same(RelationRanks.load(tmp_path / 'new' / 'ranks.npz'), written)


def test_sorting_images_changes_no_metric():
    original = relations()
    ordered = original.sorted_by_image()
    assert ordered.image_ids.tolist() == ['10', '8', '9']
    assert ordered.images.tolist() == [1, 1, 2, 2]
    assert ordered.predicates.tolist() == [2, 1, 1, 2]
    before = evaluate_task(original, 'sgcls', (1, 5)).values
    after = evaluate_task(ordered, 'sgcls', (1, 5)).values
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])


def test_missing_and_damaged_files_are_named(tmp_path):
    path = tmp_path / 'ranks.npz'
    with pytest.raises(FileNotFoundError, match='ranks.npz.*tools/test.py'):
        RelationRanks.load(path)
    for content in (b'', b'PK nothing'):
        path.write_bytes(content)
        with pytest.raises(ValueError, match='ranks.npz.*test the model again'):
            RelationRanks.load(path)
    np.savez(path, images=np.zeros(3))
    with pytest.raises(ValueError, match="ranks.npz.*'image_ids'"):
        RelationRanks.load(path)
