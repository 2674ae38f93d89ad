from __future__ import annotations

import mmcv
import numpy as np
from mmdet.engine.hooks import DetVisualizationHook
from mmengine.visualization import Visualizer

from mmsgp.datasets.image_files import read_as_annotated
from mmsgp.registry import HOOKS


@HOOKS.register_module()
class VisualizationHook(DetVisualizationHook):
    """Draws validated and tested images on the pixels that their boxes are on.

    MMDetection's hook turns every image by its EXIF data; :class:`LoadImage` takes
    an image as it lies where only that has the annotated size.

    Args:
        *args: Arguments of MMDetection's hook.
        **kwargs: Arguments of MMDetection's hook.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._visualizer = _AnnotatedVisualizer(self._visualizer, self.backend_args)


class _AnnotatedVisualizer:
    """Visualizer that reads the images itself, as they were loaded."""

    def __init__(self, visualizer: Visualizer, backend_args: dict | None) -> None:
        self._visualizer = visualizer
        self._backend_args = backend_args

    def add_datasample(self, name: str, image: np.ndarray, data_sample, **kwargs) -> None:
        image = read_as_annotated(
            data_sample.img_path, data_sample.get('ori_shape'), backend_args=self._backend_args
        )
        self._visualizer.add_datasample(name, mmcv.bgr2rgb(image), data_sample, **kwargs)
