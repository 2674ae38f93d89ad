"""A parser of a fixed number of objects, without loops, for export.

It runs the layers of a trained parser on rows that may be padding, and masks where objects
or relations see each other.

Shape shorthand: B images, T objects of an image, P = T * (T - 1) pairs, C object classes, R
predicates.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from mmsgp.models import SceneGraphParser
from mmsgp.models.relation_heads.head_outputs import ObjectContext, RegionFeatures
from mmsgp.models.scorers.scorer import RelationFC, Scorer
from mmsgp.models.task_modules.pair_proposals import overlapping
from mmsgp.structures import ObjectBatch
from mmsgp.structures.ranking import relation_scores

from .detection import FixedDetector
from .operators import label_jointly
from .regions import pool_objects_and_pairs

HIDDEN = -1e9  # as a logit: a probability of zero, and no NaN where all are hidden


class FixedRelations(nn.Module):
    """The relation head on given feature maps and boxes; the task is SGCls.

    Args:
        parser: A trained parser.
        num_objects: T.
    """

    output_names = ('labels', 'object_scores', 'pairs', 'predicates', 'scores', 'predicate_scores')

    def __init__(self, parser: SceneGraphParser, num_objects: int) -> None:
        super().__init__()
        self.relation_head = parser.relation_head
        self.pairs_overlap = parser.pairs_overlap
        rows = torch.arange(num_objects)
        different = rows[:, None] != rows
        self.register_buffer('pair_slots', different.nonzero(), persistent=False)  # (P, 2)
        if self.relation_head.scorer is not None:
            self.output_names = (*self.output_names, 'significance')

    def forward(
        self,
        feature_maps: Sequence[Tensor],
        bboxes: Tensor,
        logits: Tensor,
        valid: Tensor,
        image_sizes: Tensor,
    ) -> tuple[Tensor, ...]:
        """Relate objects.

        Args:
            feature_maps: (B, D, H, W) each.
            bboxes: (B, T, 4), in pixels of the network's input.
            logits: (B, T, C+1), the detector's class logits, background last.
            valid: (B, T) bool, the rows that are objects.
            image_sizes: (B, 2), width and height without padding.

        Returns:
            tuple: ``labels`` and ``object_scores`` (B, T); of relations, best first,
            ``pairs`` (B, P, 2), ``predicates``, ``scores``, which are -1 where there is no
            relation, ``predicate_scores`` and, with a Scorer, ``significance``, (B, P) each.
        """
        return self.relate(feature_maps, bboxes, logits, valid, image_sizes, detected=False)

    def relate(
        self,
        feature_maps: Sequence[Tensor],
        bboxes: Tensor,
        logits: Tensor,
        valid: Tensor,
        image_sizes: Tensor,
        detected: bool,
    ) -> tuple[Tensor, ...]:
        """Run the head; ``detected`` objects are labelled and paired as in SGGen."""
        head, slots = self.relation_head, valid.shape[1]
        images = torch.arange(bboxes.shape[0], device=bboxes.device)
        objects = ObjectBatch(
            bboxes=bboxes.flatten(0, 1),
            image_ids=images[:, None].expand(-1, slots).flatten(),
            sizes=(),
            logits=logits.flatten(0, 1),
            image_sizes=image_sizes,
            valid=valid,
        )
        pairs = (self.pair_slots + images[:, None, None] * slots).flatten(0, 1)  # (B * P, 2)
        regions = self._regions(tuple(feature_maps), objects, pairs)
        encoding = head.encode_objects(regions, objects)
        probabilities = encoding.logits.softmax(dim=1)
        labels = encoding.logits[:, :-1].argmax(dim=1)
        related = valid[:, self.pair_slots].all(dim=2)  # (B, P)
        if detected:
            overlap = (bbox_overlaps(bboxes, bboxes) >= head.nms_iou_thr).to(bboxes)
            likely = probabilities[:, :-1].unflatten(0, (-1, slots))
            labels = label_jointly(likely, overlap, valid).flatten()
            if self.pairs_overlap:
                overlaps = overlapping(objects.bboxes, pairs)
                related = related & overlaps.unflatten(0, (-1, len(self.pair_slots)))
        context = ObjectContext(labels=labels, **encoding._asdict())
        context = head.encode_edges(context, objects)
        features = head.relation_features(context, regions, objects)
        relation_logits = head.predicate_logits(features, labels[pairs])
        significance = None
        if head.scorer is not None:
            embedded = head.scorer.embed(features, relation_logits.softmax(dim=1))
            significance = score(head.scorer, embedded, regions.images, related)
        if head.debiasing is not None:
            relation_logits = head.debiasing.adjust(
                relation_logits, head, context, regions, objects
            )
        object_scores = probabilities.gather(1, labels[:, None])[:, 0]
        ranked = self._rank(object_scores, relation_logits, significance, pairs, related)
        shape = (-1, slots)
        return labels.unflatten(0, shape), object_scores.unflatten(0, shape) * valid, *ranked

    def _regions(
        self, feature_maps: tuple[Tensor, ...], objects: ObjectBatch, pairs: Tensor
    ) -> RegionFeatures:
        head = self.relation_head
        if head.roi_extractor is None:
            return head.extract_regions(feature_maps, objects, pairs)
        return pool_objects_and_pairs(head, feature_maps, objects, pairs)

    def _rank(
        self,
        object_scores: Tensor,
        relation_logits: Tensor,
        significance: Tensor | None,
        pairs: Tensor,
        related: Tensor,
    ) -> tuple[Tensor, ...]:
        """Sort the relations of each image, see :func:`rank_relations`."""
        probabilities, predicates = relation_logits.softmax(dim=1)[:, 1:].max(dim=1)
        probabilities, predicates = (
            values.unflatten(0, (-1, len(self.pair_slots)))
            for values in (probabilities, predicates)
        )
        if significance is not None:
            significance = significance.double().sigmoid()
        subjects, objects = object_scores.double()[pairs].unflatten(0, related.shape).unbind(2)
        scores = relation_scores(
            self.relation_head.rank_by, subjects * objects, probabilities.double(), significance
        )
        scores, order = scores.masked_fill(~related, -1).topk(len(self.pair_slots))
        outputs = [
            self.pair_slots[order],
            predicates.gather(1, order) + 1,
            scores.float(),
            probabilities.gather(1, order),
        ]
        if significance is not None:
            outputs.append(significance.gather(1, order).float())
        return tuple(outputs)


class FixedParser(FixedRelations):
    """From images to graphs; the task is SGGen.

    Args:
        parser: A trained parser over a detector that :class:`FixedDetector` knows.
        num_objects: T.
    """

    def __init__(self, parser: SceneGraphParser, num_objects: int) -> None:
        super().__init__(parser, num_objects)
        self.detector = parser.detector
        cfg = parser.detection_cfg
        self.objects = FixedDetector(parser.detector, cfg['score_thr'], cfg['iou_thr'], num_objects)
        self.output_names = ('bboxes', 'valid', *self.output_names)

    def forward(self, images: Tensor, image_sizes: Tensor) -> tuple[Tensor, ...]:
        """Parse images.

        Args:
            images: (B, 3, H, W), normalised and padded.
            image_sizes: (B, 2), width and height without padding.

        Returns:
            tuple: ``bboxes`` (B, T, 4) in pixels of the input and ``valid`` (B, T), then
            as of :class:`FixedRelations`.
        """
        feature_maps = self.detector.extract_feat(images)
        bboxes, logits, valid = self.objects(feature_maps, image_sizes)
        graph = self.relate(feature_maps, bboxes, logits, valid, image_sizes, detected=True)
        return bboxes * valid[..., None], valid, *graph


def score(scorer: Scorer, embedded: Tensor, images: Tensor, related: Tensor) -> Tensor:
    """Score relations, as :class:`Scorer` does, on rows that may be padding.

    Args:
        scorer: The Scorer.
        embedded: (B * P, hidden_channels).
        images: (B, I), features of the images.
        related: (B, P) bool, the rows that are relations.

    Returns:
        Tensor: (B, P), significance before the sigmoid.
    """
    hidden, context = embedded.unflatten(0, related.shape), scorer.context
    if isinstance(context, RelationFC):
        attended = _map_with_image(context.fc, hidden, images)
    else:
        query, key, value = (
            _map_with_image(fc, hidden, images)[:, None]
            for fc in (context.query, context.key, context.value)
        )
        mask = torch.where(related, 0.0, HIDDEN)[:, None, None]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
        attended = attended[:, 0]
    return scorer.fc_score(attended).squeeze(2)


def _map_with_image(fc: nn.Linear, hidden: Tensor, images: Tensor) -> Tensor:
    """Return ``ReLU(FC([hidden, image]))``, the image's share once for all of its relations.

    Args:
        fc: The layer.
        hidden: (B, P, hidden_channels).
        images: (B, I).
    """
    weight, image_weight = fc.weight.split([hidden.shape[2], images.shape[1]], dim=1)
    return (F.linear(hidden, weight) + F.linear(images, image_weight, fc.bias)[:, None]).relu()
