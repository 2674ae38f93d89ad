"""Input of a relation head.

Shape shorthand: N objects of a batch, B images, C object classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class ObjectBatch:
    """Objects of a batch of images, flat, image after image.

    Optional fields depend on the task: ``labels`` in PredCls, ``targets`` and
    ``present`` in training, ``class_bboxes`` with detected boxes (SGGen). Heads that
    encode positions need ``image_sizes``.

    Attributes:
        bboxes: (N, 4), ``x1, y1, x2, y2`` in pixels of the network's input.
        image_ids: (N,), image of each object, ascending.
        sizes: Number of objects of each of the B images.
        logits: (N, C+1), the detector's class logits, background last.
        labels: (N,), given classes, or None.
        targets: (N,), true classes to learn, background C if an object matches
            no annotation, or None.
        class_bboxes: (N, C, 4), the box regressed for each class, or None.
        present: (B, C) bool, annotated classes of each image, detected or not;
            None if they are those of ``targets``.
        image_sizes: (B, 2), width and height of each image in pixels of the
            network's input, without padding, or None.
        pairs_overlap: Whether detected boxes are paired only if they overlap.
        valid: (B, T) bool, in a batch with as many rows for each image: the rows that
            are objects. ``sizes`` is then not used. None in all other batches.
    """

    bboxes: Tensor
    image_ids: Tensor
    sizes: tuple[int, ...]
    logits: Tensor
    labels: Tensor | None = None
    targets: Tensor | None = None
    class_bboxes: Tensor | None = None
    present: Tensor | None = None
    image_sizes: Tensor | None = None
    pairs_overlap: bool = True
    valid: Tensor | None = None

    @classmethod
    def from_list(cls, bboxes: list[Tensor], logits: Tensor, **kwargs) -> ObjectBatch:
        """Build a batch from the boxes of images, (N_i, 4) each."""
        sizes = tuple(len(b) for b in bboxes)
        flat = torch.cat(bboxes)
        # From the sizes, which a GPU would have to be waited for.
        image_ids = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
        return cls(flat, image_ids.to(flat.device, non_blocking=True), sizes, logits, **kwargs)

    @property
    def num_images(self) -> int:
        return len(self.sizes)

    @property
    def is_labelled(self) -> bool:
        """Whether the classes are given: nothing is left to find out."""
        return self.labels is not None

    @property
    def known_labels(self) -> Tensor:
        """Classes (N,) that are given or taught, background C elsewhere."""
        for known in (self.labels, self.targets):
            if known is not None:
                return known
        background = self.logits.shape[1] - 1
        return torch.full_like(self.image_ids, background)

    def present_classes(self) -> Tensor:
        """Classes (B, C) that are annotated in each image, bool."""
        if self.present is not None:
            return self.present
        background = self.logits.shape[1] - 1
        known = self.targets < background
        present = self.targets.new_zeros(self.num_images, background, dtype=torch.bool)
        present[self.image_ids[known], self.targets[known]] = True
        return present

    def with_labels(self, labels: Tensor) -> ObjectBatch:
        """Return the same objects with given classes (N,)."""
        return replace(self, labels=labels)
