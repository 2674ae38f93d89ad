"""Objects of any detector, by its boxes, labels and scores alone.

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
    """Any detector, one-stage and query-based ones among them.

    All that is used of it is ``extract_feat`` and ``predict``; its own
    thresholds are those of its ``test_cfg``. What a box shows is told by the
    detections that lie on it, see :func:`logits_by_overlap`. Boxes end at the
    border of their image. Behind the feature maps such a detector runs in full
    precision.
    """

    @property
    def num_classes(self) -> int:
        heads = box_heads(self.detector) or box_heads(
            getattr(self.detector, 'roi_head', None))
        if not heads:
            raise ValueError(
                f'a {type(self.detector).__name__} has no bbox_head that tells '
                'its number of classes: name a DetectorAdapter of your own in '
                'model.detector_adapter')
        return heads[-1].num_classes

    @torch.no_grad()
    def prepare(self, feature_maps: tuple[Tensor, ...],
                data_samples: Sequence[SceneGraphDataSample]) -> PreparedBatch:
        """Run the detector's heads, see :class:`DetectorAdapter`."""
        return PreparedBatch(feature_maps, data_samples,
                             self._detect(feature_maps, data_samples))

    def classify_boxes(self, batch: PreparedBatch,
                       bboxes: list[Tensor]) -> Tensor:
        """Class logits of given boxes, see :class:`DetectorAdapter`."""
        return torch.cat([
            logits_by_overlap(box, found, self.num_classes)
            for box, found in zip(bboxes, batch.detections)
        ])

    def detect_objects(self, batch: PreparedBatch, score_thr: float,
                       iou_thr: float, max_per_image: int) -> ObjectBatch:
        """Detect objects, see :class:`DetectorAdapter`.

        Detections of the same box are one object; its box is the same for all
        classes.
        """
        bboxes, logits = [], []
        for found in batch.detections:
            boxes, which = found.bboxes.unique(dim=0, return_inverse=True)
            scores = boxes.new_zeros(len(boxes) * self.num_classes)
            scores = scores.scatter_reduce(
                0, which * self.num_classes + found.labels, found.scores,
                'amax').view(-1, self.num_classes)  # (K, C)
            kept, _ = select_objects(scores, self._of_each_class(boxes),
                                     score_thr, iou_thr, max_per_image)
            bboxes.append(boxes[kept])
            logits.append(
                logits_by_overlap(boxes[kept], found, self.num_classes))
        return ObjectBatch.from_list(
            bboxes,
            torch.cat(logits),
            class_bboxes=self._of_each_class(torch.cat(bboxes)))

    def _of_each_class(self, bboxes: Tensor) -> Tensor:
        """The same box for every class: (N, C, 4)."""
        return bboxes[:, None].expand(-1, self.num_classes, 4)

    def _detect(
            self, feature_maps: tuple[Tensor, ...],
            data_samples: Sequence[SceneGraphDataSample]
    ) -> list[InstanceData]:
        """``bboxes``, ``labels`` and ``scores`` of each image.

        Raises:
            ValueError: If a label is none of the C classes.
        """
        samples = [DetDataSample(metainfo=s.metainfo) for s in data_samples]
        device = feature_maps[0].device.type
        with _extracted(self.detector), torch.autocast(device, enabled=False):
            predicted = self.detector.predict(
                feature_maps, samples, rescale=False)
        detections = [
            within_image(found.pred_instances, sample.img_shape,
                         feature_maps[0].dtype)
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
                f'{int(unknown[0])}, and its bbox_head tells {self.num_classes} '
                f'classes, 0 to {self.num_classes - 1}')


@contextmanager
def _extracted(detector: nn.Module) -> Iterator[None]:
    """Let ``predict``, which begins with ``extract_feat``, take its result."""
    detector.extract_feat = lambda feature_maps: feature_maps
    try:
        yield
    finally:
        del detector.extract_feat


def within_image(detections: InstanceData, img_shape: tuple[int, int],
                 dtype: torch.dtype = torch.float32) -> InstanceData:
    """Detections clipped to their image, which some detectors leave to others.

    Args:
        detections: ``bboxes`` (D, 4), ``labels`` (D,) and ``scores`` (D,) of
            any type.
        img_shape: Height and width without padding.
        dtype: Of boxes and scores to return.

    Returns:
        InstanceData: The same of the detections that are numbers and whose
        boxes have an area in the image.
    """
    bboxes = get_box_tensor(detections.bboxes).to(dtype)
    scores = detections.scores.to(dtype)
    height, width = img_shape
    limits = bboxes.new_tensor([width, height, width, height])
    clipped = bboxes.clamp(min=0).minimum(limits)
    kept = bboxes.isfinite().all(dim=1) & scores.isfinite() & (
        clipped[:, 2:] > clipped[:, :2]).all(dim=1)
    return InstanceData(
        bboxes=clipped[kept],
        labels=detections.labels[kept].long(),
        scores=scores[kept])


def logits_by_overlap(bboxes: Tensor,
                      detections: InstanceData,
                      num_classes: int,
                      iou_thr: float = 0.5) -> Tensor:
    """What boxes show, by the detections that lie on them.

    A class is as probable as its best detection: ``max(IoU * score)`` of those
    with an IoU of at least ``iou_thr``. Background is what the most probable
    class leaves of one. Where nothing was detected all classes are alike.

    Args:
        bboxes: (N, 4).
        detections: ``bboxes`` (D, 4), ``labels`` (D,) and ``scores`` (D,),
            probabilities.
        num_classes: C.
        iou_thr: Least IoU that counts. Defaults to 0.5.

    Returns:
        Tensor: (N, C+1), logarithms of probabilities, background last.
    """
    overlap = bbox_overlaps(bboxes, detections.bboxes)  # (N, D)
    evidence = torch.where(overlap >= iou_thr, overlap, 0) * detections.scores
    of_class = evidence.new_zeros(len(bboxes), num_classes).scatter_reduce(
        1, detections.labels.expand_as(evidence), evidence, 'amax')
    background = 1 - of_class.amax(dim=1, keepdim=True)
    probabilities = torch.cat([of_class, background], dim=1)
    return probabilities.clamp(min=MIN_PROBABILITY).log()
