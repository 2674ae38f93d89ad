import copy
import dataclasses
import pickle

import numpy as np
import pytest

from mmsgp.datasets.graph_annotations import GraphAnnotations, ragged_arange
from mmsgp.datasets.splits import split_indices


@pytest.fixture
def annotations(data):
    return data.dataset(split='train').data_list


def test_ragged_arange_joins_ranges():
    starts, counts = np.array([4, 0, 9]), np.array([2, 0, 3])
    np.testing.assert_array_equal(ragged_arange(starts, counts), [4, 5, 9, 10, 11])
    assert len(ragged_arange(np.empty(0, int), np.empty(0, int))) == 0


def test_subset_holds_the_chosen_images_in_order(annotations):
    chosen = [3, 0, -1, 3]
    subset = annotations.subset(chosen)
    assert len(subset) == len(chosen)
    for item, index in zip(subset, chosen, strict=True):
        np.testing.assert_equal(item, annotations[index])


def test_subset_by_mask_and_slice(annotations):
    mask = np.arange(len(annotations)) % 2 == 0
    np.testing.assert_equal(list(annotations.subset(mask)), list(annotations[::2]))
    assert len(annotations.subset([])) == 0


def test_index_out_of_range_is_an_error(annotations):
    with pytest.raises(IndexError, match='image 5 .* 5 images'):
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
        if name not in ('classes', 'predicates', 'unseen')
    )
    restored = pickle.loads(pickle.dumps(annotations))
    assert isinstance(restored, GraphAnnotations)
    np.testing.assert_equal(list(restored), list(annotations))


IMAGES = [
    dict(
        img_id=4,
        file_name='a/4.png',
        width=30,
        height=20,
        split='train',
        boxes=[[0, 0, 9, 9], [5, 5, 20, 20]],
        labels=[1, 0],
        relations=[[1, 0, 2], [0, 1, 1]],
    ),
    dict(
        img_id=9,
        file_name='b.jpg',
        width=10,
        height=10,
        split='test',
        boxes=[],
        labels=[],
        relations=[],
    ),
    dict(
        img_id=2,
        file_name='c.jpg',
        width=8,
        height=8,
        split='val',
        boxes=[[1, 1, 2, 2]],
        labels=[1],
        relations=[[0, 0, 1]],
    ),
]


def from_images(**changes):
    images = [dict(IMAGES[0], **changes), *IMAGES[1:]]
    return GraphAnnotations.from_images(images, ('a', 'b'), ('on', 'by'))


def test_images_are_joined_and_come_back():
    annotations = from_images()
    annotations.check('file')
    assert annotations.splits.tolist() == [0, 2, 1]
    assert [image.tolist() for image in annotations.triplets] == [[0, 1, 1], [1, 0, 1], [2, 1, 1]]
    for item, image in zip(annotations, IMAGES, strict=True):
        for key in ('img_id', 'file_name', 'width', 'height'):
            assert item[key] == image[key]
        assert [o['bbox'] for o in item['instances']] == image['boxes']
        assert [o['bbox_label'] for o in item['instances']] == image['labels']
        assert item['relations'].tolist() == image['relations']
        assert 'relations_unseen' not in item


def test_no_images_are_annotations_too():
    annotations = GraphAnnotations.from_images([], ('a', 'b'), ('on',))
    annotations.check('file')
    assert len(annotations) == 0
    assert annotations.boxes.shape == (0, 4)


def test_unseen_marks_go_with_their_relations():
    annotations = dataclasses.replace(from_images(), unseen=np.array([True, False, True]))
    marks = [item['relations_unseen'].tolist() for item in annotations]
    assert marks == [[True, False], [], [True]]
    assert annotations.subset([2, 0]).unseen.tolist() == [True, True, False]


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(img_id=2), 'file: image c.jpg has the id 2, expected'),
        (dict(width=0), r'image a/4.png has the size \[0, 20\]'),
        (
            dict(boxes=[[0, 0, 9, 9], [5, 5, 5, 20]]),
            r'image a/4.png has the box \[5.0, 5.0, 5.0, 20.0\], expected x1 < x2',
        ),
        (dict(boxes=[[0, 0, float('nan'), 9], [5, 5, 6, 20]]), r'the box \[0.0, 0.0, nan'),
        (dict(labels=[2, 0]), r'has the class 2, expected 0 .. 1'),
        (dict(labels=[-1, 0]), r'has the class -1'),
        (dict(relations=[[0, 2, 1]]), r'has the relation \[0, 2, 1\], expected'),
        (dict(relations=[[0, -1, 1]]), 'has the relation'),
        (dict(relations=[[0, 1, 0]]), r'\[0, 1, 0\].* and a predicate 1 .. 2'),
        (dict(relations=[[0, 1, 3]]), 'has the relation'),
    ],
)
def test_an_impossible_number_is_named_with_its_image(changes, message):
    with pytest.raises(ValueError, match=message):
        from_images(**changes).check('file')


def test_a_split_of_another_name_is_refused():
    with pytest.raises(ValueError, match=r"split .* got \['valid'\]"):
        from_images(split='valid')


@pytest.mark.parametrize('split, expected', [('train', [0]), ('val', [2]), ('test', [1])])
def test_validation_of_a_format_is_kept_whatever_number_is_asked_for(split, expected):
    indices = split_indices(from_images(), split, num_val_images=1, filter_empty_relations=True)
    assert indices.tolist() == expected
