"""Find the images and videos that a user's paths stand for."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log

# What OpenCV and Pillow decode; HEIC needs the package pillow-heif.
# fmt: off
IMAGE_SUFFIXES = (
    '.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff',
    '.webp', '.gif', '.avif', '.jp2', '.heic', '.heif')
VIDEO_SUFFIXES = (
    '.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv',
    '.ogv', '.3gp', '.ts', '.mts', '.m2ts')
# fmt: on
_ADDRESS = re.compile(r'[a-z][a-z0-9+.-]+:/', re.IGNORECASE)


class FoundFile(NamedTuple):
    """An image or a video.

    Attributes:
        path: The file.
        name: Name of its outputs without suffix; with the sub-folders of the folder
            that was given.
    """

    path: Path
    name: str

    @property
    def is_video(self) -> bool:
        return is_video(self.path)


def is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_files(given: str | Path, leave_out: Sequence[Path] = ()) -> list[FoundFile]:
    """List the images of a folder and its sub-folders by name; a file is listed alone.

    Other files of a folder are counted in the log; hidden ones are not.

    Args:
        given: A file or a folder.
        leave_out: Folders that are not searched, because outputs are written there.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is an address, or a folder without images.
    """
    path = Path(given).expanduser()
    if _ADDRESS.match(str(given)) and not os.path.exists(path):
        raise ValueError(f'{given} is an address: download the file, and give its path')
    if not os.path.isdir(path):
        if not os.path.isfile(path):
            raise FileNotFoundError(f'{path}: this image, video or folder does not exist')
        return [FoundFile(path, path.stem)]
    files = list(_walk(path, leave_out))
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    others = [file for file in files if file.suffix.lower() not in IMAGE_SUFFIXES]
    if not images:
        raise ValueError(
            f'the folder {path} has no images; images end in {", ".join(IMAGE_SUFFIXES)}'
            + (f'. It has {_count_kinds(others)}' if others else '')
        )
    if others:
        print_log(
            f'{path}: {len(others)} of {len(files)} files are no images and are left out: '
            f'{_count_kinds(others)}',
            logger='current',
            level=logging.WARNING,
        )
    return [FoundFile(file, str(file.relative_to(path).with_suffix(''))) for file in images]


def _walk(folder: Path, leave_out: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of a folder, then those of its sub-folders, each by name."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith('.') and not _is_one_of(Path(place, name), leave_out)
        )
        yield from (Path(place, name) for name in sorted(files) if not name.startswith('.'))


def _is_one_of(folder: Path, others: Sequence[Path]) -> bool:
    return any(other.exists() and folder.samefile(other) for other in others)


def _count_kinds(files: list[Path]) -> str:
    """Count files by suffix, and name what is not an image but could be meant.

    Example:
        >>> _count_kinds([Path('a.txt'), Path('b.txt'), Path('clip.MPG')])
        '2 .txt (e.g. a.txt), 1 .mpg (clip.MPG: give videos by name)'
    """
    kinds = Counter(file.suffix.lower() or 'without suffix' for file in files)
    first = {file.suffix.lower() or 'without suffix': file for file in reversed(files)}
    return ', '.join(
        f'{number} {kind} ({"" if number == 1 else "e.g. "}{first[kind].name}'
        f'{": give videos by name" if is_video(first[kind]) else ""})'
        for kind, number in kinds.items()
    )
