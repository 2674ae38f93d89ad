"""Images from files, folders, videos and arrays, read one at a time."""
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

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif',
                  '.tiff', '.webp')
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')

ImageInput = str | Path | np.ndarray
ImageInputs = ImageInput | Iterable[ImageInput]

# Bytes of a name, to which endings are added: file systems take 255.
_LONGEST_NAME = 190

_load_array = LoadImageFromNDArray()

# Steps of a pipeline that load what is read here, or what only annotations have.
_LOADERS = (LoadImageFromFile, LoadAnnotations, LoadRelations)


def without_loaders(pipeline: Iterable[dict]) -> list[dict]:
    """The steps of a test pipeline that load neither image nor annotations."""
    return [step for step in pipeline
            if not names_subclass(step['type'], TRANSFORMS, _LOADERS)]


class ImageSource:
    """Images to parse, in order; iterating reads them, holding none.

    One that cannot be read counts as an image. Its error is raised in its turn,
    and the next ones can still be had.

    An item is a dict as MMDetection's pipelines start from: ``img`` (H, W, 3)
    uint8 BGR, ``img_path`` (None for an array), ``img_shape``, ``ori_shape``,
    and ``name``, unlike those of the other items, for the files written of it;
    a long one is cut.

    Args:
        inputs: An image: a path or an array, (H, W, 3) uint8 BGR as
            :func:`mmcv.imread` reads it. A folder, whose images are taken in
            the order of their names; a video, whose frames are; or any iterable
            of these.
        max_pixels: An image or video of more is not decoded. Defaults to
            64 million.

    Attributes:
        is_single: Whether the input is one image.
        total (int or None): Number of images; None if it is not known before.

    Raises:
        FileNotFoundError: When it is read, if there is no such file or folder.
        ValueError: When it is read, if a file is no image or video, or a folder
            has no image.
        TypeError: If an input is nothing of this.
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
            raise TypeError('expected a path, an array, or a list of these, got '
                            f'{type(inputs).__name__}')
        self._items = inputs

    def __iter__(self) -> Iterator[dict]:
        used: Counter = Counter()

        def named(image: dict) -> dict:
            """Images of one name, as a.jpg and a.png are, are told apart."""
            stem = name = _cut(image['name'])
            while name in used:
                used[stem] += 1
                name = f'{stem}_{used[stem]}'
            used[name] = 1
            image['name'] = name
            return image

        # Without a variable here that would keep an image.
        return map(named, _Chained(map(self._read, self._items)))


class _Chained:
    """Items of iterables, one after the other.

    After an error the next items can be had, unlike those of
    :func:`itertools.chain.from_iterable`.
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
    """A folder as its images; anything else as it is.

    What is not there is given as its error, to be raised when it is read.
    """
    if isinstance(value, np.ndarray):
        return [value]
    if not isinstance(value, (str, Path)):
        raise TypeError('expected the path of an image or an array, got '
                        f'{type(value).__name__}')
    try:
        return _list(Path(value).expanduser())
    except (OSError, ValueError) as error:
        return [error]


def _cut(name: str) -> str:
    """A name short enough for the files that are written of an image."""
    while len(os.fsencode(name)) > _LONGEST_NAME:
        name = name[:-1]
    return name


def _list(path: Path) -> list[Path]:
    if os.path.isdir(path):
        images = sorted(file for file in path.iterdir()
                        if file.suffix.lower() in IMAGE_SUFFIXES)
        if not images:
            raise ValueError(f'the folder {path} has no image; images end in '
                             f'{", ".join(IMAGE_SUFFIXES)}')
        return images
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: no such image, video or folder')
    return [path]


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _count(item: ImageInput | Exception) -> int | None:
    if not isinstance(item, Path) or not _is_video(item):
        return 1
    try:
        # Some containers do not say how many frames there are.
        return max(_open_video(item).frame_cnt, 0) or None
    except (OSError, ValueError):
        return 1


def _open_video(path: Path) -> mmcv.VideoReader:
    video = mmcv.VideoReader(str(path), cache_capacity=1)
    if not video.opened:
        raise ValueError(f'{path} is empty, damaged or no video')
    return video


def _read(item: ImageInput | Exception, max_pixels: int) -> Iterator[dict]:
    """The image, or the frames of a video, read when they are asked for."""
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
    # People look at upright images, whatever way round the camera was held.
    load = LoadImage(color_type='color', max_pixels=max_pixels)
    return dict(load(dict(img_path=str(path))), name=path.stem)


def _from_array(image: np.ndarray, name: str) -> dict:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 \
            or not image.size:
        raise ValueError('expected a BGR image, uint8 of shape (H, W, 3), got '
                         f'{image.dtype} of shape {image.shape}')
    return dict(_load_array(dict(img=image)), name=name)
