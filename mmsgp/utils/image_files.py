"""Images as annotations and predictions of a data set refer to them."""
from __future__ import annotations

from pathlib import Path

import mmcv
import numpy as np


def read_unturned(path: str | Path, backend_args: dict | None = None) -> np.ndarray:
    """An image as its pixels lie in the file, whatever its EXIF orientation.

    Boxes are annotated, and predicted, on these pixels.

    Args:
        path (str | Path): Of the image.
        backend_args (dict, optional): Where files lie, as MMEngine's file backends
            take it. Defaults to None: the path says it.

    Returns:
        ndarray: (H, W, 3) uint8, RGB.
    """
    # With this flag OpenCV, one of MMCV's backends, would ignore channel_order.
    return mmcv.bgr2rgb(mmcv.imread(
        path, flag='color_ignore_orientation', backend_args=backend_args))
