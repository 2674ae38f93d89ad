"""Check image files before they are decoded."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import mmcv
import numpy as np
from mmengine import fileio
from PIL import Image

# 8,000 x 8,000, more than most cameras have: 192 MB when decoded.
MAX_PIXELS = 64_000_000
# Formats whose size Pillow reads. OpenCV decodes most of them; Pillow the rest.
_KINDS = ('JPEG', 'PNG', 'BMP', 'PPM', 'TIFF', 'WEBP', 'GIF', 'AVIF', 'JPEG2000', 'SUN', 'HEIF')
# Bytes 8 to 12 of HEIC files, which are in the same container as AVIF files.
_HEIC_BRANDS = (b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1')
# Four uncompressed channels of 16 bits; and a minimum, for metadata.
_BYTES_PER_PIXEL = 8
_FEWEST_BYTES = 2**24
_TIFF_SIZE_TAGS = (256, 257)
# Errors of Pillow and OpenCV for damaged content.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    cv2.error,
    Image.DecompressionBombError,
)


def read_image(
    path: str | Path,
    flag: str = 'color',
    max_pixels: int = MAX_PIXELS,
    imdecode_backend: str = 'cv2',
    backend_args: dict | None = None,
) -> np.ndarray:
    """Read an image, unless it would fill the memory.

    Args:
        path: Path of the image.
        flag: See :func:`mmcv.imfrombytes`. Defaults to ``'color'``.
        max_pixels: Largest number of pixels. Defaults to 64 million.
        imdecode_backend: MMCV's decoding backend. Defaults to ``'cv2'``.
        backend_args: Config of MMEngine's file backend. Defaults to None: chosen
            by the path.

    Returns:
        ndarray: (H, W, 3) uint8, BGR, for colour flags.

    Raises:
        OSError: If the file does not exist or cannot be read.
        ValueError: If it is empty, damaged, not an image, or too large.
    """
    with _open(path, backend_args) as file:
        return _decode(file, path, flag, max_pixels, imdecode_backend)


def decode_image(
    content: bytes, name: str, flag: str = 'color', max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Decode the bytes of an image file, as :func:`read_image` does.

    Args:
        content: The bytes.
        name: Name of the image in error messages.
        flag: See :func:`mmcv.imfrombytes`. Defaults to ``'color'``.
        max_pixels: Largest number of pixels. Defaults to 64 million.

    Returns:
        ndarray: (H, W, 3) uint8, BGR, for colour flags.

    Raises:
        ValueError: If they are empty, damaged, not an image, or too large.
    """
    return _decode(BytesIO(content), name, flag, max_pixels, 'cv2')


def _decode(
    file: BinaryIO, path: str | Path, flag: str, max_pixels: int, backend: str
) -> np.ndarray:
    check_image(file, path, max_pixels)
    with _damage_named(path):
        file.seek(0)
        content = file.read()
        image = mmcv.imfrombytes(content, flag=flag, backend=backend)
        if image is None and content[4:8] == b'ftyp':  # HEIC; AVIF where OpenCV has none
            image = mmcv.imfrombytes(content, flag=flag, backend='pillow')
        if image is None:
            raise OSError('OpenCV cannot decode it')
    return image


def missing_image(image_id: int | str | None, path: str, folders: Sequence[str]) -> str:
    """Say that the file of an image is missing, with a file near its name.

    Args:
        image_id: The image.
        path: Where it was expected.
        folders: Where it was looked for.
    """
    message = f'image {image_id} is missing: no such file {path}'
    if folders:
        message += f' (looked in: {", ".join(folders)})'
    near = _near_file(Path(path), [Path(path).parent, *map(Path, folders)])
    return (
        message
        if near is None
        else (
            f'{message}. There is {near}: if it is the image, give the annotations this file_name'
        )
    )


def _near_file(path: Path, folders: Sequence[Path]) -> Path | None:
    """Find a file of another suffix, in other letters, or with other zeros in front."""

    def key(name: str) -> str:
        return Path(name).stem.lower().lstrip('0')

    for folder in folders:
        if folder.is_dir():
            names = (
                entry.name for entry in os.scandir(folder) if key(entry.name) == key(path.name)
            )
            if near := min(names, default=None):
                return folder / near
    return None


