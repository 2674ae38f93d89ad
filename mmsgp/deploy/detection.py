"""Detection of a fixed number of objects, equal to that of the parser.

Shape shorthand: B images, n candidates and D detections of an image, T objects, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.models.detector_adapters.generic import logits_by_overlap

from .operators import suppress


class FixedDetector(nn.Module):
    """Heads of RTMDet, and the choice of objects of ``GenericAdapter``.

    Args:
        detector: With a ``bbox_head`` of RTMDet.
        score_thr: As the next one, see :meth:`DetectorAdapter.detect_objects`.
        iou_thr: IoU of the suppression that chooses objects.
        num_objects: T.
    """

    def __init__(
        self, detector: nn.Module, score_thr: float, iou_thr: float, num_objects: int
    ) -> None:
        super().__init__()
        self.bbox_head = detector.bbox_head
        self.cfg = detector.bbox_head.test_cfg
        self.score_thr, self.iou_thr, self.num_objects = score_thr, iou_thr, num_objects

    def forward(
        self, feature_maps: Sequence[Tensor], image_sizes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Detect objects.

        Args:
            feature_maps: Of the detector's neck.
            image_sizes: (B, 2), width and height without padding.

        Returns:
            tuple: Boxes (B, T, 4), best first, class logits (B, T, C+1), and which of them
            are objects, (B, T).
        """
        bboxes, labels, scores = self._detect(feature_maps, image_sizes)
        kept = suppress_per_class(
            bboxes, labels, scores * (scores > self.score_thr), self.iou_thr, self.cfg.max_per_img
        )
        # Detections with the same box are one object, of the best score.
        same = (bboxes[:, :, None] == bboxes[:, None]).all(dim=-1)
        better = (same & (kept > 0)[:, None]).tril(-1).any(dim=2)
        best, rows = kept.masked_fill(better, 0).topk(self.num_objects)
        chosen = take(bboxes, rows)
        # InstanceData would fix the number of images.
        found = SimpleNamespace(bboxes=bboxes, labels=labels, scores=scores)
        return chosen, logits_by_overlap(chosen, found, self.bbox_head.num_classes), best > 0

    def _detect(
        self, feature_maps: Sequence[Tensor], image_sizes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (B, D, 4), labels and scores (B, D), best first, 0 at padding."""
        head, cfg = self.bbox_head, self.cfg
        class_maps, delta_maps = head(tuple(feature_maps))
        priors = head.prior_generator.grid_priors(
            [level.shape[-2:] for level in class_maps], device=class_maps[0].device
        )
        levels = []
        for class_map, delta_map, points in zip(class_maps, delta_maps, priors):
            scores = class_map.permute(0, 2, 3, 1).sigmoid().flatten(1)
            scores, best = scores.topk(min(cfg.nms_pre, scores.shape[1]))
            where, label = best // head.num_classes, best % head.num_classes
            deltas = take(delta_map.permute(0, 2, 3, 1).flatten(1, 2), where)
            levels.append((scores, label, head.bbox_coder.decode(points[where], deltas)))
        scores, labels, bboxes = (torch.cat(values, dim=1) for values in zip(*levels))
        bboxes = bboxes.clamp(min=0).minimum(image_sizes.repeat(1, 2)[:, None])
        low, high = bboxes.chunk(2, dim=2)
        large = (high - low > cfg.min_bbox_size).all(dim=2)
        scores = scores * (large & (scores > cfg.score_thr))
        iou_thr = cfg.nms.iou_threshold
        kept = suppress_per_class(bboxes, labels, scores, iou_thr, cfg.max_per_img)
        scores, rows = kept.topk(min(cfg.max_per_img, kept.shape[1]))
        return take(bboxes, rows), labels.gather(1, rows), scores


def suppress_per_class(
    bboxes: Tensor, labels: Tensor, scores: Tensor, iou_thr: float, number: int
) -> Tensor:
    """Suppress boxes of the same class, as MMCV's ``batched_nms`` does: classes lie apart.

    Args:
        bboxes: (B, n, 4).
        labels: (B, n).
        scores: (B, n), 0 where there is no box.
        iou_thr: IoU above which the box of the lower score goes.
        number: Largest number of boxes to keep in an image.

    Returns:
        Tensor: (B, n), the scores of the kept boxes, 0 elsewhere.
    """
    largest = (bboxes * (scores > 0)[..., None]).amax(dim=(1, 2))
    offsets = labels.to(bboxes) * (largest + 1)[:, None]
    return suppress(bboxes + offsets[..., None], scores, iou_thr, number)


def take(values: Tensor, rows: Tensor) -> Tensor:
    """Take rows (B, m) of values (B, n, d): (B, m, d)."""
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[2]))
