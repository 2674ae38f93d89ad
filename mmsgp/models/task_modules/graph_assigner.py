"""Transfer annotations to detected boxes.

Shape shorthand: N detected boxes, G annotated objects, M annotated relations.
"""

from __future__ import annotations

import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.registry import TASK_UTILS
from mmsgp.structures import SceneGraph


@TASK_UTILS.register_module()
class GraphAssigner:
    """Transfers annotations to detected boxes, to fine-tune for SGGen.

    A box gets the class of the annotated object that it overlaps most, or is
    background if that IoU is below ``iou_thr``. A pair gets the predicate of a
    relation if both boxes match the relation's objects: same class, IoU of at
    least ``iou_thr``. Of several relations it gets the one with the largest
    product of the two IoUs. No box is paired with itself.

    Args:
        iou_thr: Least IoU of a match. Defaults to 0.5.
    """

    def __init__(self, iou_thr: float = 0.5) -> None:
        self.iou_thr = iou_thr

    def __call__(self, bboxes: Tensor, annotated: SceneGraph, num_classes: int) -> SceneGraph:
        """Annotate boxes.

        Args:
            bboxes: (N, 4), detected, in the pixels of ``annotated``.
            annotated: With G objects and M relations.
            num_classes: C, also the label of background.

        Returns:
            SceneGraph: The N boxes with their ``labels`` in ``0 .. C``, and
            the ``pairs`` and ``labels`` of the relations between them.
        """
        overlap = bbox_overlaps(bboxes, annotated.objects.bboxes)  # (N, G)
        labels = torch.full((len(bboxes),), num_classes, device=bboxes.device)
        if annotated.num_objects:
            best, which = overlap.max(dim=1)
            labels = torch.where(best >= self.iou_thr, annotated.objects.labels[which], labels)
        fits = (overlap >= self.iou_thr) & (labels[:, None] == annotated.objects.labels)  # (N, G)
        pairs, predicates = _relate(torch.where(fits, overlap, 0), annotated.relations)
        return SceneGraph(
            objects=InstanceData(bboxes=bboxes, labels=labels),
            relations=InstanceData(pairs=pairs, labels=predicates),
        )


def _relate(fit: Tensor, relations: InstanceData) -> tuple[Tensor, Tensor]:
    """Pairs (P, 2) and their predicates, from the IoUs of matches (N, G)."""
    if not len(relations.labels):
        return relations.pairs, relations.labels
    subjects, objects = fit[:, relations.pairs].unbind(2)  # (N, M)
    strength, which = (subjects[:, None] * objects).max(dim=2)  # (N, N)
    pairs = strength.fill_diagonal_(0).nonzero()
    return pairs, relations.labels[which[pairs[:, 0], pairs[:, 1]]]
