"""Pairs: all of them, the overlapping ones, their labels, a sample."""

import pytest
import torch

from mmsgp.models.task_modules import PairSampler, all_pairs, label_pairs, overlapping
from mmsgp.testing.models import random_bboxes


def test_all_pairs_stay_within_images_and_leave_out_self_pairs():
    image_ids = torch.tensor([0, 0, 0, 2, 3, 3])
    expected = [
        [i, j] for i in range(6) for j in range(6) if i != j and image_ids[i] == image_ids[j]
    ]
    assert all_pairs(image_ids).tolist() == expected


def test_overlap_means_a_common_area():
    bboxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [4.0, 0.0, 8.0, 4.0], [3.0, 3.0, 5.0, 5.0]])
    pairs = torch.tensor([[0, 1], [0, 2], [2, 1]])
    assert overlapping(bboxes, pairs).tolist() == [False, True, True]


def test_labels_of_pairs_equal_a_dictionary():
    torch.manual_seed(0)
    pairs = all_pairs(torch.zeros(6, dtype=torch.long))
    annotated = pairs[torch.randperm(len(pairs))[:9]]
    labels = torch.randint(1, 5, (9,))
    lookup = {tuple(p): int(y) for p, y in zip(annotated.tolist(), labels)}
    expected = [lookup.get(tuple(p), 0) for p in pairs.tolist()]
    assert label_pairs(pairs, annotated, labels, 6).tolist() == expected


@pytest.mark.parametrize('seed', range(5))
def test_sampler_keeps_its_quotas_in_each_image(seed):
    torch.manual_seed(seed)
    image_ids = torch.tensor([0] * 90 + [1] * 6 + [3] * 30)
    labels = (torch.rand(126) < 0.5).long() * 3
    sampled = PairSampler(num=20, positive_fraction=0.25)(image_ids, labels, 4)
    assert len(sampled.unique()) == len(sampled)
    for image in (0, 1, 3):
        own = sampled[image_ids[sampled] == image]
        available = labels[image_ids == image] > 0
        positive = int((labels[own] > 0).sum())
        assert positive == min(5, int(available.sum()))
        assert len(own) - positive == min(20 - positive, int((~available).sum()))


@pytest.mark.parametrize('seed', range(5))
def test_a_quota_of_the_batch_lets_a_crowded_image_have_more(seed):
    """As the reference of Neural Motifs draws, from all images at once."""
    torch.manual_seed(seed)
    image_ids = torch.tensor([0] * 90 + [1] * 6 + [2] * 30)
    labels = torch.zeros(126, dtype=torch.long)
    labels[:40], labels[92:94] = 3, 1  # 40 + 2 + 0 are annotated
    sampled = PairSampler(num=22, positive_fraction=0.25, quota='batch')(image_ids, labels, 3)
    assert len(sampled) == len(sampled.unique()) == 22 * 3
    positive = sampled[labels[sampled] > 0]
    assert len(positive) == int(22 * 3 * 0.25)  # not three times int(5.5)
    assert (image_ids[positive] == 0).sum() > 5


def test_the_quota_is_of_the_image_or_of_the_batch():
    with pytest.raises(ValueError, match="quota .*'pair'"):
        PairSampler(quota='pair')


def test_sampler_draws_all_pairs_equally_often():
    torch.manual_seed(0)
    image_ids, labels = torch.zeros(20).long(), torch.zeros(20).long()
    counts = torch.zeros(20)
    for _ in range(2000):
        counts[PairSampler(num=5)(image_ids, labels, 1)] += 1
    # binomial with mean 500 and standard deviation 19
    assert (counts - 500).abs().max() < 100


def test_sampler_never_draws_pairs_that_are_left_out():
    torch.manual_seed(0)
    labels = torch.tensor([-1] * 20 + [0] * 3 + [2] * 3)
    for _ in range(20):
        sampled = PairSampler(num=8)(torch.zeros(26, dtype=torch.long), labels, 1)
        assert (labels[sampled] == 0).sum() == 3 and (labels[sampled] == 2).sum() == 2
        assert len(sampled) == 5


def test_sampler_without_pairs():
    empty = torch.zeros(0, dtype=torch.long)
    assert len(PairSampler()(empty, empty, 2)) == 0


def test_random_boxes_have_pairs_that_overlap_and_pairs_that_do_not():
    torch.manual_seed(0)
    bboxes = random_bboxes(8, size=64)
    flags = overlapping(bboxes, all_pairs(torch.zeros(8, dtype=torch.long)))
    assert flags.any() and not flags.all()
