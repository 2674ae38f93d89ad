"""Ranks of single images, and of a data set that is made of them."""

import pickle

import numpy as np
import pytest

from mmsgp.evaluation.image_ranks import ImageKey, ImageRanks, TaskRanks, distinct
from mmsgp.evaluation.relation_ranks import RelationRanks

NAMES = ('on', 'has')


def image(img_id, predicates, unseen=None, tasks=('sgcls',), unconstrained=True):
    """An image whose ranks tell the task and the relation."""
    rows = np.arange(len(predicates))
    return ImageRanks.pack(
        ImageKey(img_id, f'{img_id}.jpg'),
        np.array(predicates),
        rows == 0,
        {
            task: TaskRanks(
                rows + 10 * i,
                rows + 10 * i + 1,
                rows + 10 * i + 2 if unconstrained else None,
                rows % 3,
            )
            for i, task in enumerate(tasks)
        },
        None if unseen is None else np.array(unseen, bool),
    )


def test_what_is_packed_is_read():
    kept = image(7, [1, 2, 2], [True, False, True], ('sggen', 'phrdet'))
    for ranks in (kept, pickle.loads(pickle.dumps(kept))):
        assert str(ranks.key) == 'image 7 (7.jpg)'
        assert ranks.predicates.tolist() == [1, 2, 2]
        assert ranks.first_of_pair.tolist() == [True, False, False]
        assert ranks.unseen.tolist() == [True, False, True]
        assert list(ranks.tasks) == ['sggen', 'phrdet']
        assert ranks.tasks['phrdet'].pair.tolist() == [11, 12, 13]
    assert image(7, [1]).unseen is None
    assert image(7, [1], unconstrained=False).tasks['sgcls'].unconstrained is None


def test_a_data_set_has_the_relations_of_all_images_in_order():
    relations = RelationRanks.concatenate(
        [image(5, [2]), image(6, []), image(4, [1, 2])], NAMES, [9, 1], 50
    )
    assert relations.image_ids.tolist() == ['5', '6', '4']
    assert relations.images.tolist() == [0, 2, 2]
    assert relations.predicates.tolist() == [2, 1, 2]
    assert relations.first_of_pair.tolist() == [True, True, False]
    assert relations.unseen is None
    assert relations.tasks['sgcls'].triplet.tolist() == [0, 0, 1]
    assert (relations.train_counts, relations.ng_limit) == ([9, 1], 50)


def test_ranks_that_an_image_lacks_are_left_out():
    relations = RelationRanks.concatenate(
        [image(1, [1]), image(2, [1], unconstrained=False)], NAMES
    )
    assert relations.tasks['sgcls'].unconstrained is None
    assert relations.tasks['sgcls'].predicted.tolist() == [0, 0]


@pytest.mark.parametrize(
    'other, message',
    [
        (dict(tasks=('sggen',)), r"image 1 .*\['sggen'\].* image 2 "),
        (dict(unseen=[True]), r"image 1 .*\['unseen'\].* image 2 "),
    ],
)
def test_images_with_other_fields_are_named(other, message):
    with pytest.raises(ValueError, match=message):
        RelationRanks.concatenate([image(1, [1]), image(2, [1], **other)], NAMES)


def test_an_image_counts_once_and_one_without_a_key_always():
    first, nameless = (
        image(1, [1]),
        ImageRanks.pack(ImageKey(), np.array([1]), np.array([True]), {}),
    )
    kept = distinct([first, nameless, image(1, [2]), nameless])
    assert kept == [first, nameless, nameless]
