"""Candidate pairs and their labels.

Shape shorthand: N objects of a batch, P pairs, M annotated relations.
"""

from __future__ import annotations

import torch
from torch import Tensor


def all_pairs(image_ids: Tensor) -> Tensor:
    """List all ordered pairs of different objects of the same image.

    Args:
        image_ids: (N,), ascending.

    Returns:
        Tensor: (P, 2), image after image, subjects ascending.
    """
    same = image_ids[:, None] == image_ids
    return same.fill_diagonal_(False).nonzero()


def overlapping(bboxes: Tensor, pairs: Tensor) -> Tensor:
    """Mark the pairs whose boxes intersect.

    Args:
        bboxes: (N, 4), ``x1, y1, x2, y2``.
        pairs: (P, 2).

    Returns:
        Tensor: (P,), bool.
    """
    subject, object_ = bboxes[pairs].unbind(1)
    extent = torch.minimum(subject[:, 2:], object_[:, 2:]) - torch.maximum(
        subject[:, :2], object_[:, :2]
    )
    return (extent > 0).all(dim=1)


def label_pairs(pairs: Tensor, annotated: Tensor, labels: Tensor, num_objects: int) -> Tensor:
    """Look up the predicate of each pair.

    Args:
        pairs: (P, 2).
        annotated: (M, 2), annotated pairs, no pair twice.
        labels: (M,), their predicates.
        num_objects: N.

    Returns:
        Tensor: (P,), 0 where a pair is not annotated.
    """
    table = labels.new_zeros(num_objects, num_objects)
    table[annotated[:, 0], annotated[:, 1]] = labels
    return table[pairs[:, 0], pairs[:, 1]]
