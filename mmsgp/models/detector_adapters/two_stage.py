"""Objects of a two-stage detector, with a probability of every class.

Shape shorthand: B images, N boxes of a batch, C object classes, K proposals
of an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmdet.models.dense_heads import RPNHead
from mmdet.models.detectors import BaseDetector
from mmdet.structures.bbox import bbox2roi
from torch import Tensor

from mmsgp.models.layers import full_precision
from mmsgp.registry import TASK_UTILS
from mmsgp.structures import ObjectBatch, SceneGraphDataSample

from .base import DetectorAdapter, PreparedBatch, box_heads, select_objects


@TASK_UTILS.register_module()
class TwoStageAdapter(DetectorAdapter):
    """Adapts detectors with an RPN and the box heads of one or more stages.

    Faster R-CNN has one stage, Cascade R-CNN several: logits are their mean,
    boxes those of the last. Boxes are always decoded and suppressed in full
    precision.

    Args:
        detector: The detector.
        regions: The boxes of detected objects (SGGen) that a relation head
            pools and pairs. ``'boxes'``: the regressed ones, which are the
            output. ``'proposals'``: those that the last stage pooled, as in the
            reference implementation of Neural Motifs; published checkpoints
            were trained with these. Defaults to ``'boxes'``.

    Raises:
        ValueError: If ``regions`` is neither of the two.
    """

    def __init__(self, detector: BaseDetector, regions: str = 'boxes') -> None:
        super().__init__(detector)
        if regions not in ('boxes', 'proposals'):
            raise ValueError(
                f"detector_adapter.regions must be 'boxes' or 'proposals', got {regions!r}"
            )
        self.regions = regions

    @classmethod
    def fits(cls, detector: BaseDetector) -> bool:
        """Whether the box heads give C+1 logits and the usual deltas."""
        heads = box_heads(getattr(detector, 'roi_head', None))
        return (
            isinstance(getattr(detector, 'rpn_head', None), RPNHead)
            and bool(heads)
            and all(
                _outputs(head, 'fc_cls') == head.num_classes + 1
                and _outputs(head, 'fc_reg') in (4, 4 * head.num_classes)
                for head in heads
            )
        )

    @property
    def num_classes(self) -> int:
        return self._stages[-1][1].num_classes

    @property
    def fc_head(self) -> nn.Module | None:
        return getattr(self._stages[-1][1], 'fc_head', None)

    def classify_boxes(self, batch: PreparedBatch, bboxes: list[Tensor]) -> Tensor:
        """Compute class logits of given boxes, see :class:`DetectorAdapter`."""
        rois = bbox2roi(bboxes)
        return torch.stack(
            [
                full_precision(forward(batch.feature_maps, rois)['cls_score'])
                for forward, _ in self._stages
            ]
        ).mean(dim=0)

    def detect_objects(
        self, batch: PreparedBatch, score_thr: float, iou_thr: float, max_per_image: int
    ) -> ObjectBatch:
        """Detect objects, see :class:`DetectorAdapter`.

        A box keeps the boxes regressed for the other classes, because a
        relation head may still choose one of them.
        """
        feature_maps, data_samples, _ = batch
        rois, logits, deltas = self._run_stages(
            feature_maps, self._propose(feature_maps, data_samples), data_samples
        )
        chosen = []
        for roi, score, delta, sample in zip(rois, logits, deltas, data_samples):
            decoded = _decode(self._stages[-1][1], roi, delta, sample.img_shape)  # (K, C, 4)
            kept, label = select_objects(
                F.softmax(score, dim=1)[:, :-1], decoded, score_thr, iou_thr, max_per_image
            )
            region = roi[kept] if self.regions == 'proposals' else decoded[kept, label]
            chosen.append((region, score[kept], decoded[kept]))
        bboxes, kept_logits, class_bboxes = zip(*chosen)
        return ObjectBatch.from_list(
            bboxes, torch.cat(kept_logits), class_bboxes=torch.cat(class_bboxes)
        )

    @property
    def _stages(self) -> list[tuple[Callable, nn.Module]]:
        """Forward function and box head of each stage."""
        roi_head = self.detector.roi_head
        if isinstance(roi_head.bbox_head, nn.ModuleList):
            return [
                (partial(roi_head._bbox_forward, stage), head)
                for stage, head in enumerate(roi_head.bbox_head)
            ]
        return [(roi_head._bbox_forward, roi_head.bbox_head)]

    def _propose(
        self, feature_maps: tuple[Tensor, ...], data_samples: Sequence[SceneGraphDataSample]
    ) -> list[Tensor]:
        """Propose boxes (K, 4) in each image."""
        rpn_head = self.detector.rpn_head
        outputs = ([level.float() for level in output] for output in rpn_head(feature_maps))
        proposals = rpn_head.predict_by_feat(
            *outputs, batch_img_metas=[sample.metainfo for sample in data_samples], rescale=False
        )
        return [p.bboxes for p in proposals]

    def _run_stages(
        self,
        feature_maps: tuple[Tensor, ...],
        bboxes: list[Tensor],
        data_samples: Sequence[SceneGraphDataSample],
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Return boxes, mean logits and last deltas per image."""
        last = len(self._stages) - 1
        sizes = [len(b) for b in bboxes]
        all_logits = []
        for stage, (forward, head) in enumerate(self._stages):
            results = forward(feature_maps, bbox2roi(bboxes))
            logits = results['cls_score'].float()
            deltas = results['bbox_pred'].float().split(sizes)
            all_logits.append(logits)
            if stage < last:
                labels = logits[:, :-1].argmax(dim=1).split(sizes)
                bboxes = [
                    head.regress_by_class(box, label, delta, sample.metainfo)
                    for box, label, delta, sample in zip(bboxes, labels, deltas, data_samples)
                ]
        return bboxes, torch.stack(all_logits).mean(dim=0).split(sizes), deltas


def _outputs(bbox_head: nn.Module, layer: str) -> int | None:
    """Number of outputs of a head's linear layer, None without the layer."""
    return getattr(getattr(bbox_head, layer, None), 'out_features', None)


def _decode(
    bbox_head: nn.Module, bboxes: Tensor, deltas: Tensor, img_shape: tuple[int, int]
) -> Tensor:
    """Decode the boxes of every class: (K, C, 4)."""
    classes = bbox_head.num_classes
    if bbox_head.reg_class_agnostic:
        decoded = bbox_head.bbox_coder.decode(bboxes, deltas, max_shape=img_shape)
        return decoded[:, None].expand(-1, classes, 4)
    return bbox_head.bbox_coder.decode(
        bboxes.repeat_interleave(classes, dim=0), deltas.reshape(-1, 4), max_shape=img_shape
    ).view(-1, classes, 4)
