"""The interface between a detector and the parser.

Shape shorthand: B images, N boxes of a batch, C object classes, K boxes of an
image.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from numbers import Integral, Real
from typing import NamedTuple

import torch
import torch.nn as nn
from mmcv.ops import batched_nms
from mmdet.models.detectors import BaseDetector
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.structures import ObjectBatch, SceneGraphDataSample


class PreparedBatch(NamedTuple):
    """Images of a batch, as the methods of an adapter take them.

    Attributes:
        feature_maps: Of B images.
        data_samples: Meta information.
        detections: Detections of each image, if :meth:`prepare` makes them.
            Defaults to None.
    """

    feature_maps: tuple[Tensor, ...]
    data_samples: Sequence[SceneGraphDataSample]
    detections: list[InstanceData] | None = None


class DetectorAdapter(metaclass=ABCMeta):
    """Interface of a detector of MMDetection for the parser.

    Feature maps come from the detector's ``extract_feat``. :meth:`prepare` runs
    once per batch; from its result a subclass classifies given boxes and
    detects objects. An adapter has no weights of its own. To support another
    kind of detector, register a subclass in ``TASK_UTILS`` and name it in
    ``SceneGraphParser(detector_adapter=...)``.

    Args:
        detector: The detector.
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

    @classmethod
    def fits(cls, detector: BaseDetector) -> bool:
        """Whether the detector has the parts that this adapter needs."""
        return True

    def prepare(
        self, feature_maps: tuple[Tensor, ...], data_samples: Sequence[SceneGraphDataSample]
    ) -> PreparedBatch:
        """Compute what several tasks share, once per batch.

        Args:
            feature_maps: Of B images.
            data_samples: Meta information.

        Returns:
            PreparedBatch: Argument of the other methods.
        """
        return PreparedBatch(feature_maps, data_samples)

    @abstractmethod
    def classify_boxes(self, batch: PreparedBatch, bboxes: list[Tensor]) -> Tensor:
        """Compute class logits of given boxes.

        Args:
            batch: Result of :meth:`prepare`.
            bboxes: Boxes of each image, (N_i, 4), in pixels of its input.

        Returns:
            Tensor: (N, C+1), background last.
        """

    @abstractmethod
    def detect_objects(
        self, batch: PreparedBatch, score_thr: float, iou_thr: float, max_per_image: int
    ) -> ObjectBatch:
        """Detect objects, for SGGen.

        Args:
            batch: Result of :meth:`prepare`.
            score_thr: Least probability of a box's class.
            iou_thr: IoU of the non-maximum suppression within a class.
            max_per_image: Maximum number of boxes per image.

        Returns:
            ObjectBatch: With ``class_bboxes``, the best box first.
        """


def box_heads(owner: nn.Module | None) -> list[nn.Module]:
    """Return the ``bbox_head`` of a detector or RoI head, one per stage."""
    head = getattr(owner, 'bbox_head', None)
    if head is None:
        return []
    return list(head) if isinstance(head, nn.ModuleList) else [head]


def check_thresholds(score_thr: float, iou_thr: float, max_per_image: int) -> None:
    """Check the thresholds of :meth:`DetectorAdapter.detect_objects`.

    Raises:
        ValueError: If a threshold is not between 0 and 1, or the number of
            boxes is not a whole number.
    """
    for name, value in (('score_thr', score_thr), ('iou_thr', iou_thr)):
        if not isinstance(value, Real) or not 0 <= value <= 1:
            raise ValueError(f'detection_cfg.{name} must be a number from 0 to 1, got {value!r}')
    if not isinstance(max_per_image, Integral) or max_per_image < 0:
        raise ValueError(
            'detection_cfg.max_per_image must be a whole number of at '
            f'least 0, got {max_per_image!r}'
        )


def select_objects(
    scores: Tensor, bboxes: Tensor, score_thr: float, iou_thr: float, max_per_image: int
) -> tuple[Tensor, Tensor]:
    """Suppress boxes per class, then keep the best class of each box.

    Source: reference implementation of Neural Motifs.

    Args:
        scores: (K, C), without background.
        bboxes: (K, C, 4), the box of each class.
        score_thr: Least score of a box's class.
        iou_thr: IoU above which a box of the same class is suppressed.
        max_per_image: Maximum number of kept boxes.

    Returns:
        tuple[Tensor, Tensor]: Indices of the kept boxes, best first, and
        their classes.
    """
    box, label = (scores > score_thr).nonzero(as_tuple=True)
    if len(box) == 0:  # MMCV's suppression needs a box
        return box, label
    _, kept = batched_nms(
        bboxes[box, label], scores[box, label], label, dict(type='nms', iou_threshold=iou_thr)
    )
    survived = torch.zeros_like(scores)
    survived[box[kept], label[kept]] = scores[box[kept], label[kept]]
    best, best_label = survived.max(dim=1)
    best, order = best.sort(descending=True, stable=True)
    order = order[best > 0][:max_per_image]
    return order, best_label[order]
