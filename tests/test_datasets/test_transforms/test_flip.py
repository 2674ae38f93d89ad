import numpy as np
import pytest
import torch
from mmdet.structures.bbox import HorizontalBoxes

from mmsgp.datasets import SceneGraphRandomFlip
from mmsgp.datasets.transforms.flip import mirrored_predicates, unpaired_predicates

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


@pytest.mark.parametrize(
    'one, other',
    [
        ('left_of', 'right_of'),
        ('left-of', 'right-of'),
        ('LEFT OF', 'RIGHT OF'),
        ('Left of', 'right of'),
        ('leftOf', 'rightOf'),
        ('on left side of', 'on right side of'),
        ('facing left', 'facing right'),
        ('to-the-left_of', 'to the RIGHT of'),
        ('left foot of', 'right foot of'),
    ],
)
def test_capitals_and_separators_do_not_hide_a_side(one, other):
    names = (one, 'on', other)
    assert mirrored_predicates(names).tolist() == [0, 3, 2, 1]
    assert unpaired_predicates(names) == ()


def test_of_several_partners_the_one_with_the_same_separators_is_taken():
    names = ('right of', 'left_of', 'right_of', 'left of')
    assert mirrored_predicates(names).tolist() == [0, 4, 3, 2, 1]
    assert mirrored_predicates(('left_of', 'RIGHT of', 'right-of')).tolist() in (
        [0, 2, 1, 3],
        [0, 3, 2, 1],
    )


@pytest.mark.parametrize('names', [('on', 'ON'), ('leftover', 'rightover'), ('upright', 'upleft')])
def test_names_without_a_side_stay(names):
    assert mirrored_predicates(names).tolist() == [0, 1, 2]
    assert unpaired_predicates(names) == ()


def test_a_side_without_a_partner_is_found():
    assert unpaired_predicates(VRD) == ('right', 'bright left')
    assert unpaired_predicates(VRD, (('right', 'bright left'),)) == (
        'on the left of',
        'on the right of',
    )


@pytest.mark.parametrize('unpaired, labels', [('keep', [3]), (None, [3]), ('no_flip', [3])])
def test_a_setting_says_what_becomes_of_a_side_without_a_partner(unpaired, labels):
    item = results()
    item['gt_relation_labels'] = np.array(labels)
    flipped = SceneGraphRandomFlip(prob=1.0, unpaired=unpaired)(item)
    assert flipped['gt_relation_labels'].tolist() == labels
    assert flipped['flip'] == (unpaired != 'no_flip')
    np.testing.assert_array_equal(
        flipped['img'], results()['img'][:, :: 1 if unpaired == 'no_flip' else -1]
    )


def test_images_without_such_a_relation_are_flipped():
    item = results()
    item['gt_relation_labels'] = np.array([1, 2])
    flipped = SceneGraphRandomFlip(prob=1.0, unpaired='no_flip')(item)
    assert flipped['flip'] and flipped['gt_relation_labels'].tolist() == [1, 4]


def test_another_setting_is_refused():
    with pytest.raises(ValueError, match="unpaired is one of .*'no_flip'.*, not 'drop'"):
        SceneGraphRandomFlip(unpaired='drop')
