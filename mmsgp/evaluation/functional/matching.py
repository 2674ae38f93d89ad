"""Matching of predicted triplets with annotated ones.

Shape shorthand: N objects, M relations, of the ground truth (``gt``) or of a
prediction (``pred``).
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.structures import SceneGraph

NO_HIT = torch.iinfo(torch.int32).max
"""Rank of a relation that no prediction hits: larger than any K, and still an
``int32``, so that ranks can be stored as such."""


def match_triplets(gt: SceneGraph,
                   pred: SceneGraph,
                   iou_thr: float = 0.5) -> Tensor:
    """Rank of the first prediction that hits each annotated relation.

    A prediction hits a relation when the subject class, the predicate and the
    object class agree and each of its two boxes has an IoU of at least
    ``iou_thr`` with its counterpart. Objects are matched by class and box,
    never by index, so one definition serves given and detected boxes.
    Several predictions may hit one relation (the first counts) and one
    prediction several relations.

    The predictions are matched as they are listed: the rank of
    ``pred.relations[i]`` is ``i``. Whether a pair may occur more than once is
    the caller's choice, see :func:`apply_graph_constraint`.

    Args:
        gt (SceneGraph): The annotated graph.
        pred (SceneGraph): The predicted graph, relations sorted best first.
        iou_thr (float): The least IoU of a matched box. Defaults to 0.5.

    Returns:
        Tensor: (M_gt,), int64, on the device of ``pred``: the 0-based rank of
        the first hit, or :data:`NO_HIT`.

    Example:
        >>> ranks = match_triplets(gt, pred)
        >>> recall_at_20 = (ranks < 20).double().mean()
    """
    device = pred.relations.pairs.device
    gt_labels = gt.relations.labels.to(device)
    gt_pairs = gt.relations.pairs.to(device).long()
    pred_pairs = pred.relations.pairs.long()

    matched = match_objects(gt.objects, pred.objects, iou_thr)
    subject_matched = matched[gt_pairs[:, 0]]  # (M_gt, N_pred)
    object_matched = matched[gt_pairs[:, 1]]  # (M_gt, N_pred)

    # Few of the predicted pairs lie on an annotated pair. Only these are
    # compared with every relation: M_gt x M_pred is never built.
    on_annotated_pair = subject_matched.float().t() @ object_matched.float()
    candidates = on_annotated_pair[pred_pairs[:, 0], pred_pairs[:, 1]]
    candidates = candidates.nonzero().squeeze(1)  # (C,), ascending ranks

    subjects, objects = pred_pairs[candidates].unbind(1)
    hits = subject_matched[:, subjects] & object_matched[:, objects]
    hits &= gt_labels[:, None] == pred.relations.labels[candidates]
    ranks = torch.where(hits, candidates, NO_HIT)  # (M_gt, C)
    # The padding is the answer where there is no candidate at all.
    return F.pad(ranks, (0, 1), value=NO_HIT).amin(dim=1)


def match_objects(gt: InstanceData,
                  pred: InstanceData,
                  iou_thr: float = 0.5) -> Tensor:
    """Which objects agree in class and box.

    Args:
        gt (InstanceData): ``bboxes`` (N_gt, 4) and ``labels`` (N_gt,).
        pred (InstanceData): ``bboxes`` (N_pred, 4) and ``labels`` (N_pred,).
        iou_thr (float): The least IoU of a matched box. Defaults to 0.5.

    Returns:
        Tensor: (N_gt, N_pred), bool, on the device of ``pred``.
    """
    device = pred.labels.device
    matched = gt.labels.to(device)[:, None] == pred.labels  # (N_gt, N_pred)
    gt_index, pred_index = matched.nonzero(as_tuple=True)
    gt_bboxes = gt.bboxes.to(device)[gt_index]
    iou = aligned_iou(gt_bboxes, pred.bboxes[pred_index])
    matched[gt_index, pred_index] = iou >= iou_thr
    return matched


def aligned_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """IoU of each box with the box in the same row, in float64.

    Coordinates are continuous (no ``+ 1``). Equal boxes have an IoU of 1 even
    when they are degenerate, so that a given box always matches itself; any
    other two boxes without area have an IoU of 0.

    Args:
        boxes1 (Tensor): (n, 4), ``x1, y1, x2, y2``.
        boxes2 (Tensor): (n, 4), the same.

    Returns:
        Tensor: (n,), float64.
    """
    boxes1, boxes2 = boxes1.double(), boxes2.double()
    top_left = torch.maximum(boxes1[:, :2], boxes2[:, :2])
    bottom_right = torch.minimum(boxes1[:, 2:], boxes2[:, 2:])
    overlap = torch.cat([top_left, bottom_right], dim=1)
    boxes = torch.stack([boxes1, boxes2, overlap])  # (3, n, 4)
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    area1, area2, intersection = sides.prod(dim=2)
    union = area1 + area2 - intersection
    # Nothing divided by next to nothing is 0, not NaN.
    iou = intersection / union.clamp(min=torch.finfo(torch.float64).tiny)
    return iou.masked_fill((boxes1 == boxes2).all(dim=1), 1.)


def apply_graph_constraint(pred: SceneGraph) -> SceneGraph:
    """Keep the best prediction of each ordered pair of objects.

    Args:
        pred (SceneGraph): A predicted graph, relations sorted best first.

    Returns:
        SceneGraph: One relation a pair, in the given order; ``pred`` itself
        when it has no pair twice.
    """
    pairs = pred.relations.pairs.long()
    pair_ids = pairs[:, 0] * pred.num_objects + pairs[:, 1]  # (M,)
    rank = torch.arange(len(pair_ids), device=pairs.device)
    best_rank = rank.new_full((pred.num_objects**2, ), NO_HIT)
    best_rank.scatter_reduce_(0, pair_ids, rank, reduce='amin')
    is_best = best_rank[pair_ids] == rank  # (M,)
    if is_best.all():
        return pred
    return SceneGraph(
        metainfo=pred.metainfo,
        objects=pred.objects,
        relations=pred.relations[is_best])
