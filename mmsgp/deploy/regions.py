"""Pooling of objects and pairs, as relation heads do it, without steps that depend on data.

Shape shorthand: B images, N rows of objects, P pairs, K regions, D channels, L levels.
"""

from __future__ import annotations

import torch
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from torch import Tensor

from mmsgp.models.relation_heads import RelationHead
from mmsgp.models.relation_heads.head_outputs import RegionFeatures
from mmsgp.structures import ObjectBatch

from .operators import pool_regions


def pool_objects_and_pairs(
    head: RelationHead, feature_maps: tuple[Tensor, ...], objects: ObjectBatch, pairs: Tensor
) -> RegionFeatures:
    """Compute what :meth:`RegionPooling.extract_regions` does.

    Args:
        head: With a ``SingleRoIExtractor`` and ``PairFeatures``.
        feature_maps: Of B images.
        objects: N rows.
        pairs: (P, 2).
    """
    images = objects.image_ids[:, None].to(objects.bboxes)
    rois = torch.cat([images, objects.bboxes], dim=1)
    layer = head.pair_features
    subject, object_ = objects.bboxes[pairs].unbind(1)
    unions = torch.cat(
        [
            images[pairs[:, 0]],
            torch.minimum(subject[:, :2], object_[:, :2]),
            torch.maximum(subject[:, 2:], object_[:, 2:]),
        ],
        dim=1,
    )
    layout = layer.mask_encoder(
        layer.draw_masks(objects.bboxes, objects.image_ids, pairs, objects.image_sizes)
    )
    return RegionFeatures(
        pairs,
        images=feature_maps[-1].mean(dim=(2, 3)),
        objects=head.fc_head(pool(head.roi_extractor, feature_maps, rois)),
        unions=layer.fc_head(pool(layer.roi_extractor, feature_maps, unions) + layout),
    )


def pool(extractor: SingleRoIExtractor, feature_maps: tuple[Tensor, ...], rois: Tensor) -> Tensor:
    """Pool each region on all levels and take that of its size: (K, D, height, width)."""
    pooled = torch.stack(
        [
            pool_regions(level, rois, *layer.output_size, layer.spatial_scale, layer.sampling_ratio)
            for layer, level in zip(extractor.roi_layers, feature_maps)
        ],
        dim=1,
    )  # (K, L, D, height, width)
    if pooled.shape[1] == 1:
        return pooled[:, 0]
    level = extractor.map_roi_levels(rois, pooled.shape[1])
    return pooled[torch.arange(rois.shape[0], device=rois.device), level]
