"""Outputs of the steps of a relation head.

Shape shorthand: B images, N objects of a batch, P pairs, C object classes,
R predicates, d_o, d_p and d_i features of an object, a relation, an image.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class RegionFeatures(NamedTuple):
    """Visual features of an image; the same for PredCls and SGCls."""

    pairs: Tensor  # (P, 2), indices of subject and object
    images: Tensor  # (B, d_i), average-pooled feature map
    objects: Tensor | None = None  # (N, d_o), if the head uses them
    unions: Tensor | None = None  # (P, d_o), of the pairs, optional

    def split_pairs(self, size: int) -> list[RegionFeatures]:
        """Split into parts of ``size`` pairs, the last may have fewer."""
        pairs = self.pairs.split(size)
        unions = [None] * len(pairs) if self.unions is None else self.unions.split(size)
        return [self._replace(pairs=own, unions=union) for own, union in zip(pairs, unions)]


class ObjectEncoding(NamedTuple):
    """Objects in context, before they have labels."""

    logits: Tensor  # (N, C+1), background last
    representation: Tensor | None = None  # (N, d), model specific
    image_logits: Tensor | None = None  # (B, C+1), of the classes in an image


class ObjectContext(NamedTuple):
    """Step 1: objects in context, with labels."""

    logits: Tensor  # (N, C+1), background last
    labels: Tensor  # (N,), given, annotated or predicted
    representation: Tensor | None = None  # (N, d), model specific
    image_logits: Tensor | None = None  # (B, C+1), of the classes in an image


class RelationOutput(NamedTuple):
    """Everything a head computes for some pairs."""

    context: ObjectContext
    relation_logits: Tensor  # (P, R+1), unknown first
    significance: Tensor | None  # (P,), before the sigmoid
    features: Tensor | None = None  # (P, d_p), only with gradients
