"""What the parser asks of a detector.

Shape shorthand: B images, N boxes of a batch, C object classes, K boxes of an
image.
"""
from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from inspect import signature
from numbers import Integral, Real

import torch
import torch.nn as nn
from mmcv.ops import batched_nms
from mmdet.models.dense_heads import RPNHead
from mmdet.models.detectors import BaseDetector
from torch import Tensor

from mmsgp.registry import TASK_UTILS
from mmsgp.structures import ObjectBatch, SceneGraphDataSample


class ObjectDetector(metaclass=ABCMeta):
    """A detector of MMDetection as the parser sees it.

    Feature maps come from the detector's ``extract_feat``. From them a
    subclass tells what given boxes show, and which objects there are. It has
    no weights of its own. A detector of another kind is made fit by a subclass
    that ``TASK_UTILS`` registers and ``SceneGraphParser(object_detector=...)``
    names.

    Args:
        detector (BaseDetector): The detector.
    """

    def __init__(self, detector: BaseDetector) -> None:
        self.detector = detector

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """C, without background."""

    @property
    def fc_head(self) -> nn.Module | None:
        """Layers fc6 and fc7 that a relation head may start from, if any."""
        return None

    @abstractmethod
    def classify_boxes(self, feature_maps: tuple[Tensor, ...],
                       bboxes: list[Tensor],
                       data_samples: Sequence[SceneGraphDataSample]) -> Tensor:
        """Class logits of given boxes.

        Args:
            feature_maps (tuple[Tensor]): Of B images.
            bboxes (list[Tensor]): Boxes of each image, (N_i, 4), in pixels of
                its input.
            data_samples (Sequence[SceneGraphDataSample]): Meta information.

        Returns:
            Tensor: (N, C+1), background last.
        """

    @abstractmethod
    def detect_objects(self, feature_maps: tuple[Tensor, ...],
                       data_samples: Sequence[SceneGraphDataSample],
                       score_thr: float, iou_thr: float,
                       max_per_image: int) -> ObjectBatch:
        """Detect the objects whose relations are asked for.

        Args:
            feature_maps (tuple[Tensor]): Of B images.
            data_samples (Sequence[SceneGraphDataSample]): Meta information.
            score_thr (float): Least probability of a box's class.
            iou_thr (float): IoU of the suppression within a class.
            max_per_image (int): Most boxes of an image.

        Returns:
            ObjectBatch: With ``class_bboxes``, the best box first.
        """


def build_object_detector(detector: BaseDetector,
                          cfg: dict | None = None) -> ObjectDetector:
    """The parser's view of a detector.

    Args:
        detector (BaseDetector): The detector.
        cfg (dict, optional): Config of an :class:`ObjectDetector`. Defaults to
            None: ``TwoStageObjects`` where a region proposal network feeds
            plain box heads, ``BoxesAndLabels`` for any other.

    Raises:
        ValueError: If the detector finds no boxes of its own.
    """
    if cfg is None:
        if hasattr(detector, 'roi_head') and not hasattr(detector, 'rpn_head'):
            raise ValueError(
                f'a {type(detector).__name__} without rpn_head classifies '
                'proposals that others made: take a detector that finds its own, '
                'e.g. a FasterRCNN, or name an ObjectDetector of your own in '
                'model.object_detector')
        plain = isinstance(getattr(detector, 'rpn_head', None), RPNHead) and \
            _has_plain_box_heads(getattr(detector, 'roi_head', None))
        cfg = dict(type='TwoStageObjects' if plain else 'BoxesAndLabels')
    return TASK_UTILS.build({**cfg, 'detector': detector})


def _has_plain_box_heads(roi_head: nn.Module | None) -> bool:
    """Whether maps and boxes alone give C+1 logits and the usual deltas."""
    heads = box_heads(roi_head)
    if not heads or not set(signature(roi_head._bbox_forward).parameters) <= {
            'stage', 'x', 'rois'}:
        return False
    return all(
        getattr(getattr(head, 'fc_cls', None), 'out_features', None) ==
        head.num_classes + 1 and
        getattr(getattr(head, 'fc_reg', None), 'out_features', None) in
        (4, 4 * head.num_classes) for head in heads)


def box_heads(owner: nn.Module | None) -> list[nn.Module]:
    """The ``bbox_head`` of a detector or RoI head, or those of its stages."""
    head = getattr(owner, 'bbox_head', None)
    if head is None:
        return []
    return list(head) if isinstance(head, nn.ModuleList) else [head]


def check_thresholds(score_thr: float, iou_thr: float,
                     max_per_image: int) -> None:
    """Refuse arguments of :meth:`ObjectDetector.detect_objects` in words.

    Raises:
        ValueError: If a threshold is none of a probability or an IoU, or the
            most boxes are no number of boxes.
    """
    for name, value in (('score_thr', score_thr), ('iou_thr', iou_thr)):
        if not isinstance(value, Real) or not 0 <= value <= 1:
            raise ValueError(
                f'detection: {name} must be a number from 0 to 1, got {value!r}')
    if not isinstance(max_per_image, Integral) or max_per_image < 0:
        raise ValueError('detection: max_per_image must be a whole number of at '
                         f'least 0, got {max_per_image!r}')


def select_objects(scores: Tensor, bboxes: Tensor, score_thr: float,
                   iou_thr: float,
                   max_per_image: int) -> tuple[Tensor, Tensor]:
    """Suppress within each class, then keep the best class of each box.

    So does the reference implementation of Neural Motifs.

    Args:
        scores (Tensor): (K, C), without background.
        bboxes (Tensor): (K, C, 4), the box of each class.
        score_thr (float): Least score of a box's class.
        iou_thr (float): IoU above which a box of the same class goes.
        max_per_image (int): Most boxes to keep.

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
