"""Suppression of boxes over all classes at once.

Shape shorthand: B images, T objects per image, C object classes.
"""

from __future__ import annotations

import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor


def joint_nms(probabilities: Tensor, bboxes: Tensor, valid: Tensor, iou_thr: float = 0.3) -> Tensor:
    """Label boxes, best first, suppressing a class where it was just found.

    Repeatedly, the highest probability over all classes and all boxes without a
    label labels its box; the class is then suppressed in every box that
    overlaps it (the decoder of Neural Motifs). A box gets a suppressed class
    only if all its classes are suppressed.

    Args:
        probabilities: (B, T, C), without background.
        bboxes: (B, T, C, 4), the box of each class.
        valid: (B, T), bool, False at padding.
        iou_thr: IoU from which boxes overlap. Defaults to 0.3.

    Returns:
        Tensor: (B, T), labels.
    """
    batch, steps, num_classes = probabilities.shape
    labelled = -2.0  # below any suppressed probability, which is in [-1, 0]
    scores = probabilities.masked_fill(~valid[..., None], labelled)
    labels = valid.new_zeros((batch, steps), dtype=torch.long)
    images = torch.arange(batch, device=scores.device)
    for _ in range(steps):
        best = scores.flatten(1).argmax(dim=1)  # (B,)
        box, label = best // num_classes, best % num_classes
        still_free = scores[images, box, label] > labelled
        labels[images, box] = torch.where(still_free, label, labels[images, box])
        class_boxes = bboxes[images, :, label]  # (B, T, 4)
        overlap = (
            bbox_overlaps(class_boxes[images, box, None], class_boxes)[:, 0] >= iou_thr
        )  # (B, T)
        column = scores[images, :, label]  # (B, T)
        column = torch.where(overlap & (column > 0), column - 1, column)
        scores[images, :, label] = column
        scores[images, box] = labelled
    return labels
