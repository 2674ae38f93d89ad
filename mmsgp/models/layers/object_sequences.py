"""Objects of several images as a padded batch of sequences.

Shape shorthand: N objects, B images, T objects in the fullest image.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmsgp.structures import ObjectBatch

from .counting import count_groups


class ObjectSequences:
    """Lays flat objects out as one sequence per image, best score first.

    Args:
        image_ids: (N,), image of each object, ascending.
        sizes: Number of objects of each of the B images.
        scores: (N,), the sort key; equal scores keep their order. Defaults to None: the
            order of the batch.

    Attributes:
        valid: (B, T), bool, False where a sequence is padded. T is at least 1,
            so a batch without objects still runs a step.
        rows: (N,), place of each object in (B * T, ...).
    """

    def __init__(
        self, image_ids: Tensor, sizes: Sequence[int], scores: Tensor | None = None
    ) -> None:
        # Counted on the device, because a copy of the sizes would be waited for.
        lengths = count_groups(image_ids, len(sizes))
        starts = lengths.cumsum(0) - lengths
        steps = torch.arange(max(1, *sizes), device=image_ids.device)
        self.valid = steps < lengths[:, None]
        step = torch.arange(len(image_ids), device=image_ids.device) - starts[image_ids]
        self.rows = image_ids * len(steps) + step
        if scores is not None:
            by_score = scores.argsort(descending=True, stable=True)
            order = by_score[image_ids[by_score].argsort(stable=True)]
            # Sorting keeps objects grouped by image, so these rows fit both orders.
            self.rows = torch.empty_like(order).index_copy(0, order, self.rows)

    def pad(self, flat: Tensor) -> Tensor:
        """Sort and pad: (N, ...) to (B, T, ...), padding is zero."""
        padded = flat.new_zeros(self.valid.numel(), *flat.shape[1:])
        return padded.index_copy(0, self.rows, flat).unflatten(0, self.valid.shape)

    def unpad(self, padded: Tensor) -> Tensor:
        """Undo :meth:`pad`: (B, T, ...) to (N, ...) in the original order."""
        return padded.flatten(0, 1).index_select(0, self.rows)


class FixedSequences:
    """Objects that lie in sequences of one length already, see ``ObjectBatch.valid``.

    Args:
        valid: (B, T), bool.
    """

    def __init__(self, valid: Tensor) -> None:
        self.valid = valid

    def pad(self, flat: Tensor) -> Tensor:
        """Split (B * T, ...) to (B, T, ...)."""
        return flat.unflatten(0, (-1, self.valid.shape[1]))

    def unpad(self, padded: Tensor) -> Tensor:
        """Undo :meth:`pad`."""
        return padded.flatten(0, 1)


def in_order(objects: ObjectBatch) -> ObjectSequences | FixedSequences:
    """Lay out the objects of each image in the order of the batch."""
    if objects.valid is not None:
        return FixedSequences(objects.valid)
    return ObjectSequences(objects.image_ids, objects.sizes)
