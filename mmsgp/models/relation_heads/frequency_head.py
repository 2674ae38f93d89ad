"""The baseline that uses only the classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import FrequencyPrior
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .relation_head import RelationHead


@MODELS.register_module()
class FrequencyHead(RelationHead):
    """Predicates by their frequency, given the two classes.

    The detector's class logits label the objects, and the frequency prior
    gives the predicate logits (FREQ of Zellers et al., 2018; the
    table may be trained). A Scorer sees the prior's logits as the feature of
    a relation.

    Args:
        num_classes: Object classes C, without background.
        num_predicates: Predicates R, without unknown.
        image_channels: Channels of the last feature map.
        eps: Floor of the frequencies, see :class:`FrequencyPrior`. Defaults to
            1e-3.
        scorer: See :class:`RelationHead`, as all that follows. Defaults to
            None.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        num_predicates: int,
        image_channels: int,
        eps: float = 1e-3,
        scorer: dict | None = None,
        debiasing: dict | None = None,
        rank_by: str | None = None,
        nms_iou_thr: float = 0.3,
        pair_sampler: dict = dict(type='PairSampler'),
        self_relations: bool = False,
        loss_object: dict = dict(type='mmdet.CrossEntropyLoss'),
        loss_relation: dict = dict(type='mmdet.CrossEntropyLoss'),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            num_predicates=num_predicates,
            relation_channels=num_predicates + 1,
            image_channels=image_channels,
            frequency_prior=None,  # it is the feature, not added to it
            scorer=scorer,
            debiasing=debiasing,
            rank_by=rank_by,
            nms_iou_thr=nms_iou_thr,
            pair_sampler=pair_sampler,
            self_relations=self_relations,
            loss_object=loss_object,
            loss_relation=loss_relation,
            init_cfg=init_cfg,
        )
        self.prior = FrequencyPrior(num_classes, num_predicates, eps)

    def load_statistics(self, statistics, classes: Sequence[str]) -> None:
        """Take the frequencies of the training set."""
        super().load_statistics(statistics, classes)
        self.prior.fill(statistics.frequency_prior(self.prior.eps))

    def extract_regions(
        self, feature_maps: tuple[Tensor, ...], objects: ObjectBatch, pairs: Tensor | None = None
    ) -> RegionFeatures:
        """Pool only the images, see :class:`RelationHead`."""
        if pairs is None:
            pairs = self.candidate_pairs(objects)
        return RegionFeatures(pairs, feature_maps[-1].mean(dim=(2, 3)))

    def build_classifier(self, relation_channels: int) -> nn.Module:
        """Use the features as logits."""
        return nn.Identity()

    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Return the detector's logits."""
        return ObjectEncoding(objects.logits)

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """Look up predicate logits by class: (P, R+1)."""
        return self.prior(*context.labels[regions.pairs].unbind(1))
