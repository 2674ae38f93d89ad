"""Pad images to one size.

Shape shorthand: B images, H x W pixels of the padded images.
"""

from __future__ import annotations

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
        if self.batch_augments is not None:
            raise ValueError(
                'data_preprocessor.batch_augments would change images after they are padded to '
                f'pad_to={self.pad_to}: put augmentations into the pipeline'
            )
        if any(side % self.pad_size_divisor for side in self.pad_to):
            raise ValueError(
                f'data_preprocessor.pad_to={self.pad_to} is no multiple of '
                f'pad_size_divisor={self.pad_size_divisor}: leave pad_size_divisor out'
            )
        # MMEngine's conversion waits for a GPU, once per image.
        self.reverses_channels, self._channel_conversion = self._channel_conversion, False

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise images, pad them and stack them to (B, 3, H, W).

        Raises:
            ValueError: If an image is larger than ``pad_to``, or not in colour.
        """
        images = self.cast_data(list(data['inputs']))
        channels = {len(image) for image in images}
        colour = self.reverses_channels or self._enable_normalize and len(self.mean) == 3
        if len(channels) > 1 or (colour and channels != {3}):
            raise ValueError(
                f'images have {sorted(channels)} channels, but data_preprocessor needs 3: read '
                'them in colour'
            )
        if len({image.dtype for image in images}) > 1:
            images = [image.float() for image in images]
        sizes = [image.shape[-2:] for image in images]
        # One image and its padding, then all of them at once: a GPU has less to start.
        canvas = images[0].new_zeros(len(images), len(images[0]), *self.pad_to)
        for place, image, (height, width) in zip(canvas, images, sizes):
            if height > self.pad_to[0] or width > self.pad_to[1]:
                raise ValueError(
                    f'images of {height} x {width} pixels (height x width) do not fit '
                    f'into data_preprocessor.pad_to={self.pad_to}: set pad_to to the '
                    'size that Resize scales images to, the img_scale of the config'
                )
            place[:, :height, :width] = image
        if self.reverses_channels:
            canvas = canvas.flip(1)
        data = super().forward({**data, 'inputs': canvas}, training)
        for place, (height, width) in zip(data['inputs'], sizes):
            place[:, height:] = self.pad_value
            place[:, :height, width:] = self.pad_value
        for sample in data['data_samples'] or ():
            sample.set_metainfo(dict(batch_input_shape=self.pad_to, pad_shape=self.pad_to))
        return data
