"""Objects of any detector, from its boxes, labels and scores.

Shape shorthand: B images, N boxes, C object classes, D detections and K
different boxes of an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox_overlaps, get_box_tensor
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmsgp.registry import TASK_UTILS
from mmsgp.structures import ObjectBatch, SceneGraphDataSample

from .base import DetectorAdapter, PreparedBatch, box_heads, select_objects

MIN_PROBABILITY = 1e-4


@TASK_UTILS.register_module()
class GenericAdapter(DetectorAdapter):
    """Adapts any detector, also one-stage and query-based ones.

    It only uses ``extract_feat`` and ``predict``, with the thresholds of the
    detector's ``test_cfg``. The detections that overlap a box give its class
    logits, see :func:`logits_by_overlap`. Boxes are clipped to their image. The
    detector's heads run in full precision.
    """

    @property
    def num_classes(self) -> int:
        heads = box_heads(self.detector) or box_heads(getattr(self.detector, 'roi_head', None))
        if not heads:
            raise ValueError(
                f'the {type(self.detector).__name__} has no bbox_head with a '
                'number of classes: set model.detector_adapter to a '
                'DetectorAdapter of your own'
            )
        return heads[-1].num_classes

    @torch.no_grad()
    def prepare(
        self, feature_maps: tuple[Tensor, ...], data_samples: Sequence[SceneGraphDataSample]
    ) -> PreparedBatch:
        """Run the detector's heads, see :class:`DetectorAdapter`."""
        return PreparedBatch(feature_maps, data_samples, self._detect(feature_maps, data_samples))

    def classify_boxes(self, batch: PreparedBatch, bboxes: list[Tensor]) -> Tensor:
        """Compute class logits of given boxes, see :class:`DetectorAdapter`."""
        return torch.cat(
            [
                logits_by_overlap(box, found, self.num_classes)
                for box, found in zip(bboxes, batch.detections)
            ]
        )

    def detect_objects(
        self, batch: PreparedBatch, score_thr: float, iou_thr: float, max_per_image: int
    ) -> ObjectBatch:
        """Detect objects, see :class:`DetectorAdapter`.

        Detections with the same box are one object, whose box is the same for
        all classes.
        """
        bboxes, logits = [], []
        for found in batch.detections:
            boxes, which = found.bboxes.unique(dim=0, return_inverse=True)
            scores = boxes.new_zeros(len(boxes) * self.num_classes)
            scores = scores.scatter_reduce(
                0, which * self.num_classes + found.labels, found.scores, 'amax'
            ).view(-1, self.num_classes)  # (K, C)
            kept, _ = select_objects(
                scores, self._of_each_class(boxes), score_thr, iou_thr, max_per_image
            )
            bboxes.append(boxes[kept])
            logits.append(logits_by_overlap(boxes[kept], found, self.num_classes))
        return ObjectBatch.from_list(
            bboxes, torch.cat(logits), class_bboxes=self._of_each_class(torch.cat(bboxes))
        )

    def _of_each_class(self, bboxes: Tensor) -> Tensor:
        """Repeat each box for every class: (N, C, 4)."""
        return bboxes[:, None].expand(-1, self.num_classes, 4)

    def _detect(
        self, feature_maps: tuple[Tensor, ...], data_samples: Sequence[SceneGraphDataSample]
    ) -> list[InstanceData]:
        """Return ``bboxes``, ``labels`` and ``scores`` per image.

        Raises:
            ValueError: If a label is not one of the C classes.
        """
        samples = [DetDataSample(metainfo=s.metainfo) for s in data_samples]
        device = feature_maps[0].device.type
        with _extracted(self.detector), torch.autocast(device, enabled=False):
            predicted = self.detector.predict(feature_maps, samples, rescale=False)
        detections = [
            within_image(found.pred_instances, sample.img_shape, feature_maps[0].dtype)
            for found, sample in zip(predicted, data_samples)
        ]
        for found in detections:
            self._check_labels(found.labels)
        return detections

    def _check_labels(self, labels: Tensor) -> None:
        unknown = labels[(labels < 0) | (labels >= self.num_classes)]
        if len(unknown):
            raise ValueError(
                f'the {type(self.detector).__name__} predicts the label '
                f'{int(unknown[0])}, but its bbox_head has {self.num_classes} '
                f'classes, 0 to {self.num_classes - 1}'
            )


@contextmanager
def _extracted(detector: nn.Module) -> Iterator[None]:
    """Let ``predict`` take feature maps instead of images."""
    detector.extract_feat = lambda feature_maps: feature_maps
    try:
        yield
    finally:
        del detector.extract_feat


def within_image(
    detections: InstanceData, img_shape: tuple[int, int], dtype: torch.dtype = torch.float32
) -> InstanceData:
    """Clip detections to their image; not every detector does.

    Args:
        detections: ``bboxes`` (D, 4), ``labels`` (D,) and ``scores`` (D,) of
            any type.
        img_shape: Height and width without padding.
        dtype: Of the returned boxes and scores.

    Returns:
        InstanceData: The detections whose values are finite and whose clipped
        boxes have an area.
    """
    bboxes = get_box_tensor(detections.bboxes).to(dtype)
    scores = detections.scores.to(dtype)
    height, width = img_shape
    limits = bboxes.new_tensor([width, height, width, height])
    clipped = bboxes.clamp(min=0).minimum(limits)
    kept = (
        bboxes.isfinite().all(dim=1)
        & scores.isfinite()
        & (clipped[:, 2:] > clipped[:, :2]).all(dim=1)
    )
    return InstanceData(
        bboxes=clipped[kept], labels=detections.labels[kept].long(), scores=scores[kept]
    )


def logits_by_overlap(
    bboxes: Tensor, detections: InstanceData, num_classes: int, iou_thr: float = 0.5
) -> Tensor:
    """Compute class logits of boxes from the detections that overlap them.

    The probability of a class is ``max(IoU * score)`` over its detections with
    an IoU of at least ``iou_thr``; that of background is 1 minus the largest of
    them. Without such a detection all classes are equally probable.

    Args:
        bboxes: (N, 4), or (B, N, 4) with detections of as many images.
        detections: ``bboxes`` (D, 4), ``labels`` (D,) and ``scores`` (D,),
            probabilities.
        num_classes: C.
        iou_thr: Least IoU that counts. Defaults to 0.5.

    Returns:
        Tensor: (N, C+1), logarithms of probabilities, background last.
    """
    overlap = bbox_overlaps(bboxes, detections.bboxes)  # (N, D)
    evidence = torch.where(overlap >= iou_thr, overlap, 0) * detections.scores[..., None, :]
    of_class = evidence.new_zeros(*bboxes.shape[:-1], num_classes).scatter_reduce(
        -1, detections.labels[..., None, :].expand_as(evidence), evidence, 'amax'
    )
    background = 1 - of_class.amax(dim=-1, keepdim=True)
    probabilities = torch.cat([of_class, background], dim=-1)
    return probabilities.clamp(min=MIN_PROBABILITY).log()
