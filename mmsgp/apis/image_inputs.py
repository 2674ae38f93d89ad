"""Read images from files, folders, videos and arrays, one at a time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import mmcv
import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmdet.datasets.transforms import LoadImageFromNDArray

from mmsgp.datasets.image_files import MAX_PIXELS, check_size
from mmsgp.datasets.transforms import LoadImage, LoadRelations
from mmsgp.registry import TRANSFORMS, names_subclass

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp')
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')

ImageInput = str | Path | np.ndarray
ImageInputs = ImageInput | Iterable[ImageInput]

# Bytes of a name without suffixes; file systems allow 255.
_LONGEST_NAME = 190

_load_array = LoadImageFromNDArray()

# Steps of a pipeline that load what is read here, or what only annotations have.
_LOADERS = (LoadImageFromFile, LoadAnnotations, LoadRelations)


def without_loaders(pipeline: Iterable[dict]) -> list[dict]:
    """The steps of a test pipeline that load neither image nor annotations."""
    return [step for step in pipeline if not names_subclass(step['type'], TRANSFORMS, _LOADERS)]


class ImageSource:
    """Iterable that reads the images to parse, and keeps none in memory.

    A file that cannot be read counts as an image. Its error is raised when it is
    read; iterating can continue after it.

    An item is a dict, as MMDetection's pipelines need it: ``img`` (H, W, 3)
    uint8 BGR, ``img_path`` (None for an array), ``img_shape``, ``ori_shape``,
    and ``name``, a unique name for output files; long ones are shortened.

    Args:
        inputs: An image (a path, or an array, (H, W, 3) uint8 BGR, as
            :func:`mmcv.imread` reads it), a folder of images, which are read in
            the order of their names, a video, or any iterable of these.
        max_pixels: Largest number of pixels of an image or frame. Defaults to
            64 million.

    Attributes:
        is_single: Whether the input is one image.
        total: Number of images; None if it is unknown before reading.

    Raises:
        FileNotFoundError: While reading, if a file or folder does not exist.
        ValueError: While reading, if a file is not an image or video, or a folder
            has no image.
        TypeError: If an input is of another type.
    """

    def __init__(self, inputs: ImageInputs, max_pixels: int = MAX_PIXELS) -> None:
        self._read = partial(_read, max_pixels=max_pixels)
        self.is_single = isinstance(inputs, np.ndarray)
        self.total = None
        if isinstance(inputs, (str, Path)):
            path = Path(inputs).expanduser()
            self.is_single = not os.path.isdir(path) and not _is_video(path)
        if isinstance(inputs, (str, Path, np.ndarray)):
            inputs = [inputs]
        if isinstance(inputs, (list, tuple)):
            inputs = [item for value in inputs for item in _expand(value)]
            counts = list(map(_count, inputs))
            self.total = None if None in counts else sum(counts)
        elif isinstance(inputs, Iterable):
            inputs = _Chained(map(_expand, inputs))
        else:
            raise TypeError(
                f'expected a path, an array, or a list of these, got {type(inputs).__name__}'
            )
        self._items = inputs

    def __iter__(self) -> Iterator[dict]:
        used: Counter = Counter()

        def named(image: dict) -> dict:
            """Make names unique, because e.g. a.jpg and a.png have the same stem."""
            stem = name = _cut(image['name'])
            while name in used:
                used[stem] += 1
                name = f'{stem}_{used[stem]}'
            used[name] = 1
            image['name'] = name
            return image

        # map, not a generator: a local variable would keep the last image alive.
        return map(named, _Chained(map(self._read, self._items)))


class _Chained:
    """Iterator over the items of iterables, one after the other.

    It can continue after an error; :func:`itertools.chain.from_iterable` cannot.
    """

    def __init__(self, iterables: Iterable[Iterable]) -> None:
        self._iterables = iter(iterables)
        self._current = iter(())

    def __iter__(self) -> Iterator:
        return self

    def __next__(self):
        while True:
            for item in self._current:
                return item
            self._current = iter(next(self._iterables))


def _expand(value: ImageInput) -> list[ImageInput | Exception]:
    """List the images of a folder; return any other input as it is.

    A path that does not exist becomes an error, to be raised while reading.
    """
    if isinstance(value, np.ndarray):
        return [value]
    if not isinstance(value, (str, Path)):
        raise TypeError(f'expected the path of an image or an array, got {type(value).__name__}')
    try:
        return _list(Path(value).expanduser())
    except (OSError, ValueError) as error:
        return [error]


def _cut(name: str) -> str:
    """Shorten a name, so that file systems accept the names of output files."""
    while len(os.fsencode(name)) > _LONGEST_NAME:
        name = name[:-1]
    return name


def _list(path: Path) -> list[Path]:
    if os.path.isdir(path):
        images = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        if not images:
            raise ValueError(
                f'the folder {path} has no images; images end in {", ".join(IMAGE_SUFFIXES)}'
            )
        return images
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: this image, video or folder does not exist')
    return [path]


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _count(item: ImageInput | Exception) -> int | None:
    if not isinstance(item, Path) or not _is_video(item):
        return 1
    try:
        # Some containers do not contain the number of frames.
        return max(_open_video(item).frame_cnt, 0) or None
    except (OSError, ValueError):
        return 1


def _open_video(path: Path) -> mmcv.VideoReader:
    video = mmcv.VideoReader(str(path), cache_capacity=1)
    if not video.opened:
        raise ValueError(f'{path} is empty, damaged or not a video')
    return video


def _read(item: ImageInput | Exception, max_pixels: int) -> Iterator[dict]:
    """Iterate over the image, or the frames of a video."""
    if isinstance(item, Exception):
        raise item
    if isinstance(item, np.ndarray):
        return map(_from_array, [item], ['image'])
    if _is_video(item):
        video = _open_video(item)
        check_size(video.width, video.height, item, max_pixels)
        names = map(f'{item.stem}_{{:06d}}'.format, count())
        return map(_from_array, iter(video), names)
    return map(_from_file, [item], [max_pixels])


def _from_file(path: Path, max_pixels: int) -> dict:
    load = LoadImage(max_pixels=max_pixels)  # upright, as in training
    return dict(load(dict(img_path=str(path))), name=path.stem)


def _from_array(image: np.ndarray, name: str) -> dict:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(
            'expected a BGR image, uint8 of shape (H, W, 3), got '
            f'{image.dtype} of shape {image.shape}'
        )
    return dict(_load_array(dict(img=image)), name=name)
