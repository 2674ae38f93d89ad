from __future__ import annotations

from dataclasses import replace

import torch

from mmsgp.structures import ObjectBatch


def test_boxes_of_images_are_joined_in_order():
    boxes = [torch.zeros(2, 4), torch.zeros(0, 4), torch.ones(1, 4)]
    batch = ObjectBatch.from_list(boxes, logits=torch.zeros(3, 6))
    assert batch.sizes == (2, 0, 1)
    assert batch.num_images == 3
    assert batch.image_ids.tolist() == [0, 0, 2]
    assert batch.bboxes[:, 0].tolist() == [0, 0, 1]


def test_labels_can_be_given_without_changing_the_batch():
    batch = ObjectBatch.from_list([torch.zeros(2, 4)], torch.zeros(2, 6))
    labels = torch.tensor([3, 1])
    assert batch.with_labels(labels).labels is labels
    assert batch.labels is None


def test_known_labels_are_those_given_or_taught_and_background_elsewhere():
    batch = ObjectBatch.from_list([torch.zeros(2, 4)], torch.zeros(2, 6))
    assert batch.known_labels.tolist() == [5, 5]
    assert not batch.is_labelled
    taught = replace(batch, targets=torch.tensor([4, 5]))
    assert taught.known_labels.tolist() == [4, 5]
    assert not taught.is_labelled
    given = taught.with_labels(torch.tensor([2, 3]))
    assert given.known_labels.tolist() == [2, 3]
    assert given.is_labelled


def test_present_classes_are_the_annotated_ones_or_those_to_learn():
    batch = ObjectBatch.from_list(
        [torch.zeros(3, 4), torch.zeros(0, 4), torch.zeros(1, 4)],
        torch.zeros(4, 4),
        targets=torch.tensor([2, 0, 2, 3]),
    )
    assert batch.present_classes().tolist() == [[True, False, True], [False] * 3, [False] * 3]
    annotated = torch.ones(3, 3, dtype=torch.bool)
    assert replace(batch, present=annotated).present_classes() is annotated
