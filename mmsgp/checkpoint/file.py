"""Read checkpoint files as data: tensors, numbers and text, never code."""

from __future__ import annotations

import lzma
import os
import pickle
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log

from mmsgp.utils.text import in_a_line

TRUST_VARIABLE = 'MMSGP_TRUST_CHECKPOINTS'
HISTORY_METHODS = ('mean', 'max', 'min', 'current')
# Words in PyTorch's errors about an unknown function or class in a pickle.
_ASKS_FOR_CODE = re.compile(
    r'global|not allowed|unrecognized function|instantiate|build Tensor|'
    r'create new object|TorchScript',
    re.IGNORECASE,
)


def _history_method(owner: type, name: str) -> Callable:
    """Replace ``getattr``, with which a pickle could reach any function.

    MMEngine's histories use it to refer to their own statistics only.
    """
    if owner is not HistoryBuffer or name not in HISTORY_METHODS:
        raise pickle.UnpicklingError(f'getattr of {name!r} is not allowed')
    return getattr(HistoryBuffer, name)


def _safe_globals() -> list:
    """List the types in checkpoints of MMEngine's Runner, besides tensors."""
    multiarray = np._core.multiarray if hasattr(np, '_core') else np.core.multiarray
    dtypes = {type(np.dtype(name)) for name in ('f4', 'f8', 'i4', 'i8', 'u4')}
    return [
        HistoryBuffer,
        np.ndarray,
        np.dtype,
        multiarray._reconstruct,
        multiarray.scalar,
        slice,
        (_history_method, 'builtins.getattr'),
        *dtypes,
    ]


def read_checkpoint(path: str | Path, map_location: str | torch.device | None = None) -> dict:
    """Read a checkpoint without running the code inside it.

    A pickle can run any code when it is loaded. Here this needs the environment
    variable ``MMSGP_TRUST_CHECKPOINTS=1``.

    Args:
        path: The file.
        map_location: As in :func:`torch.load`.

    Returns:
        dict: The content of the file.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a regular file, is damaged, would fill the
            memory, holds code, or holds something else than a dict. The message
            has one line.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f'checkpoint {path} not found')
    # Reading a pipe would wait; files in /proc have size 0.
    if not path.is_file() or path.stat().st_size == 0:
        kind = 'empty' if path.is_file() else 'not a regular file'
        raise ValueError(f'{path} is {kind}: give a checkpoint file')
    _check_archive(path)
    checkpoint = _load_file(path, map_location)
    if not isinstance(checkpoint, dict):
        raise ValueError(
            f'{path} holds a {type(checkpoint).__name__}, but a '
            'checkpoint is a dict of weights by name'
        )
    return checkpoint


def _check_archive(path: Path) -> None:
    """Check that an archive is not compressed: unpacked it could fill the memory."""
    size = path.stat().st_size
    try:
        if not zipfile.is_zipfile(path):
            return
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except Exception as error:
        raise _damaged(path, error) from error
    if unpacked > size:
        raise ValueError(
            f'{path} has {size:,} bytes and unpacks to {unpacked:,}, but PyTorch does '
            'not compress checkpoints. Take another copy or another checkpoint'
        )


def _load_file(path: Path, map_location: str | torch.device | None) -> object:
    trusted = os.environ.get(TRUST_VARIABLE) == '1'
    if trusted:
        print_log(f'{TRUST_VARIABLE}=1: code inside {path} is executed', logger='current')
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            return torch.load(path, map_location=map_location, weights_only=not trusted)
    # Bytes of other files, read as a pickle, can raise any error.
    except Exception as error:
        reason = _reason(error)
        if trusted or not _ASKS_FOR_CODE.search(reason) or _has_damage(path):
            raise _damaged(path, error) from error
        raise ValueError(
            f'{path} contains code, which is not run: {reason}. If you trust its '
            f'source, set {TRUST_VARIABLE}=1: the code is then executed'
        ) from error


def _reason(error: Exception) -> str:
    """Shorten an error; PyTorch gives the cause at the end of a long text."""
    cause = error.__cause__ or error.__context__ or error
    text = in_a_line(cause, 200).split(' Please use ')[0]
    return f'{type(cause).__name__}: {text}'


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f'{path} is cut off, damaged or not a checkpoint '
        f'({_reason(error)}). Take another copy or another checkpoint'
    )


# Of an archive that is cut off, and of parts that claim to be compressed and are not.
_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
_ARCHIVE_ERRORS += (RuntimeError, ValueError)  # an unknown compression, or a wrong text


def _has_damage(path: Path) -> bool:
    """Whether a file of an archive differs from its checksum."""
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is not None
    except _ARCHIVE_ERRORS:
        return True
