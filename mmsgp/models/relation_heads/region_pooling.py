"""Choosing and pooling of pairs, before the steps of a relation head.

Shape shorthand: B images, N objects of a batch, P pairs, d_o features of an
object.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn as nn
from mmdet.structures.bbox import bbox2roi
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.registry import MODELS, TASK_UTILS
from mmsgp.structures import ObjectBatch

from ..layers import full_precision
from ..task_modules import all_pairs, label_pairs, overlapping
from .head_outputs import RegionFeatures


class RegionPooling(BaseModule):
    """Chooses pairs of objects, and pools objects and pairs.

    Args:
        roi_extractor: RoI extractor of the objects.
        fc_head: Head that embeds the pooled objects to d_o.
        pair_features: Config of the features of pairs. A subclass that
            overrides :meth:`extract_regions` does without these three.
        pair_sampler: Config of the sampler of training pairs.
        self_relations: Whether annotated relations of an object with itself are
            trained on.
        init_cfg: Defaults to None.

    Attributes:
        pairs_per_chunk: Without gradients, number of pairs that are pooled and
            classified at a time, so that memory does not grow with the square of
            the number of objects: features of pairs are the largest tensors. Only
            for base models that treat each pair alone. Defaults to None: all
            pairs.
    """

    pairs_per_chunk: int | None = None

    def __init__(
        self,
        roi_extractor: dict | None,
        fc_head: dict | None,
        pair_features: dict | None,
        pair_sampler: dict,
        self_relations: bool,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.roi_extractor = build_or_none(roi_extractor)
        self.fc_head = build_or_none(fc_head)
        self.pair_features = build_or_none(pair_features)
        self.pair_sampler = TASK_UTILS.build(pair_sampler)
        self.self_relations = self_relations

    def init_from_detector(self, source: nn.Module) -> None:
        """Copy the detector's head to the heads of objects and pairs.

        Args:
            source: The detector's head. A head of another size keeps its own
                initialisation.
        """
        weights = source.state_dict()
        shapes = {key: value.shape for key, value in weights.items()}
        for head in (self.fc_head, getattr(self.pair_features, 'fc_head', None)):
            own = {} if head is None else head.state_dict()
            if own and {key: value.shape for key, value in own.items()} == shapes:
                head.load_state_dict(weights)

    def extract_regions(
        self, feature_maps: tuple[Tensor, ...], objects: ObjectBatch, pairs: Tensor | None = None
    ) -> RegionFeatures:
        """Pool objects and pairs.

        Args:
            feature_maps: Of B images.
            objects: N objects.
            pairs: (P, 2). Defaults to all candidates.

        Returns:
            RegionFeatures: With ``pool_unions`` instead of ``unions`` if the pairs
            are too many to be classified at once.
        """
        if pairs is None:
            pairs = self.candidate_pairs(objects)
        rois = bbox2roi(list(objects.bboxes.split(objects.sizes)))
        pooled = self.roi_extractor(feature_maps[: self.roi_extractor.num_inputs], rois)
        regions = RegionFeatures(
            pairs,
            images=feature_maps[-1].mean(dim=(2, 3)),
            objects=full_precision(self.fc_head(pooled)),
            pool_unions=self._union_pooling(feature_maps, objects),
        )
        return regions if self.in_parts and len(pairs) > self.pairs_per_chunk else regions.pooled()

    @property
    def in_parts(self) -> bool:
        """Whether pairs are pooled and classified some at a time.

        In training batch normalisation needs all pairs at once.
        """
        return bool(self.pairs_per_chunk) and not (self.training or torch.is_grad_enabled())

    def _union_pooling(
        self, feature_maps: tuple[Tensor, ...], objects: ObjectBatch
    ) -> Callable[[Tensor], Tensor]:
        """Return a function that pools pairs in the precision that now holds."""
        device = objects.bboxes.device.type
        precision = dict(
            device_type=device,
            dtype=torch.get_autocast_dtype(device),
            enabled=torch.is_autocast_enabled(device),
        )

        def pool(pairs: Tensor) -> Tensor:
            with torch.autocast(**precision):
                unions = self.pair_features(
                    feature_maps, objects.bboxes, objects.image_ids, pairs, objects.image_sizes
                )
            return full_precision(unions)

        return pool

    @staticmethod
    def candidate_pairs(objects: ObjectBatch) -> Tensor:
        """List all pairs of boxes; of detected ones the overlapping, unless all are wanted."""
        # On the CPU, because a GPU would be waited for: it alone knew their number.
        image_ids = torch.arange(objects.num_images).repeat_interleave(
            torch.tensor(objects.sizes, dtype=torch.long)
        )
        pairs = all_pairs(image_ids).to(objects.bboxes.device, non_blocking=True)
        if objects.class_bboxes is not None and objects.pairs_overlap:
            pairs = pairs[overlapping(objects.bboxes, pairs)]
        return pairs

    def sample_pairs(
        self, objects: ObjectBatch, relations: list[InstanceData]
    ) -> tuple[Tensor, Tensor]:
        """Choose the pairs to train on.

        Args:
            objects: The objects.
            relations: Annotated ``pairs`` of these objects and their
                ``labels``, image by image, no pair twice; those with the label -1
                are left out, neither annotated nor unknown.

        Returns:
            tuple[Tensor, Tensor]: Pairs (P, 2) and their predicates (P,), 0
            is unknown.
        """
        start, annotated = 0, []
        for relation, size in zip(relations, objects.sizes):
            annotated.append(relation.pairs + start)
            start += size
        annotated = torch.cat(annotated)
        pairs = self.candidate_pairs(objects)
        if self.self_relations:
            own = annotated[:, 0] == annotated[:, 1]
            pairs = torch.cat([pairs, annotated[own]])
        labels = label_pairs(pairs, annotated, torch.cat([r.labels for r in relations]), start)
        sampled = self.pair_sampler(objects.image_ids[pairs[:, 0]], labels, objects.num_images)
        return pairs[sampled], labels[sampled]


def build_or_none(cfg: dict | None, **sizes: int) -> nn.Module | None:
    """Build a component with the sizes of its head, or return None."""
    return None if cfg is None else MODELS.build({**cfg, **sizes})
