"""The base of heads that look at objects and pairs."""
from __future__ import annotations

import torch.nn as nn
from mmdet.structures.bbox import bbox2roi
from torch import Tensor

from mmsgp.structures import ObjectBatch

from ..layers import full_precision
from .head_outputs import RegionFeatures
from .relation_head import RelationHead


class VisualRelationHead(RelationHead):
    """A relation head that looks at objects and at the unions of pairs.

    Args:
        roi_extractor (dict): RoI extractor of the objects.
        fc_head (dict): Head that embeds the pooled objects to d_o.
        pair_features (dict): Config of the features of pairs.
        **kwargs: Arguments of :class:`RelationHead`.
    """

    def __init__(self, *, roi_extractor: dict, fc_head: dict,
                 pair_features: dict, **kwargs) -> None:
        super().__init__(
            image_channels=roi_extractor['out_channels'],
            extractors=dict(
                roi_extractor=roi_extractor,
                fc_head=fc_head,
                pair_features=pair_features),
            **kwargs)

    def copy_fc_heads(self, source: nn.Module) -> None:
        """Start the heads of objects and pairs as a copy of the detector's.

        Args:
            source (nn.Module): The detector's head; where sizes differ, a
                head keeps its own initialisation.
        """
        weights = source.state_dict()
        for head in (self.fc_head, self.pair_features.fc_head):
            own = head.state_dict()
            if {k: v.shape for k, v in own.items()
                } == {k: v.shape for k, v in weights.items()}:
                head.load_state_dict(weights)

    def extract_regions(self,
                        feature_maps: tuple[Tensor, ...],
                        objects: ObjectBatch,
                        pairs: Tensor | None = None) -> RegionFeatures:
        """Pool images, objects and pairs, see :class:`RelationHead`."""
        regions = super().extract_regions(feature_maps, objects, pairs)
        rois = bbox2roi(list(objects.bboxes.split(objects.sizes)))
        pooled = self.roi_extractor(
            feature_maps[:self.roi_extractor.num_inputs], rois)
        return regions._replace(
            objects=full_precision(self.fc_head(pooled)),
            unions=full_precision(
                self.pair_features(feature_maps, objects.bboxes,
                                   objects.image_ids, regions.pairs)))
