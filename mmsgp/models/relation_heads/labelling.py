"""Label objects, as the task needs it.

Shape shorthand: N objects of a batch, C object classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmsgp.structures import ObjectBatch

from ..layers import ObjectSequences, joint_nms
from .head_outputs import ObjectContext, ObjectEncoding


def label_objects(
    encoding: ObjectEncoding, objects: ObjectBatch, nms_iou_thr: float
) -> ObjectContext:
    """Label the objects as the task needs it.

    * PredCls: the given labels; logits are the detector's.
    * Training: the annotated labels where they are not background.
    * SGGen: labels of :func:`joint_nms`.
    * All other objects: the best class.

    Args:
        encoding: Logits (N, C+1) of a base model.
        objects: Boxes and, depending on the task, labels.
        nms_iou_thr: IoU from which detected boxes overlap.

    Returns:
        ObjectContext: The encoding with its labels (N,).
    """
    if objects.is_labelled:
        given = encoding._replace(logits=objects.logits)
        return _with_labels(given, objects.labels)
    logits = encoding.logits
    if objects.class_bboxes is not None and objects.targets is None:
        labels = _suppress(logits.softmax(dim=1)[:, :-1], objects, nms_iou_thr)
    else:
        taught = objects.known_labels
        labels = torch.where(taught < logits.shape[1] - 1, taught, logits[:, :-1].argmax(dim=1))
    return _with_labels(encoding, labels)


def _with_labels(encoding: ObjectEncoding, labels: Tensor) -> ObjectContext:
    return ObjectContext(labels=labels, **encoding._asdict())


def _suppress(probabilities: Tensor, objects: ObjectBatch, iou_thr: float) -> Tensor:
    """Choose labels (N,) by joint suppression over all classes per image."""
    sequences = ObjectSequences(objects.image_ids, objects.sizes)
    return sequences.unpad(
        joint_nms(
            sequences.pad(probabilities),
            sequences.pad(objects.class_bboxes),
            sequences.valid,
            iou_thr,
        )
    )
