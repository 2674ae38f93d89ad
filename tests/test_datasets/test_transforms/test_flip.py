import numpy as np
import pytest
import torch
from mmdet.structures.bbox import HorizontalBoxes

from mmsgp.datasets import SceneGraphRandomFlip
from mmsgp.datasets.transforms.flip import mirrored_predicates

VRD = ('on', 'on the left of', 'right', 'on the right of', 'bright left')


def results(predicates=VRD):
    return dict(
        img=np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
        gt_bboxes=HorizontalBoxes(torch.tensor([[0.0, 0, 1, 2], [1, 0, 4, 1]])),
        gt_relation_labels=np.array([1, 2, 4, 3, 2]),
        predicates=predicates,
    )


def test_flip_mirrors_image_boxes_and_sides():
    flipped = SceneGraphRandomFlip(prob=1.0)(results())
    np.testing.assert_array_equal(flipped['img'], results()['img'][:, ::-1])
    assert flipped['gt_bboxes'].tensor.tolist() == [[3, 0, 4, 2], [0, 0, 3, 1]]
    assert flipped['gt_relation_labels'].tolist() == [1, 4, 2, 3, 4]
    assert flipped['flip'] and flipped['flip_direction'] == 'horizontal'


def test_flipping_twice_changes_nothing():
    flip = SceneGraphRandomFlip(prob=1.0)
    twice = flip(flip(results()))
    np.testing.assert_array_equal(twice['img'], results()['img'])
    assert torch.equal(twice['gt_bboxes'].tensor, results()['gt_bboxes'].tensor)
    np.testing.assert_array_equal(twice['gt_relation_labels'], results()['gt_relation_labels'])


def test_no_flip_swaps_nothing():
    kept = SceneGraphRandomFlip(prob=0.0)(results())
    assert kept['gt_relation_labels'].tolist() == [1, 2, 4, 3, 2]


def test_pairs_can_be_named():
    flip = SceneGraphRandomFlip(prob=1.0, swap_predicates=[['on', 'right']])
    assert flip(results())['gt_relation_labels'].tolist() == [3, 2, 4, 1, 2]
    flip = SceneGraphRandomFlip(prob=1.0, swap_predicates=[])
    assert flip(results())['gt_relation_labels'].tolist() == [1, 2, 4, 3, 2]


def test_pair_that_does_not_exist_is_named():
    flip = SceneGraphRandomFlip(prob=1.0, swap_predicates=[['on', 'off']])
    with pytest.raises(ValueError, match=r"names \['off'\]"):
        flip(results())


def test_labels_without_names_stay():
    no_names = results()
    del no_names['predicates']
    flipped = SceneGraphRandomFlip(prob=1.0)(no_names)
    assert flipped['gt_relation_labels'].tolist() == [1, 2, 4, 3, 2]


def test_words_are_compared_whole():
    assert mirrored_predicates(VRD).tolist() == [0, 1, 4, 3, 2, 5]
    assert mirrored_predicates(('leftover', 'rightover')).tolist() == [0, 1, 2]
    assert mirrored_predicates(('left of', 'near', 'right of')).tolist() == [0, 3, 2, 1]
