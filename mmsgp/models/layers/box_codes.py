"""Codes of boxes relative to their image.

Source: Scene-Graph-Benchmark (Tang et al., 2020), ``encode_box_info`` and
``get_box_pair_info``.

Shape shorthand: N objects of a batch, P pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmsgp.structures import ObjectBatch

BOX_CODE_DIM = 9
PAIR_CODE_DIM = 32


def sizes_of_images(objects: ObjectBatch) -> Tensor:
    """Return width and height of each object's image: (N, 2).

    Raises:
        ValueError: If the batch has no sizes.
    """
    if objects.image_sizes is None:
        raise ValueError(
            'objects.image_sizes is missing: this relation head encodes boxes relative to '
            'their image, give an ObjectBatch the width and height of each image'
        )
    return objects.image_sizes[objects.image_ids]


def box_codes(objects: ObjectBatch) -> Tensor:
    """Encode boxes as w/W, h/H, cx/W, cy/H, x1/W, y1/H, x2/W, y2/H, wh/(WH): (N, 9)."""
    size = sizes_of_images(objects)
    low, high = (corner / size for corner in objects.bboxes.chunk(2, dim=1))
    extent = high - low
    area = extent.prod(dim=1, keepdim=True)
    return torch.cat([extent, (low + high) / 2, low, high, area], dim=1)


def pair_codes(objects: ObjectBatch, pairs: Tensor) -> Tensor:
    """Encode subject, object, union and intersection box with 8 numbers each: (P, 32).

    The numbers are x1, y1, x2, y2, cx, cy, w, h, divided by max(W, H, 100); w and h are
    a pixel more than the difference of the corners. As in the source, of union and
    intersection they are 1 more than that difference after the division; an empty
    intersection has zeros.

    Args:
        objects: N objects with the sizes of their images.
        pairs: (P, 2).
    """
    scale = sizes_of_images(objects)[pairs[:, 0]].amax(dim=1, keepdim=True).clamp(min=100)
    subject, object_ = objects.bboxes[pairs].unbind(1)
    low_s, high_s, low_o, high_o = *subject.chunk(2, dim=1), *object_.chunk(2, dim=1)
    union = torch.cat([torch.minimum(low_s, low_o), torch.maximum(high_s, high_o)], dim=1)
    inner = torch.cat([torch.maximum(low_s, low_o), torch.minimum(high_s, high_o)], dim=1)
    overlap = (inner[:, 2:] >= inner[:, :2]).all(dim=1, keepdim=True)
    return torch.cat(
        [
            _eight_numbers(subject / scale, 1 / scale),
            _eight_numbers(object_ / scale, 1 / scale),
            _eight_numbers(union / scale, 1.0),
            _eight_numbers(inner / scale, 1.0) * overlap,
        ],
        dim=1,
    )


def _eight_numbers(bboxes: Tensor, margin: Tensor | float) -> Tensor:
    low, high = bboxes.chunk(2, dim=1)
    extent = high - low + margin
    return torch.cat([bboxes, low + extent / 2, extent], dim=1)


def overlap_codes(bboxes: Tensor, image_ids: Tensor) -> Tensor:
    """Encode how each box overlaps the others of its image, with 6 numbers: (N, 6).

    The number of overlapping boxes; the sums of their intersections and of their IoUs; the
    means of both; and the area of the box. Areas are in units of 1024^2 pixels.

    Args:
        bboxes: (N, 4), in pixels.
        image_ids: (N,), image of each box.
    """
    low, high = bboxes.chunk(2, dim=1)
    extent = torch.minimum(high[:, None], high) - torch.maximum(low[:, None], low)
    inner = extent.clamp(min=0).prod(dim=2)
    others = image_ids[:, None] == image_ids
    inner = inner * others.fill_diagonal_(False) / 1024**2  # (N, N)
    area = (high - low).prod(dim=1) / 1024**2
    outer = (area[:, None] + area - inner).clamp(min=1e-12)
    sums = torch.stack([inner, inner / outer]).sum(dim=2)  # (2, N)
    count = (inner > 0).sum(dim=1).to(bboxes)
    return torch.stack([count, *sums, *(sums / count.clamp(min=1)), area], dim=1)
