"""What the parser asks of a two-stage detector.

Shape shorthand: B images, N boxes of a batch, C object classes, K proposals
of an image.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmcv.ops import batched_nms
from mmdet.models.detectors import TwoStageDetector
from mmdet.structures.bbox import bbox2roi
from torch import Tensor

from mmsgp.structures import ObjectBatch, SceneGraphDataSample


def classify_boxes(detector: TwoStageDetector, feature_maps: tuple[Tensor],
                   bboxes: list[Tensor]) -> Tensor:
    """Class logits of given boxes.

    Args:
        detector: A trained detector.
        feature_maps: Its feature maps of B images.
        bboxes: Boxes of each image, (N_i, 4), in pixels of its input.

    Returns:
        Tensor: (N, C+1), background last.
    """
    results = detector.roi_head._bbox_forward(feature_maps, bbox2roi(bboxes))
    return results['cls_score']


def detect_objects(detector: TwoStageDetector,
                   feature_maps: tuple[Tensor],
                   data_samples: list[SceneGraphDataSample],
                   score_thr: float = 0.01,
                   iou_thr: float = 0.3,
                   max_per_image: int = 64) -> ObjectBatch:
    """Detect the objects whose relations are asked for.

    Suppression is per class; a box then stays once, with its best remaining
    class, and keeps the boxes regressed for the other classes (reference
    implementation of Neural Motifs).

    Args:
        detector: A trained detector.
        feature_maps: Its feature maps of B images.
        data_samples: Their meta information.
        score_thr: Least probability of a box's class. Defaults to 0.01.
        iou_thr: IoU of the suppression. Defaults to 0.3.
        max_per_image: Most boxes of an image. Defaults to 64.

    Returns:
        ObjectBatch: With ``class_bboxes``.
    """
    proposals = detector.rpn_head.predict(
        feature_maps, data_samples, rescale=False)
    rois = bbox2roi([p.bboxes for p in proposals])
    results = detector.roi_head._bbox_forward(feature_maps, rois)
    # Half precision cannot tell the shifted boxes of the suppression apart.
    rois, all_logits, deltas = (
        x.float()
        for x in (rois, results['cls_score'], results['bbox_pred']))
    sizes = [len(p.bboxes) for p in proposals]
    bboxes, logits, class_bboxes = [], [], []
    for roi, score, delta, sample in zip(
            rois.split(sizes), all_logits.split(sizes), deltas.split(sizes),
            data_samples):
        decoded = _decode(detector.roi_head.bbox_head, roi[:, 1:], delta,
                          sample.img_shape)  # (K, C, 4)
        kept, label = _select(
            F.softmax(score, dim=1)[:, :-1], decoded, score_thr, iou_thr,
            max_per_image)
        bboxes.append(decoded[kept, label])
        logits.append(score[kept])
        class_bboxes.append(decoded[kept])
    return ObjectBatch.from_list(
        bboxes, torch.cat(logits), class_bboxes=torch.cat(class_bboxes))


def _decode(bbox_head, rois: Tensor, deltas: Tensor,
            img_shape: tuple[int, int]) -> Tensor:
    """Boxes regressed for every class: (K, C, 4)."""
    classes = bbox_head.num_classes
    if bbox_head.reg_class_agnostic:
        decoded = bbox_head.bbox_coder.decode(
            rois, deltas, max_shape=img_shape)
        return decoded[:, None].expand(-1, classes, 4)
    return bbox_head.bbox_coder.decode(
        rois.repeat_interleave(classes, dim=0),
        deltas.reshape(-1, 4),
        max_shape=img_shape).view(-1, classes, 4)


def _select(scores: Tensor, bboxes: Tensor, score_thr: float, iou_thr: float,
            max_per_image: int) -> tuple[Tensor, Tensor]:
    """Suppress per class, then keep the best class of each box.

    Args:
        scores: (K, C), without background.
        bboxes: (K, C, 4).

    Returns:
        tuple[Tensor, Tensor]: Indices of the kept boxes, best first, and
        their classes.
    """
    box, label = (scores > score_thr).nonzero(as_tuple=True)
    if len(box) == 0:  # which MMCV's suppression does not take
        return box, label
    _, kept = batched_nms(bboxes[box, label], scores[box, label], label,
                          dict(type='nms', iou_threshold=iou_thr))
    survived = torch.zeros_like(scores)
    survived[box[kept], label[kept]] = scores[box[kept], label[kept]]
    best, best_label = survived.max(dim=1)
    best, order = best.sort(descending=True, stable=True)
    order = order[best > 0][:max_per_image]
    return order, best_label[order]
