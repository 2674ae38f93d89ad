"""Read images from files, folders, videos and arrays, one at a time."""

from __future__ import annotations

import copy
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import count, repeat
from pathlib import Path

import mmcv
import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmdet.datasets.transforms import LoadImageFromNDArray
from mmengine.config import Config

from mmsgp.datasets.image_files import MAX_PIXELS, check_size
from mmsgp.datasets.transforms import LoadImage, LoadRelations
from mmsgp.registry import TRANSFORMS, names_subclass

from .input_paths import FoundFile, find_files, is_video

ImageInput = str | Path | np.ndarray
ImageInputs = ImageInput | Iterable[ImageInput]

# Bytes of a name without suffixes; file systems allow 255.
_LONGEST_NAME = 190

_load_array = LoadImageFromNDArray()

# Steps of a pipeline that load what is read here, or what only annotations have.
_LOADERS = (LoadImageFromFile, LoadAnnotations, LoadRelations)


def image_pipeline(cfg: Config) -> list[dict]:
    """The steps of a config's test pipeline that load neither image nor annotations."""
    steps = copy.deepcopy(cfg.test_dataloader.dataset.pipeline)
    for step in steps:
        if 'meta_keys' in step:
            step['meta_keys'] = [key for key in step['meta_keys'] if key != 'img_id']
    return [step for step in steps if not names_subclass(step['type'], TRANSFORMS, _LOADERS)]


class ImageSource:
    """Iterable that reads the images to parse, and keeps none in memory.

    A file that cannot be read counts as an image. Its error is raised when it is
    read; iterating can continue after it.

    An item is a dict, as MMDetection's pipelines need it: ``img`` (H, W, 3)
    uint8 BGR, ``img_path`` (None for an array), ``img_shape``, ``ori_shape``,
    and ``name``, a unique name for output files; long ones are shortened, and those
    of a folder's images contain its sub-folders. Frames have ``video``, the path, and
    ``frame``, the number from 0.

    Args:
        inputs: An image (a path, or an array, (H, W, 3) uint8 BGR, as
            :func:`mmcv.imread` reads it), a folder, whose images and those of its
            sub-folders are read in the order of their names, a video, or any iterable of these.
        max_pixels: Largest number of pixels of an image or frame. Defaults to
            64 million.
        is_finished: Whether an image need not be read, given its ``name`` and its
            ``img_path``, or its ``video`` and ``frame``. Its item then has these and
            ``finished=True``, and no image. Defaults to None: all are read.
        leave_out: Folders within the given ones that are not searched. Defaults to none.

    Attributes:
        is_single: Whether the input is one image.
        total: Number of images; None if it is unknown before reading.

    Raises:
        FileNotFoundError: While reading, if a file or folder does not exist.
        ValueError: While reading, if a file is not an image or video, or a folder
            has no image.
        TypeError: If an input is of another type.
    """

    def __init__(
        self,
        inputs: ImageInputs,
        max_pixels: int = MAX_PIXELS,
        is_finished: Callable[[dict], bool] | None = None,
        leave_out: Sequence[Path] = (),
    ) -> None:
        self.max_pixels = max_pixels
        self.is_finished = is_finished
        # With EXIF rotation, because users look at upright images.
        self._load = LoadImage(color_type='color', max_pixels=max_pixels)
        self.is_single = isinstance(inputs, np.ndarray)
        self.total = None
        if isinstance(inputs, (str, Path)):
            path = Path(inputs).expanduser()
            self.is_single = not os.path.isdir(path) and not is_video(path)
        if isinstance(inputs, (str, Path, np.ndarray)):
            inputs = [inputs]
        if isinstance(inputs, (list, tuple)):
            inputs = [item for value in inputs for item in _expand(value, leave_out)]
            counts = list(map(_count, inputs))
            self.total = None if None in counts else sum(counts)
        elif isinstance(inputs, Iterable):
            inputs = _Chained(map(partial(_expand, leave_out=leave_out), inputs))
        else:
            raise TypeError(
                f'expected a path, an array, or a list of these, got {type(inputs).__name__}'
            )
        self._items = inputs

    def __iter__(self) -> Iterator[dict]:
        used: Counter = Counter()

        def unique(name: str) -> str:
            """Make names unique, because e.g. a.jpg and a.png have the same stem."""
            stem = name = _cut(name)
            while name in used:
                used[stem] += 1
                name = f'{stem}_{used[stem]}'
            used[name] = 1
            return name

        # map, not a generator: a local variable would keep the last image alive.
        return _Chained(map(partial(self._read, unique=unique), self._items))

    def _read(
        self, item: FoundFile | np.ndarray | Exception, unique: Callable[[str], str]
    ) -> Iterator[dict]:
        """Iterate over the image, or the frames of a video."""
        if isinstance(item, Exception):
            raise item
        if isinstance(item, np.ndarray):
            return map(_from_array, [item], [dict(name=unique('image'))])
        if not item.is_video:
            place = dict(name=unique(item.name), img_path=str(item.path))
            return map(self._unless_finished, [self._from_file], [place])
        video = _open_video(item.path)
        check_size(video.width, video.height, item.path, self.max_pixels)
        places = (
            dict(name=unique(f'{item.name}_{frame:06d}'), video=str(item.path), frame=frame)
            for frame in count()
        )
        loads = map(partial, repeat(_from_array), iter(video))
        return map(self._unless_finished, loads, places)

    def _unless_finished(self, load: Callable[[dict], dict], place: dict) -> dict:
        if self.is_finished is not None and self.is_finished(place):
            return dict(img_path=None, finished=True) | place
        return load(place)

    def _from_file(self, place: dict) -> dict:
        return self._load(dict(place))


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


def _expand(value: ImageInput, leave_out: Sequence[Path]) -> list[ImageInput | Exception]:
    """List the images of a folder; return any other input as it is.

    A path that does not exist becomes an error, to be raised while reading.
    """
    if isinstance(value, np.ndarray):
        return [value]
    if not isinstance(value, (str, Path)):
        raise TypeError(f'expected the path of an image or an array, got {type(value).__name__}')
    try:
        return find_files(value, leave_out)
    except (OSError, ValueError) as error:
        return [error]


def _cut(name: str) -> str:
    """Shorten a name, so that file systems accept the names of output files."""
    folder, name = os.path.split(name)
    while len(os.fsencode(name)) > _LONGEST_NAME:
        name = name[:-1]
    return os.path.join(folder, name)


def _count(item: FoundFile | np.ndarray | Exception) -> int | None:
    if not isinstance(item, FoundFile) or not item.is_video:
        return 1
    try:
        # Some containers do not contain the number of frames.
        return max(_open_video(item.path).frame_cnt, 0) or None
    except (OSError, ValueError):
        return 1


def _open_video(path: Path) -> mmcv.VideoReader:
    video = mmcv.VideoReader(str(path), cache_capacity=1)
    if not video.opened:
        raise ValueError(f'{path} is empty, damaged or not a video')
    return video


def _from_array(image: np.ndarray, place: dict) -> dict:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(
            'expected a BGR image, uint8 of shape (H, W, 3), got '
            f'{image.dtype} of shape {image.shape}'
        )
    return _load_array(dict(img=image)) | place
