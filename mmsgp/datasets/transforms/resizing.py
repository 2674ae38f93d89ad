"""Resize an image; an error names one that is too thin."""

from __future__ import annotations

import cv2
from mmdet.datasets.transforms import Resize as DetResize

from mmsgp.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Resize(DetResize):
    """Resize as MMDetection does; an error names an image that is too thin.

    Required Keys, besides those of :class:`mmdet.datasets.Resize`:

    - img_path, name (optional): named in errors, the first that exists.

    Raises:
        ValueError: If a side would be less than a pixel.
    """

    def _resize_img(self, results: dict) -> None:
        try:
            super()._resize_img(results)
        except cv2.error as error:
            height, width = results['img'].shape[:2]
            image = results.get('img_path') or results.get('name', 'an image')
            raise ValueError(
                f'{image} is {width} x {height} pixels, too thin: resized for the '
                'model, its shorter side would be less than a pixel'
            ) from error
