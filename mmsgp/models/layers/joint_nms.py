"""Suppression of boxes over all classes at once.

Shape shorthand: B images, T objects per image, C object classes.
"""

from __future__ import annotations

from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from .graphed import GraphedFunction, pad_steps

LABELLED = -2.0  # below any suppressed probability, which is in [-1, 0]


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
    scores = probabilities.masked_fill(~valid[..., None], LABELLED)
    (scores,), (bboxes,) = pad_steps(scores, value=LABELLED), pad_steps(bboxes)
    return graphed_label_boxes(iou_thr)(scores, bboxes)[0][:, : valid.shape[1]]


def label_boxes(scores: Tensor, bboxes: Tensor, *, iou_thr: float) -> tuple[Tensor]:
    """Label all boxes, see :func:`joint_nms`.

    Args:
        scores: (B, T, C).
        bboxes: (B, T, C, 4).
        iou_thr: IoU from which boxes overlap.

    Returns:
        tuple[Tensor]: (B, T), labels.
    """
    scores, steps = scores.clone(), scores.shape[1]
    found = [label_best_box(scores, bboxes, iou_thr) for _ in range(steps)]
    boxes, labels, free = (torch.stack(values, dim=1) for values in zip(*found))  # (B, T)
    # Steps without a free box come last: their label goes nowhere.
    table = F.pad(torch.zeros_like(labels), (0, 1))
    images = torch.arange(len(table), device=table.device)[:, None]
    # Not by scatter_: where algorithms are deterministic, it may copy numbers from the CPU.
    table[images, boxes.masked_fill(~free, steps)] = labels
    return (table[:, :-1],)


@cache
def graphed_label_boxes(iou_thr: float) -> GraphedFunction:
    """:func:`label_boxes` as a graph."""
    return GraphedFunction(partial(label_boxes, iou_thr=iou_thr))


def label_best_box(scores: Tensor, bboxes: Tensor, iou_thr: float) -> tuple[Tensor, Tensor, Tensor]:
    """Label one box of each image and suppress its class in those that overlap it.

    Args:
        scores: (B, T, C), changed in place.
        bboxes: (B, T, C, 4).
        iou_thr: IoU from which boxes overlap.

    Returns:
        tuple: The box, its label, and whether it was without one, (B,) each.
    """
    images = torch.arange(len(scores), device=scores.device)
    value, best = scores.flatten(1).max(dim=1)
    box, label = best // scores.shape[2], best % scores.shape[2]
    class_boxes = bboxes[images, :, label]  # (B, T, 4)
    overlap = box_iou(bboxes[images, box, label][:, None], class_boxes)  # (B, T)
    column = scores[images, :, label]  # (B, T)
    suppressed = (overlap >= iou_thr) & (column > 0)
    scores[images, :, label] = column - suppressed.to(column)
    scores[images, box] = scores.new_full((), LABELLED)
    return box, label, value > LABELLED


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of boxes (..., 4) that broadcast.

    MMDetection's function copies a constant to the GPU, for which it waits.
    """
    low = torch.maximum(boxes[..., :2], others[..., :2])
    high = torch.minimum(boxes[..., 2:], others[..., 2:])
    common = (high - low).clamp(min=0).prod(dim=-1)
    areas = ((x[..., 2:] - x[..., :2]).prod(dim=-1) for x in (boxes, others))
    return common / (sum(areas) - common).clamp(min=1e-6)
