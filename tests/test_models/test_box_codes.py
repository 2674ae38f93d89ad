"""Codes of boxes against numbers counted by hand."""

import pytest
import torch

from mmsgp.models.layers import box_codes, pair_codes
from mmsgp.structures import ObjectBatch


def batch(**kwargs):
    boxes = torch.tensor([[20.0, 10, 60, 50], [40.0, 30, 80, 90], [100.0, 0, 200, 50]])
    return ObjectBatch.from_list([boxes], torch.zeros(3, 4), **kwargs)


def test_nine_numbers_of_a_box():
    objects = batch(image_sizes=torch.tensor([[200.0, 100.0]]))
    expected = [0.2, 0.4, 0.2, 0.3, 0.1, 0.1, 0.3, 0.5, 0.08]
    torch.testing.assert_close(box_codes(objects)[0], torch.tensor(expected))


def test_thirty_two_numbers_of_a_pair():
    objects = batch(image_sizes=torch.tensor([[200.0, 100.0]]))
    code = pair_codes(objects, torch.tensor([[0, 1], [0, 2]]))
    # x1, y1, x2, y2, cx, cy, w, h over 200; w = 41 and 41 pixels
    subject = [0.1, 0.05, 0.3, 0.25, 0.2025, 0.1525, 0.205, 0.205]
    object_ = [0.2, 0.15, 0.4, 0.45, 0.3025, 0.3025, 0.205, 0.305]
    # from 20, 10 to 80, 90: 0.3 and 0.4, and the source's 1 in other units
    union = [0.1, 0.05, 0.4, 0.45, 0.1 + 0.65, 0.05 + 0.7, 1.3, 1.4]
    # from 40, 30 to 60, 50
    inner = [0.2, 0.15, 0.3, 0.25, 0.2 + 0.55, 0.15 + 0.55, 1.1, 1.1]
    torch.testing.assert_close(code[0], torch.tensor(subject + object_ + union + inner))
    assert code[1, 24:].tolist() == [0] * 8


def test_small_images_count_as_a_hundred_pixels():
    objects = batch(image_sizes=torch.tensor([[80.0, 60.0]]))
    assert pair_codes(objects, torch.tensor([[0, 1]]))[0, 0].item() == pytest.approx(0.2)


def test_a_batch_without_sizes_is_refused():
    with pytest.raises(ValueError, match='objects.image_sizes'):
        box_codes(batch())
