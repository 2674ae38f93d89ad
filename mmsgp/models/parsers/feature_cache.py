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
# Errors of truncated, damaged or foreign files.
UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


class FeatureCache:
    """Keeps feature maps of images on disk, in half precision.

    A file holds the maps of one image. Its name is a hash of the pixels of the
    network's input, that of its folder a hash of the detector's weights,
    structure and settings, so flips, scales and detectors are never mixed up.
    Newly computed maps are rounded to half precision, too, so a run does not
    depend on the content of the cache.

    With VGG16 an image of 592 x 592 pixels takes 1.4 MB, and its flipped copy
    as much again.

    Args:
        root: The folder; it may be deleted at any time.
        detector: The frozen detector.
        settings: Its config as text, because weights and layers do not show all
            settings. Defaults to ''.
    """

    def __init__(self, root: str | Path, detector: nn.Module, settings: str = '') -> None:
        weights = detector.state_dict()
        text = '\n'.join([repr(detector), *weights, settings])
        self.folder = Path(root) / hash_tensors(
            torch.tensor(list(text.encode()), dtype=torch.uint8), *weights.values()
        )
        self.writable = True

    def __call__(self, inputs: Tensor, compute: Callable[[Tensor], FeatureMaps]) -> FeatureMaps:
        """Read the maps of images, or compute and write them.

        Args:
            inputs: (B, 3, H, W).
            compute: Computes the maps of images (n, 3, H, W).

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
        return tuple(torch.stack([level.to(inputs) for level in levels]) for levels in zip(*maps))

    def _path(self, image: Tensor) -> Path:
        name = hash_tensors(image)
        return self.folder / name[:2] / f'{name}.pth'

    @staticmethod
    def _read(path: Path) -> FeatureMaps | None:
        if not path.is_file():
            return None
        try:
            with zipfile.ZipFile(path) as file:  # PyTorch does not check it
                if file.testzip() is not None:
                    raise ValueError('wrong checksum')
            maps = torch.load(path, weights_only=True)
            if not maps or any(level.dtype != torch.half for level in maps):
                raise ValueError('not feature maps in half precision')
            return maps
        except UNREADABLE as error:
            _warn(f'{path} cannot be read and is computed again: {error!r}')
            return None

    def _write(self, path: Path, maps: FeatureMaps) -> None:
        if not all(level.isfinite().all() for level in maps):
            raise ValueError(
                'feature maps of the detector have values beyond half precision: '
                'train without the FeatureCacheHook'
            )
        if not self.writable:
            return
        try:
            # not durable: a lost file is computed again
            with replacing(path, durable=False) as draft:
                torch.save(tuple(level.cpu().clone() for level in maps), draft)
        # PyTorch raises a RuntimeError if the disk is full: go on without cache.
        except (OSError, RuntimeError) as error:
            self.writable = False
            _warn(f'{path} cannot be written, so no more feature maps are cached: {error}')


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)
