from __future__ import annotations

import numpy as np
from mmdet.engine.hooks import DetVisualizationHook
from mmengine.visualization import Visualizer

from mmsgp.datasets.image_files import read_without_exif_rotation
from mmsgp.registry import HOOKS


@HOOKS.register_module()
class VisualizationHook(DetVisualizationHook):
    """Draws validated and tested images where their boxes are.

    MMDetection's hook turns an image upright as its EXIF data say; boxes refer
    to the pixels as they lie in the file.

    Args:
        *args: As those of MMDetection's hook.
        **kwargs: Likewise.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._visualizer = _UnrotatedVisualizer(
            self._visualizer, self.backend_args)


class _UnrotatedVisualizer:
    """A visualizer that reads the images itself."""

    def __init__(self, visualizer: Visualizer, backend_args: dict | None) -> None:
        self._visualizer = visualizer
        self._backend_args = backend_args

    def add_datasample(self, name: str, image: np.ndarray, data_sample,
                       **kwargs) -> None:
        self._visualizer.add_datasample(
            name, read_without_exif_rotation(data_sample.img_path, self._backend_args),
            data_sample, **kwargs)
