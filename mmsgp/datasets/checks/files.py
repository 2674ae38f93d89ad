"""Checks of the image files: whether they exist, and what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
from mmengine.fileio import LocalBackend, get_file_backend, join_path
from PIL import Image

from mmsgp.datasets.image_files import MAX_PIXELS, check_image

from .data import CheckedData
from .findings import ERROR, WARNING, Finding, some
from .splits import shared_images

_ORIENTATION = 0x0112  # the tag in EXIF data
_UPRIGHT = 1
_TURNED = (5, 6, 7, 8)  # by a quarter: width and height change places


def find_files(data: CheckedData) -> tuple[list[str], np.ndarray]:
    """Find the image files, by listing their folders once.

    Returns:
        The path of each image, and (I,) bool whether it exists; on a remote
        storage all count as existing.
    """
    paths, exist = [], []
    for part in data.parts:
        folders = part.dataset.data_prefix['img']
        names = part.annotations.file_names.tolist()
        if not isinstance(get_file_backend(folders[0]), LocalBackend):
            paths += [join_path(folders[0], name) for name in names]  # to ask takes too long
            exist += [True] * len(names)
            continue
        for name in names:
            candidates = [os.path.join(folder, name) for folder in folders]
            found = next((p for p in candidates if os.path.basename(p) in _listed(p)), None)
            paths.append(found or candidates[0])
            exist.append(found is not None)
    _files_in.cache_clear()
    return paths, np.array(exist, bool)


def _listed(path: str) -> frozenset[str]:
    return _files_in(os.path.dirname(path))


@cache
def _files_in(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder or '.'))
    except OSError:
        return frozenset()


def check_missing(data: CheckedData, paths: list[str], exist: np.ndarray) -> Iterator[Finding]:
    """Image files that do not exist."""
    if exist.all():
        return
    left_out = all(part.dataset.skip_missing_images for part in data.parts)
    missing = [paths[i] for i in np.flatnonzero(~exist)[:1000]]
    stems = {_stem(path) for path in missing}
    folders = {os.path.dirname(path) for path in missing}
    beside = [
        os.path.join(folder, name)
        for folder in sorted(folders)
        for name in sorted(_files_in(folder))
        if _stem(name) in stems
    ]
    yield Finding(
        'missing_images', WARNING if left_out else ERROR, int((~exist).sum()),
        f'{(~exist).sum()} of {len(exist)} image files do not exist: '
        + (
            'they are left out (skip_missing_images)'
            if left_out
            else 'training stops at the first one. Put them there, or leave them out with '
            '--cfg-options skip_missing_images=True'
        )
        + (f'. Other files of these names are there, e.g. {beside[0]}' if beside else ''),
        some(paths, ~exist),
    )  # fmt: skip


def _stem(path: str) -> str:
    """Return the name of a file without suffix, and without zeros in front."""
    return os.path.splitext(os.path.basename(path))[0].lstrip('0')


def check_contents(
    data: CheckedData,
    paths: list[str],
    exist: np.ndarray,
    track: Callable[[Iterable, int], Iterable] = lambda items, total: items,
    num_workers: int | None = None,
) -> Iterator[Finding]:
    """Open the files: damage, sizes, EXIF orientation, and copies in other splits.

    Args:
        data: The data.
        paths: Path of each image.
        exist: (I,) whether it exists.
        track: Shows progress over an iterable with a number of items.
        num_workers: Processes. Defaults to the number of cores.
    """
    present = np.flatnonzero(exist)
    with ProcessPoolExecutor(num_workers or len(os.sched_getaffinity(0))) as pool:
        results = pool.map(look_at, [paths[i] for i in present], chunksize=64)
        looks = list(track(results, len(present)))
    errors = [error for *_, error in looks if error]
    if errors:
        yield Finding(
            'damaged_images', ERROR, len(errors),
            f'{len(errors)} image files cannot be read: replace them',
            some(errors),
        )  # fmt: skip
    sizes = data.annotations.sizes[present]
    lying = np.array([size for size, *_ in looks]).reshape(-1, 2)
    orientation = np.array([turn for _, turn, *_ in looks])
    readable = np.array([not error for *_, error in looks], bool)
    turned = np.isin(orientation, _TURNED)
    upright = np.where(turned[:, None], lying[:, ::-1], lying)
    fits = (upright == sizes).all(axis=1)
    fits_lying = (lying == sizes).all(axis=1)
    names = [data.names[i] for i in present]
    wrong = readable & ~fits & ~fits_lying
    if wrong.any():
        yield Finding(
            'image_sizes', ERROR, int(wrong.sum()),
            f'{wrong.sum()} images have another size than annotated: use the images that the '
            'annotations were made on',
            some([
                f'{names[i]} is {upright[i][0]} x {upright[i][1]}, annotated {sizes[i][0]} x '
                f'{sizes[i][1]}' for i in np.flatnonzero(wrong)[:5]
            ]),
        )  # fmt: skip
    other_frame = readable & ~fits & fits_lying
    if other_frame.any():
        yield Finding(
            'exif_frame', WARNING, int(other_frame.sum()),
            f'{other_frame.sum()} images are turned by their EXIF data, but annotated as they lie '
            'in the file: they are trained on as they lie, and parsed upright. Turn boxes and '
            'sizes, or remove the EXIF orientation',
            some(names, other_frame),
        )  # fmt: skip
    unclear = readable & fits & (orientation > _UPRIGHT) & (~turned | fits_lying)
    if unclear.any():
        yield Finding(
            'exif_unclear', WARNING, int(unclear.sum()),
            f'{unclear.sum()} images are turned or mirrored by their EXIF data without a change '
            'of their size: boxes are taken to be on the upright image. If they are on the pixels '
            "as they lie, set color_type='color_ignore_orientation' of LoadImage",
            some(names, unclear),
        )  # fmt: skip
    hashes = np.arange(len(data.annotations), dtype=np.uint64)
    hashes[present] = [digest for _, _, digest, _ in looks]
    yield from shared_images(data, hashes, 'copied_images', 'have the content of another one')


def look_at(path: str) -> tuple[tuple[int, int], int, int, str]:
    """Read the header and the content of an image file.

    Returns:
        Width and height as the pixels lie, EXIF orientation, a number that depends
        on the bytes, and what is wrong; empty if nothing is.
    """
    try:
        with open(path, 'rb') as file:
            digest = int.from_bytes(hashlib.sha256(file.read()).digest()[:8], 'little')
            check_image(file, path, MAX_PIXELS)
        with Image.open(path) as image:
            orientation = image.getexif().get(_ORIENTATION, _UPRIGHT)
            size = image.size
            image.load()  # decodes: half a file is not one
        return size, orientation, digest, ''
    except (OSError, ValueError, SyntaxError) as error:
        reason = str(error)
        return (
            (0, 0),
            _UPRIGHT,
            hash(path) % 2**63,
            reason if path in reason else f'{path}: {reason}',
        )


def check_folders(data: CheckedData) -> list[Finding]:
    """Folders of images, if none of them exists."""
    folders = {folder for part in data.parts for folder in part.dataset.data_prefix['img']}
    if any(
        not isinstance(get_file_backend(folder), LocalBackend) or os.path.isdir(folder or '.')
        for folder in folders
    ):
        return []
    return [
        Finding(
            'image_folder', ERROR, len(folders),
            'no folder of images exists: set data_prefix of the data sets, e.g. --cfg-options '
            '"data_prefix={\'img\': \'images\'}"',
            some(sorted(folders)),
        )
    ]  # fmt: skip
