"""Outputs of the steps of a relation head.

Shape shorthand: B images, N objects of a batch, P pairs, C object classes,
R predicates, d_o, d_p and d_i features of an object, a relation, an image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from typing import NamedTuple

from torch import Tensor, nn


class RegionFeatures(NamedTuple):
    """Visual features of a batch of images; the same for PredCls and SGCls.

    Features of pairs are the largest tensors by far. In tests those of more pairs
    than a head classifies at once are not kept: ``pool_unions`` makes them
    when their turn comes (:meth:`split_pairs`).
    """

    pairs: Tensor  # (P, 2), indices of subject and object
    images: Tensor  # (B, d_i), average-pooled feature map
    objects: Tensor | None = None  # (N, d_o), if the head uses them
    unions: Tensor | None = None  # (P, d_o), of the pairs, optional
    sizes: tuple[int, ...] | None = None  # pairs of each image, if they are known
    # Makes the unions (p, d_o) of pairs (p, 2), if there are none yet.
    pool_unions: Callable[[Tensor], Tensor] | None = None
    scenes: Tensor | None = None  # (B, cells, channels), coarse maps, optional

    def pooled(self) -> RegionFeatures:
        """Return the features with the unions of all pairs, if the head uses unions."""
        if self.pool_unions is None:
            return self
        return self._replace(unions=self.pool_unions(self.pairs), pool_unions=None)

    def sizes_for(self, scorer: nn.Module) -> dict[str, tuple[int, ...]]:
        """Return the argument ``sizes`` of a Scorer that else counts the pairs itself."""
        takes_sizes = self.sizes and 'sizes' in signature(scorer.forward).parameters
        return dict(sizes=self.sizes) if takes_sizes else {}

    def split_pairs(self, size: int) -> Iterator[tuple[slice | Tensor, RegionFeatures]]:
        """Take ``size`` pairs at a time, the last part may have fewer.

        Where unions are still to be made, a pair comes with its reverse, because
        they share a union box.

        Yields:
            tuple: Rows of the pairs, and their features with unions.
        """
        if len(self.pairs) <= size:
            yield slice(None), self.pooled()
        elif self.pool_unions is None:
            for start in range(0, len(self.pairs), size):
                rows = slice(start, start + size)
                unions = None if self.unions is None else self.unions[rows]
                yield rows, self._replace(pairs=self.pairs[rows], unions=unions)
        else:
            first, second = self.pairs.amin(dim=1), self.pairs.amax(dim=1)
            together = (first * (second.max() + 1) + second).argsort(stable=True)
            for rows in together.split(size):
                yield rows, self._replace(pairs=self.pairs[rows]).pooled()


class ObjectEncoding(NamedTuple):
    """Objects in context, before they have labels."""

    logits: Tensor  # (N, C+1), background last
    representation: Tensor | None = None  # (N, d), model specific
    image_logits: Tensor | None = None  # (B, C+1), of the classes in an image
    pair_states: Tensor | None = None  # of pairs, model specific


class ObjectContext(NamedTuple):
    """Step 1: objects in context, with labels."""

    logits: Tensor  # (N, C+1), background last
    labels: Tensor  # (N,), given, annotated or predicted
    representation: Tensor | None = None  # (N, d), model specific
    image_logits: Tensor | None = None  # (B, C+1), of the classes in an image
    pair_states: Tensor | None = None  # of pairs, model specific


class RelationOutput(NamedTuple):
    """Everything a head computes for some pairs."""

    context: ObjectContext
    relation_logits: Tensor  # (P, R+1), unknown first
    significance: Tensor | None  # (P,), before the sigmoid
    pairs: Tensor | None = None  # (P, 2), indices of subject and object
    features: Tensor | None = None  # (P, d_p), only with gradients


class JoinedRows:
    """One tensor of parts that come one after the other.

    Attributes:
        joined: The tensor (P, ...), None before the first part.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self.joined: Tensor | None = None

    def put(self, rows: slice | Tensor, part: Tensor | None) -> None:
        """Put a part (p, ...) into its rows; all rows at once are taken as they are."""
        if part is None or len(part) == self._total:
            self.joined = part
            return
        if self.joined is None:
            self.joined = part.new_empty(self._total, *part.shape[1:])
        self.joined[rows] = part
