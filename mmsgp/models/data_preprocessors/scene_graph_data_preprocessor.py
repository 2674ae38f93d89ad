"""Pad images to one size.

Shape shorthand: B images, H x W pixels of the padded images.
"""

from __future__ import annotations

import torch.nn.functional as F
from mmdet.models.data_preprocessors import DetDataPreprocessor

from mmsgp.registry import MODELS


@MODELS.register_module()
class SceneGraphDataPreprocessor(DetDataPreprocessor):
    """Pads all images to one size, in training and in tests.

    The padding of an image then does not depend on the other images of its
    batch. The configs use ``img_scale`` both here and in the pipeline.

    Args:
        pad_to: Height and width H and W in pixels.
        **kwargs: Arguments of MMDetection's ``DetDataPreprocessor``. ``non_blocking``
            defaults to True: copies to a GPU are not waited for.
    """

    def __init__(self, pad_to: tuple[int, int], **kwargs) -> None:
        super().__init__(**{'non_blocking': True, **kwargs})
        self.pad_to = tuple(pad_to)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise images, pad them and stack them to (B, 3, H, W).

        Raises:
            ValueError: If an image is larger than ``pad_to``.
        """
        data = super().forward(data, training)
        inputs, samples = data['inputs'], data['data_samples'] or ()
        height, width = inputs.shape[-2:]
        below, right = self.pad_to[0] - height, self.pad_to[1] - width
        if below < 0 or right < 0:
            raise ValueError(
                f'images of {height} x {width} pixels (height x width) do not fit '
                f'into data_preprocessor.pad_to={self.pad_to}: set pad_to to the '
                'size that Resize scales images to, the img_scale of the config'
            )
        data['inputs'] = F.pad(inputs, (0, right, 0, below), value=self.pad_value)
        for sample in samples:
            sample.set_metainfo(dict(batch_input_shape=self.pad_to, pad_shape=self.pad_to))
        return data
