"""The baseline that looks at nothing but the classes."""
from __future__ import annotations

from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import FrequencyPrior
from .head_outputs import ObjectContext, RegionFeatures
from .relation_head import RelationHead


@MODELS.register_module()
class FrequencyHead(RelationHead):
    """Predicates by their frequency, given the two classes.

    The detector's class logits label the objects, and the frequency prior
    alone is the logits of predicates (FREQ of Zellers et al., 2018; the
    table may be trained). A Scorer sees the prior's logits as the feature of
    a relation.

    Args:
        num_classes (int): Object classes C, without background.
        num_predicates (int): Predicates R, without unknown.
        eps (float): Floor of the frequencies, see :class:`FrequencyPrior`.
            Defaults to 1e-3.
        **kwargs: Arguments of :class:`RelationHead`.
    """

    def __init__(self, *, num_classes: int, num_predicates: int,
                 eps: float = 1e-3, **kwargs) -> None:
        super().__init__(
            num_classes=num_classes,
            num_predicates=num_predicates,
            relation_channels=num_predicates + 1,
            frequency_prior=None,  # it is the feature, not added to it
            **kwargs)
        self.prior = FrequencyPrior(num_classes, num_predicates, eps)

    def load_priors(self, statistics, classes: Sequence[str]) -> None:
        super().load_priors(statistics, classes)
        self.prior.fill(statistics.frequency_prior(self.prior.eps))

    def build_classifier(self, relation_channels: int) -> nn.Module:
        """The features are the logits."""
        return nn.Identity()

    def context(self, regions: RegionFeatures,
                objects: ObjectBatch) -> ObjectContext:
        """The detector's logits and the labels they give."""
        return ObjectContext(objects.logits,
                             self.choose_labels(objects.logits, objects))

    def relate(self, context: ObjectContext, regions: RegionFeatures,
               objects: ObjectBatch) -> Tensor:
        """Logits of predicates given the classes: (P, R+1)."""
        return self.prior(*context.labels[regions.pairs].unbind(1))