def check_image(file: BinaryIO, path: str | Path, max_pixels: int) -> None:
    """Check the header and the size of a file without decoding it.

    Args:
        file: The open file.
        path: Its name in error messages.
        max_pixels: Largest number of pixels.

    Raises:
        ValueError: If it is empty, damaged, not an image, or too large.
    """
    most_bytes = max(_BYTES_PER_PIXEL * max_pixels, _FEWEST_BYTES)
    with _damage_named(path):
        num_bytes = file.seek(0, os.SEEK_END)
    if num_bytes > most_bytes:
        raise ValueError(
            f'{path} has {num_bytes / 2**20:.0f} MiB, but an image of '
            f'{max_pixels / 10**6:g} million pixels, the limit (max_pixels), has '
            f'at most {most_bytes / 2**20:.0f}'
        )
    _let_pillow_read_heic(file, path)
    with _damage_named(path):
        width, height = _size_in_header(file)
    check_size(width, height, path, max_pixels)


def check_size(width: int, height: int, path: str | Path, max_pixels: int) -> None:
    """Check the number of pixels. Raises a ValueError that names the file."""
    if width * height > max_pixels:
        raise ValueError(
            f'{path} has {width} x {height} pixels, more than the limit of '
            f'{max_pixels / 10**6:g} million (max_pixels): make it smaller'
        )


def read_as_annotated(
    path: str | Path, shape: tuple[int, int] | None, flag: str = 'color', **kwargs
) -> np.ndarray:
    """Read an image upright, unless its annotated size says otherwise.

    Cameras store an image as its pixels lie and, in the EXIF data, how it is to
    be turned. MMDetection, viewers and most annotation tools turn it. Where only
    the pixels as they lie have the annotated size, the boxes are on these.

    Args:
        path: Path of the image.
        shape: Annotated height and width; None if they are not known.
        flag: See :func:`read_image`. One that ends in ``_ignore_orientation``
            never turns the image.
        **kwargs: Other arguments of :func:`read_image`, which names the errors.

    Returns:
        ndarray: (H, W, 3) uint8, BGR.
    """
    image = read_image(path, flag, **kwargs)
    turned_shape = shape and (shape[1], shape[0])
    if flag in ('color', 'grayscale') and image.shape[:2] == turned_shape != tuple(shape):
        as_it_lies = read_image(path, f'{flag}_ignore_orientation', **kwargs)
        if as_it_lies.shape[:2] == tuple(shape):
            return as_it_lies
    return image


@contextmanager
def _damage_named(path: str | Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        # The texts of other errors do not help the user.
        helpful = (ValueError, Image.DecompressionBombError)
        reason = f' ({error})' if isinstance(error, helpful) else ''
        raise ValueError(f'{path} is empty, damaged or not an image{reason}') from error


def _open(path: str | Path, backend_args: dict | None) -> BinaryIO:
    backend = fileio.get_file_backend(path, backend_args=backend_args)
    if not isinstance(backend, fileio.LocalBackend):
        return BytesIO(backend.get(path))
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f'{path} is not a regular file')
    return open(path, 'rb')


def _size_in_header(file: BinaryIO) -> tuple[int, int]:
    """Read width and height with Pillow's readers, without Pillow's own limit."""
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
    raise OSError('unknown format')


def _let_pillow_read_heic(file: BinaryIO, path: str | Path) -> None:
    """Give Pillow a reader of HEIC, if the file is one.

    Raises:
        ValueError: If the package that reads it is not installed.
    """
    file.seek(0)
    prefix = file.read(12)
    is_heic = prefix[4:8] == b'ftyp' and prefix[8:] in _HEIC_BRANDS
    if not is_heic or 'HEIF' in Image.OPEN:
        return
    try:
        from pillow_heif import register_heif_opener  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ValueError(
            f'{path} is a HEIC image: pip install pillow-heif, or save it as JPEG'
        ) from error
    register_heif_opener()


def _check_tiff_tags(file: BinaryIO, prefix: bytes) -> None:
    """Check that the size occurs once; of two, Pillow and OpenCV differ in choice."""
    order = '<' if prefix[:2] == b'II' else '>'
    is_big = 43 in prefix[2:4]
    file.seek(
        struct.unpack(order + ('Q' if is_big else 'I'), prefix[8:16] if is_big else prefix[4:8])[0]
    )
    (number,) = struct.unpack(
        *((order + 'Q', file.read(8)) if is_big else (order + 'H', file.read(2)))
    )
    entry = 20 if is_big else 12
    entries = file.read(entry * number)
    tags = [
        struct.unpack_from(order + 'H', entries, at)[0] for at in range(0, len(entries) - 1, entry)
    ]
    if any(tags.count(tag) != 1 for tag in _TIFF_SIZE_TAGS):
        raise ValueError('its header gives the size twice')
