"""Feature maps of a frozen detector, kept on disk.

Shape shorthand: B images, H x W pixels.
"""
from __future__ import annotations

import logging
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn as nn
from mmengine.logging import print_log
from torch import Tensor

from mmsgp.utils.files import replacing
from mmsgp.utils.hashing import hash_tensors

FeatureMaps = tuple[Tensor, ...]
# What files raise that are cut off, garbage, or something else.
UNREADABLE = (OSError, EOFError, RuntimeError, LookupError, ValueError,
              TypeError, AttributeError, pickle.UnpicklingError,
              zipfile.BadZipFile)


class FeatureCache:
    """Keeps the feature maps of images in half precision.

    A file holds the maps of one image and is named after the image's pixels
    as the network gets them, in a folder named after the detector's weights,
    structure and settings: flips, scales and detectors cannot be mixed up.
    Maps are rounded to half precision when they are computed, too, so that a
    run does not depend on what was cached before it.

    An image of VGG16 at 592 x 592 pixels takes 1.4 MB, and as much again when
    it is flipped.

    Args:
        root: The folder; it may be deleted at any time.
        detector: The frozen detector.
        settings: Its config as text, for what neither its weights nor its
            layers show. Defaults to ''.
    """

    def __init__(self,
                 root: str | Path,
                 detector: nn.Module,
                 settings: str = '') -> None:
        weights = detector.state_dict()
        text = '\n'.join([repr(detector), *weights, settings])
        self.folder = Path(root) / hash_tensors(
            torch.tensor(list(text.encode()), dtype=torch.uint8),
            *weights.values())
        self.writable = True

    def __call__(self, inputs: Tensor,
                 compute: Callable[[Tensor], FeatureMaps]) -> FeatureMaps:
        """Read the maps of images, or compute and keep them.

        Args:
            inputs: (B, 3, H, W).
            compute: Gives the maps of some images.

        Returns:
            tuple[Tensor]: As ``compute`` does, rounded to half precision.

        Raises:
            ValueError: If a value is beyond half precision's range.
        """
        paths = [self._path(image) for image in inputs]
        maps = [self._read(path) for path in paths]
        missing = [i for i, levels in enumerate(maps) if levels is None]
        if missing:
            with torch.autocast(inputs.device.type, enabled=False):
                computed = compute(inputs[missing])
            for row, i in enumerate(missing):
                maps[i] = tuple(level[row].half() for level in computed)
                self._write(paths[i], maps[i])
        return tuple(
            torch.stack([level.to(inputs) for level in levels])
            for levels in zip(*maps))

    def _path(self, image: Tensor) -> Path:
        name = hash_tensors(image)
        return self.folder / name[:2] / f'{name}.pth'

    @staticmethod
    def _read(path: Path) -> FeatureMaps | None:
        if not path.is_file():
            return None
        try:
            with zipfile.ZipFile(path) as file:  # PyTorch checks no checksum
                if file.testzip() is not None:
                    raise ValueError('wrong checksum')
            maps = torch.load(path, weights_only=True)
            if not maps or any(level.dtype != torch.half for level in maps):
                raise ValueError('no feature maps')
            return maps
        except UNREADABLE as error:
            _warn(f'computing {path} anew, it cannot be read: {error!r}')
            return None

    def _write(self, path: Path, maps: FeatureMaps) -> None:
        if not all(level.isfinite().all() for level in maps):
            raise ValueError(
                'feature maps of the detector are beyond the range of half '
                'precision: train without the FeatureCacheHook')
        if not self.writable:
            return
        try:
            # no loss if it is lost: it is computed again
            with replacing(path, durable=False) as draft:
                torch.save(tuple(level.cpu().clone() for level in maps), draft)
        # PyTorch makes a RuntimeError of a full disk: go on without.
        except (OSError, RuntimeError) as error:
            self.writable = False
            _warn(f'no more feature maps are kept, {path} cannot be written: '
                  f'{error}')


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)
