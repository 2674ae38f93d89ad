import copy
import pickle

import numpy as np
import pytest

from mmsgp.datasets.graph_annotations import GraphAnnotations, ragged_arange


@pytest.fixture
def annotations(data):
    return data.dataset(split='train').data_list


def test_ragged_arange_joins_ranges():
    starts, counts = np.array([4, 0, 9]), np.array([2, 0, 3])
    np.testing.assert_array_equal(
        ragged_arange(starts, counts), [4, 5, 9, 10, 11])
    assert len(ragged_arange(np.empty(0, int), np.empty(0, int))) == 0


def test_subset_holds_the_chosen_images_in_order(annotations):
    chosen = [3, 0, -1, 3]
    subset = annotations.subset(chosen)
    assert len(subset) == len(chosen)
    for item, index in zip(subset, chosen, strict=True):
        np.testing.assert_equal(item, annotations[index])


def test_subset_by_mask_and_slice(annotations):
    mask = np.arange(len(annotations)) % 2 == 0
    np.testing.assert_equal(
        list(annotations.subset(mask)), list(annotations[::2]))
    assert len(annotations.subset([])) == 0


def test_index_out_of_range_is_an_error(annotations):
    with pytest.raises(IndexError, match='image 5 of a data set of 5'):
        annotations[5]
    with pytest.raises(IndexError):
        annotations[-6]


def test_copies_share_the_arrays_and_nobody_can_write_to_them(annotations):
    assert copy.deepcopy(annotations).boxes is annotations.boxes
    with pytest.raises(ValueError, match='read-only'):
        annotations.boxes[0] = 0
    item = annotations[0]
    item['relations'][:] = -1  # an item is the caller's own
    assert (annotations[0]['relations'] >= 0).all()


def test_state_is_arrays_only_so_that_workers_share_it(annotations):
    assert all(
        isinstance(value, np.ndarray) and value.dtype != object
        for name, value in vars(annotations).items()
        if name not in ('classes', 'predicates', 'unseen'))
    restored = pickle.loads(pickle.dumps(annotations))
    assert isinstance(restored, GraphAnnotations)
    np.testing.assert_equal(list(restored), list(annotations))
