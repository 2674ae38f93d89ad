from __future__ import annotations

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
