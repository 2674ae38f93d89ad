"""Divide the images to parse into blocks, which are done as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mmsgp.apis.input_paths import IMAGE_SUFFIXES

LIST_SUFFIX = '.txt'
TAR_SUFFIX = '.tar'
PARQUET_SUFFIX = '.parquet'
# Columns of a Parquet file that may hold images: their bytes, or, as in the files of
# Hugging Face's datasets, a struct of bytes and path.
IMAGE_COLUMNS = ('image', 'jpg', 'png', 'bytes', 'content', 'image_bytes')


@dataclass(frozen=True)
class Block:
    """Images that are parsed together.

    Attributes:
        number: Position among the blocks.
        source: The tar or Parquet file; '' for images that are files themselves.
        row_group: Row group of a Parquet file, else None.
        files: The image files, in order, if ``source`` is ''.
    """

    number: int
    source: str = ''
    row_group: int | None = None
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f'part-{self.number:08d}'


def list_blocks(
    inputs: Sequence[str | Path], block_size: int = 1000, image_column: str | None = None
) -> list[Block]:
    """List the blocks of the inputs.

    A tar file is a block and so is a row group of a Parquet file, because these are
    read from their beginning. Files of folders and lists are divided.

    Args:
        inputs: Image files; folders, which are searched to the bottom; text files
            (``.txt``) with the path of an image per line; tar files of images, such as
            the shards of WebDataset; Parquet files with the bytes of images.
        block_size: Image files per block. Defaults to 1000.
        image_column: Column of the images in Parquet files. Defaults to None: see
            :func:`find_image_column`.

    Returns:
        list[Block]: In the order of the inputs; folders in the order of their names. A
        file that is named twice occurs once.

    Raises:
        FileNotFoundError: If an input does not exist.
        ValueError: If an input is of another type, or nothing is found.
    """
    if block_size < 1:
        raise ValueError(f'block_size must be positive, got {block_size}')
    images: dict[str, None] = {}
    shards: dict[tuple[str, int | None], None] = {}
    for path in map(Path, inputs):
        for found in _expand(path):
            if found.suffix.lower() == TAR_SUFFIX:
                shards[str(found), None] = None
            elif found.suffix.lower() == PARQUET_SUFFIX:
                shards.update(
                    dict.fromkeys((str(found), group) for group in _row_groups(found, image_column))
                )
            else:
                images[str(found)] = None
    names = list(images)
    parts = [
        dict(files=tuple(names[start : start + block_size]))
        for start in range(0, len(names), block_size)
    ]
    parts += [dict(source=source, row_group=group) for source, group in shards]
    if not parts:
        raise ValueError(f'{", ".join(map(str, inputs))}: no image, tar or Parquet file found')
    return [Block(number, **part) for number, part in enumerate(parts)]


def _expand(path: Path) -> Iterator[Path]:
    """The files of an input; those of folders by name, without hidden ones."""
    suffix = path.suffix.lower()
    if path.is_dir():
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith('.'))
            for name in sorted(names):
                file = Path(folder, name)
                if not name.startswith('.') and file.suffix.lower() in (
                    *IMAGE_SUFFIXES,
                    TAR_SUFFIX,
                    PARQUET_SUFFIX,
                ):
                    yield file
    elif not path.is_file():
        raise FileNotFoundError(f'{path}: this file or folder does not exist')
    elif suffix == LIST_SUFFIX:
        yield from _listed(path)
    elif suffix in (*IMAGE_SUFFIXES, TAR_SUFFIX, PARQUET_SUFFIX):
        yield path
    else:
        raise ValueError(
            f'{path}: expected an image, a folder, a list of paths ({LIST_SUFFIX}), '
            f'a {TAR_SUFFIX} or a {PARQUET_SUFFIX} file'
        )


def _listed(path: Path) -> Iterator[Path]:
    """The paths in a text file, relative to its folder. A missing image is found when read."""
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not a text file in UTF-8: {error}') from error
    for line in filter(None, map(str.strip, lines)):
        yield path.parent / line


def _row_groups(path: Path, image_column: str | None) -> range:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f'{path} is not a Parquet file: {error}') from error
    find_image_column(path, file.schema_arrow.names, image_column)
    return range(file.num_row_groups)


def find_image_column(path: str | Path, names: Sequence[str], wanted: str | None = None) -> str:
    """Find the column of images in a Parquet file.

    Args:
        path: The file, for the error.
        names: Names of its columns.
        wanted: The column. Defaults to None: the first of ``IMAGE_COLUMNS``.

    Raises:
        ValueError: If it is not there.
    """
    for name in [wanted] if wanted else IMAGE_COLUMNS:
        if name in names:
            return name
    raise ValueError(
        f'{path} has no column {wanted or " or ".join(IMAGE_COLUMNS)} with the bytes of images; '
        f'its columns are {", ".join(names)}: name the one to read (--image-column)'
    )
