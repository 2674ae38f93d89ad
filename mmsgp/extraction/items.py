"""Read the images of a block, one at a time."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from mmsgp.apis.input_paths import IMAGE_SUFFIXES

from .blocks import Block, find_image_column

# More than an image of the largest size has.
_MOST_BYTES = 2**29
_NAME_COLUMNS = ('key', '__key__', 'image_id', 'id', 'file_name', 'path', 'url')


@dataclass(frozen=True)
class Item:
    """An image that is not decoded yet.

    Attributes:
        name: Its name in the output: the path of the file; for an image within a file,
            ``shard.tar::member.jpg`` or ``file.parquet::key``.
        content: The bytes; None if the file ``name`` has to be read.
        error: Why there are no bytes, or None.
    """

    name: str
    content: bytes | None = None
    error: str | None = None


def read_items(block: Block, image_column: str | None = None) -> Iterator[Item]:
    """Iterate over the images of a block.

    Args:
        block: The block.
        image_column: Column of the images in a Parquet file. Defaults to None: found by
            its name, see :func:`find_image_column`.

    Yields:
        Item: In the order of the block. A file that breaks off ends with an item that
        has an error.

    Raises:
        ValueError: If a Parquet file has no column of images.
    """
    if not block.source:
        return map(Item, block.files)
    if block.row_group is None:
        return _read_tar(block.source)
    return _read_parquet(block.source, block.row_group, image_column)


def _read_tar(path: str) -> Iterator[Item]:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if not member.isfile() or not member.name.lower().endswith(IMAGE_SUFFIXES):
                    continue
                name = f'{path}::{member.name}'
                if member.size > _MOST_BYTES:
                    yield Item(name, error=f'{name} has {member.size / 2**20:.0f} MiB')
                else:
                    yield Item(name, archive.extractfile(member).read())
    except (OSError, EOFError, tarfile.TarError) as error:
        yield Item(path, error=f'the tar file cannot be read further: {error}')


def _read_parquet(path: str, row_group: int, image_column: str | None) -> Iterator[Item]:
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    image = find_image_column(path, names, image_column)
    key = next((name for name in _NAME_COLUMNS if name in names and name != image), None)
    columns = [image] + ([key] if key else [])
    row = 0
    try:
        for batch in file.iter_batches(64, row_groups=[row_group], columns=columns):
            keys = batch.column(key).to_pylist() if key else [None] * len(batch)
            for value, label in zip(batch.column(image).to_pylist(), keys):
                content = value.get('bytes') if isinstance(value, dict) else value
                name = f'{path}::{row_group}/{row}' + ('' if label is None else f'::{label}')
                row += 1
                if isinstance(content, bytes):
                    yield Item(name, content)
                else:
                    yield Item(name, error=f'column {image} holds no bytes')
    except (OSError, pa.ArrowException) as error:
        yield Item(f'{path}::{row_group}/{row}', error=f'cannot be read further: {error}')
