"""Images from files, folders, videos and arrays, read one at a time."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, count
from pathlib import Path

import mmcv
import numpy as np
from mmdet.datasets.transforms import LoadImageFromNDArray

from mmsgp.datasets.transforms import LoadImage

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif',
                  '.tiff', '.webp')
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')

ImageInput = str | Path | np.ndarray
ImageInputs = ImageInput | Iterable[ImageInput]

# People look at upright images, whatever way round the camera was held.
_load_file = LoadImage(color_type='color')
_load_array = LoadImageFromNDArray()


class ImageSource:
    """Images to parse, in order; iterating reads them, holding none.

    An item is a dict as MMDetection's pipelines start from: ``img`` (H, W, 3)
    uint8 BGR, ``img_path`` (None for an array), ``img_shape``, ``ori_shape``,
    and ``name``, unlike those of the other items, for the files written of it.

    Args:
        inputs: An image: a path or an array, (H, W, 3) uint8 BGR as
            :func:`mmcv.imread` reads it. A folder, whose images are taken in
            the order of their names; a video, whose frames are; or any iterable
            of these.

    Attributes:
        is_single (bool): Whether the input is one image.
        total (int or None): Number of images; None if it is not known before.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If a folder has no image.
        TypeError: If an input is nothing of this.
    """

    def __init__(self, inputs: ImageInputs) -> None:
        self.is_single = isinstance(inputs, np.ndarray)
        self.total = None
        if isinstance(inputs, (str, Path)):
            path = Path(inputs)
            self.is_single = path.is_file() and not _is_video(path)
        if isinstance(inputs, (str, Path, np.ndarray)):
            inputs = [inputs]
        if isinstance(inputs, (list, tuple)):
            inputs = [item for value in inputs for item in _expand(value)]
            counts = list(map(_count, inputs))
            self.total = None if None in counts else sum(counts)
        elif isinstance(inputs, Iterable):
            inputs = chain.from_iterable(map(_expand, inputs))
        else:
            raise TypeError('expected a path, an array, or a list of these, got '
                            f'{type(inputs).__name__}')
        self._items = inputs

    def __iter__(self) -> Iterator[dict]:
        used: Counter = Counter()

        def named(image: dict) -> dict:
            """Images of one name, as a.jpg and a.png are, are told apart."""
            stem, name = image['name'], image['name']
            while name in used:
                used[stem] += 1
                name = f'{stem}_{used[stem]}'
            used[name] = 1
            image['name'] = name
            return image

        # Without a variable here that would keep an image.
        return map(named, chain.from_iterable(map(_read, self._items)))


def _expand(value: ImageInput) -> list[ImageInput]:
    """A folder as its images; anything else as it is, once it is there."""
    if isinstance(value, np.ndarray):
        return [value]
    if not isinstance(value, (str, Path)):
        raise TypeError('expected the path of an image or an array, got '
                        f'{type(value).__name__}')
    path = Path(value).expanduser()
    if path.is_dir():
        images = sorted(file for file in path.iterdir()
                        if file.suffix.lower() in IMAGE_SUFFIXES)
        if not images:
            raise ValueError(f'the folder {path} has no image; images end in '
                             f'{", ".join(IMAGE_SUFFIXES)}')
        return images
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such image, video or folder')
    return [path]


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _count(item: ImageInput) -> int | None:
    if isinstance(item, Path) and _is_video(item):
        # Some containers do not say how many frames there are.
        return max(_open_video(item).frame_cnt, 0) or None
    return 1


def _open_video(path: Path) -> mmcv.VideoReader:
    video = mmcv.VideoReader(str(path), cache_capacity=1)
    if not video.opened:
        raise ValueError(f'{path} is empty, damaged or no video')
    return video


def _read(item: ImageInput) -> Iterator[dict]:
    """The image, or the frames of a video, read when they are asked for."""
    if isinstance(item, np.ndarray):
        return map(_from_array, [item], ['image'])
    if _is_video(item):
        names = map(f'{item.stem}_{{:06d}}'.format, count())
        return map(_from_array, iter(_open_video(item)), names)
    return map(_from_file, [item])


def _from_file(path: Path) -> dict:
    loaded = _load_file(dict(img_path=str(path)))
    return dict(loaded, name=path.stem)


def _from_array(image: np.ndarray, name: str) -> dict:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 \
            or not image.size:
        raise ValueError('expected a BGR image, uint8 of shape (H, W, 3), got '
                         f'{image.dtype} of shape {image.shape}')
    return dict(_load_array(dict(img=image)), name=name)
