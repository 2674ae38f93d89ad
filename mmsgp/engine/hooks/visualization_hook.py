from __future__ import annotations

import numpy as np
from mmdet.engine.hooks import DetVisualizationHook
from mmengine.visualization import Visualizer

from mmsgp.datasets.image_files import read_without_exif_rotation
from mmsgp.registry import HOOKS


@HOOKS.register_module()
class VisualizationHook(DetVisualizationHook):
    """Draws validated and tested images without EXIF rotation.

    MMDetection's hook rotates an image by its EXIF data, but boxes refer to the
    pixels of the file.

    Args:
        *args: Arguments of MMDetection's hook.
        **kwargs: Arguments of MMDetection's hook.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._visualizer = _UnrotatedVisualizer(self._visualizer, self.backend_args)


class _UnrotatedVisualizer:
    """Visualizer that reads the images itself, without EXIF rotation."""

    def __init__(self, visualizer: Visualizer, backend_args: dict | None) -> None:
        self._visualizer = visualizer
        self._backend_args = backend_args

    def add_datasample(self, name: str, image: np.ndarray, data_sample, **kwargs) -> None:
        self._visualizer.add_datasample(
            name,
            read_without_exif_rotation(data_sample.img_path, self._backend_args),
            data_sample,
            **kwargs,
        )
