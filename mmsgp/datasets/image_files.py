"""Image files, looked at before they are decoded."""
from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import mmcv
import numpy as np
from mmengine import fileio
from PIL import Image

# 8,000 x 8,000, more than most cameras take in one shot: 192 MB once decoded.
MAX_PIXELS = 64_000_000
# Of these OpenCV decodes what Pillow reads the size of.
_KINDS = ('JPEG', 'PNG', 'BMP', 'PPM', 'TIFF', 'WEBP', 'GIF', 'AVIF', 'JPEG2000',
          'SUN')
# Four channels of 16 bits, uncompressed; and room for what describes the image.
_BYTES_PER_PIXEL = 8
_FEWEST_BYTES = 2**24
_TIFF_SIZE_TAGS = (256, 257)
# What Pillow and OpenCV raise for damaged content.
_DAMAGE = (OSError, SyntaxError, ValueError, LookupError, TypeError,
           ArithmeticError, RuntimeError, AssertionError, EOFError, MemoryError,
           struct.error, zlib.error, cv2.error, Image.DecompressionBombError)


def read_image(path: str | Path,
               flag: str = 'color',
               max_pixels: int = MAX_PIXELS,
               imdecode_backend: str = 'cv2',
               backend_args: dict | None = None) -> np.ndarray:
    """An image, unless decoding it would fill the memory.

    Args:
        path: Of the image.
        flag: As :func:`mmcv.imfrombytes` takes it. Defaults to ``'color'``.
        max_pixels: An image of more is not decoded. Defaults to 64 million.
        imdecode_backend: MMCV's backend that decodes. Defaults to ``'cv2'``.
        backend_args: Where files lie, as MMEngine's file backends
            take it. Defaults to None: the path says it.

    Returns:
        ndarray: (H, W, 3) uint8, BGR, for flags of colour.

    Raises:
        OSError: If there is no such file, or it cannot be read.
        ValueError: If it is empty, damaged, no image, or too large.
    """
    with _open(path, backend_args) as file:
        check_image(file, path, max_pixels)
        with _damage_named(path):
            file.seek(0)
            image = mmcv.imfrombytes(
                file.read(), flag=flag, backend=imdecode_backend)
            if image is None:
                raise OSError('OpenCV decodes nothing')
    return image


def check_image(file: BinaryIO, path: str | Path, max_pixels: int) -> None:
    """Check the header and the length of a file, which is not decoded.

    Args:
        file: The file, opened.
        path: What it is called in errors.
        max_pixels: Most pixels that an image may have.

    Raises:
        ValueError: If it is empty, damaged, no image, or too large.
    """
    most_bytes = max(_BYTES_PER_PIXEL * max_pixels, _FEWEST_BYTES)
    with _damage_named(path):
        num_bytes = file.seek(0, os.SEEK_END)
    if num_bytes > most_bytes:
        raise ValueError(
            f'{path} has {num_bytes / 2**20:.0f} MiB, but an image of '
            f'{max_pixels / 10**6:g} million pixels, the most that are taken '
            f'(max_pixels), has at most {most_bytes / 2**20:.0f}')
    with _damage_named(path):
        width, height = _size_in_header(file)
    check_size(width, height, path, max_pixels)


def check_size(width: int, height: int, path: str | Path, max_pixels: int) -> None:
    """Raise a ValueError that names the file if it has too many pixels."""
    if width * height > max_pixels:
        raise ValueError(
            f'{path} has {width} x {height} pixels, more than the '
            f'{max_pixels / 10**6:g} million that are taken (max_pixels): make it '
            'smaller')


def read_without_exif_rotation(path: str | Path,
                               backend_args: dict | None = None) -> np.ndarray:
    """An image as its pixels lie in the file, whatever its EXIF orientation.

    Boxes are annotated, and predicted, on these pixels.

    Args:
        path: Of the image.
        backend_args: Where files lie, as MMEngine's file backends
            take it. Defaults to None: the path says it.

    Returns:
        ndarray: (H, W, 3) uint8, RGB.
    """
    # With this flag OpenCV, one of MMCV's backends, would ignore channel_order.
    return mmcv.bgr2rgb(mmcv.imread(
        path, flag='color_ignore_orientation', backend_args=backend_args))


@contextmanager
def _damage_named(path: str | Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        # Of libraries' other errors the texts say less.
        telling = (ValueError, Image.DecompressionBombError)
        reason = f' ({error})' if isinstance(error, telling) else ''
        raise ValueError(f'{path} is empty, damaged or no image{reason}') from error


def _open(path: str | Path, backend_args: dict | None) -> BinaryIO:
    backend = fileio.get_file_backend(path, backend_args=backend_args)
    if not isinstance(backend, fileio.LocalBackend):
        return BytesIO(backend.get(path))
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f'{path} is no file')
    return open(path, 'rb')


def _size_in_header(file: BinaryIO) -> tuple[int, int]:
    """Width and height by Pillow's readers, whatever Pillow's own limit."""
    Image.init()
    file.seek(0)
    prefix = file.read(16)
    for kind in _KINDS:
        read, accepts = Image.OPEN.get(kind, (None, None))
        if read is not None and accepts(prefix) is True:
            file.seek(0)
            with read(file, '') as image:
                if kind == 'TIFF':
                    _check_tiff_tags(file, prefix)
                return image.size
    raise OSError('the kind is unknown')


def _check_tiff_tags(file: BinaryIO, prefix: bytes) -> None:
    """Of a size given twice Pillow takes the last, and OpenCV the first."""
    order = '<' if prefix[:2] == b'II' else '>'
    is_big = 43 in prefix[2:4]
    file.seek(struct.unpack(order + ('Q' if is_big else 'I'),
                            prefix[8:16] if is_big else prefix[4:8])[0])
    number, = struct.unpack(*((order + 'Q', file.read(8)) if is_big else
                              (order + 'H', file.read(2))))
    entry = 20 if is_big else 12
    entries = file.read(entry * number)
    tags = [struct.unpack_from(order + 'H', entries, at)[0]
            for at in range(0, len(entries) - 1, entry)]
    if any(tags.count(tag) != 1 for tag in _TIFF_SIZE_TAGS):
        raise ValueError('its size is given twice')
