"""Objects that another detector has found, read from a file.

Shape shorthand: B images, D detections of an image, C object classes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.structures.bbox import bbox_flip
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.registry import TASK_UTILS
from mmsgp.structures import SceneGraphDataSample

from .detection_file import read_detections
from .generic import GenericAdapter, within_image


@TASK_UTILS.register_module()
class PrecomputedDetections(GenericAdapter):
    """Takes detections from a file instead of the detector's heads.

    The detector still computes the feature maps. Detections are resized and flipped
    like their image. They become objects, and classify given boxes, as those of
    a :class:`GenericAdapter` do. An image that the file does not know has no objects.

    Args:
        detector: The detector.
        file: The detections of all images, see :func:`read_detections`.
        first_category: Category id of the first class in the file. Defaults to 0.
    """

    def __init__(self, detector: BaseDetector, file: str, first_category: int = 0) -> None:
        super().__init__(detector)
        self.file = file
        self.found = read_detections(file, self.num_classes, first_category)

    def check_images(self, image_ids: Iterable[int | str]) -> None:
        """Compare the images of a data set with those of the file; log the difference.

        Raises:
            ValueError: If the file knows none of the images.
        """
        ids = [str(image) for image in image_ids]
        missing = [image for image in ids if image not in self.found]
        if ids and len(missing) == len(ids):
            raise ValueError(
                f'{self.file} has detections of none of the {len(ids)} images of the data set, '
                f'e.g. of image_id {missing[0]!r}; its own ids begin with '
                f'{", ".join(list(self.found)[:3])}: use the image ids of the data set'
            )
        if missing:
            print_log(
                f'{self.file} has no detections of {len(missing)} of {len(ids)} images, e.g. '
                f'{", ".join(missing[:3])}: no objects are found there',
                logger='current',
                level=logging.WARNING,
            )

    def _detect(
        self, feature_maps: tuple[Tensor, ...], data_samples: Sequence[SceneGraphDataSample]
    ) -> list[InstanceData]:
        """Return ``bboxes``, ``labels`` and ``scores`` per image, in pixels of its input."""
        return [self._of_image(sample, feature_maps[0]) for sample in data_samples]

    def _of_image(self, sample: SceneGraphDataSample, like: Tensor) -> InstanceData:
        if 'img_id' not in sample:
            raise ValueError(
                f'{self.file} holds detections by image id, and this image is of no data set: '
                'give its objects (--objects), or use a config without '
                'detector_adapter=PrecomputedDetections'
            )
        if str(sample.img_id) not in self.found:
            bboxes, labels, scores = like.new_zeros(0, 4), like.new_zeros(0), like.new_zeros(0)
        else:
            found = self.found[str(sample.img_id)]
            bboxes, labels, scores = (torch.from_numpy(values).to(like.device) for values in found)
            bboxes = bboxes * bboxes.new_tensor(sample.scale_factor).repeat(2)
            if sample.get('flip'):
                bboxes = bbox_flip(bboxes, sample.img_shape, sample.flip_direction)
        found = InstanceData(bboxes=bboxes, labels=labels, scores=scores)
        return within_image(found, sample.img_shape, like.dtype)
