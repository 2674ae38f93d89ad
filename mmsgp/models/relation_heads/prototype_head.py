"""Heads that compare a pair with a prototype of each predicate.

Shape shorthand: P pairs, R predicates, D values of a feature.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import ClassEmbedding, PredicateEmbedding
from .head_outputs import RelationOutput
from .relation_head import RelationHead


class CosineClassifier(nn.Module):
    """``exp(scale) * cos(feature, prototype)``, with a learnt scale.

    Args:
        max_scale: Largest factor. Defaults to infinity.
    """

    def __init__(self, max_scale: float = math.inf) -> None:
        super().__init__()
        self.max_scale = max_scale
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, features: Tensor, prototypes: Tensor) -> Tensor:
        """Compare (P, D) with (R+1, D): (P, R+1)."""
        factor = self.scale.exp().clamp(max=self.max_scale)
        return factor * F.normalize(features, dim=1) @ F.normalize(prototypes, dim=1).t()


class PrototypeHead(RelationHead):
    """Base of heads whose predicate logits are cosines with prototypes.

    A subclass supplies :meth:`prototypes` beside the methods of a :class:`RelationHead`.

    Args:
        loss_prototype: Loss of features, prototypes and labels.
        max_scale: See :class:`CosineClassifier`.
        frequency_prior: Defaults to None: no prior.
        **kwargs: See :class:`RelationHead`.
    """

    def __init__(
        self,
        *,
        loss_prototype: dict = dict(type='PrototypeLoss'),
        max_scale: float = math.inf,
        frequency_prior: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(frequency_prior=frequency_prior, **kwargs)
        self.fc_predicate.max_scale = max_scale
        self.loss_prototype = MODELS.build(loss_prototype)

    @abstractmethod
    def prototypes(self) -> Tensor:
        """Compute the prototype of each predicate, unknown first: (R+1, D)."""

    def build_classifier(self, relation_channels: int) -> nn.Module:
        """Build the comparison of step 3."""
        return CosineClassifier()

    def predicate_logits(self, features: Tensor, pair_labels: Tensor) -> Tensor:
        """Compare features with the prototypes, see :class:`RelationHead`."""
        logits = self.fc_predicate(features, self.prototypes())
        if self.frequency_prior is not None:
            logits = logits + self.frequency_prior(*pair_labels.unbind(1))
        return logits

    def relation_losses(
        self, output: RelationOutput, objects: ObjectBatch, targets: Tensor
    ) -> dict[str, Tensor]:
        """Compute the losses of the prototypes, in full precision as the logits."""
        with torch.autocast(targets.device.type, enabled=False):
            return self.loss_prototype(output.features, self.prototypes(), targets)

    def load_statistics(self, statistics, classes: Sequence[str]) -> None:
        """Take statistics and word vectors, see :class:`RelationHead`."""
        super().load_statistics(statistics, classes)
        for layer in self.modules():
            if isinstance(layer, ClassEmbedding):
                layer.load_words(classes)

    def load_predicates(self, predicates: Sequence[str]) -> None:
        """Take word vectors of the R predicates, when training starts."""
        for layer in self.modules():
            if isinstance(layer, PredicateEmbedding):
                layer.load_predicates(predicates)
