"""Checkpoint files as data: tensors, numbers and text, never code."""
from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log

from mmsgp.utils.text import in_a_line

TRUST_VARIABLE = 'MMSGP_TRUST_CHECKPOINTS'
HISTORY_METHODS = ('mean', 'max', 'min', 'current')
# How PyTorch words that a pickle names a function or class it does not know.
_ASKS_FOR_CODE = re.compile(
    r'global|not allowed|unrecognized function|instantiate|build Tensor|'
    r'create new object|TorchScript', re.IGNORECASE)


def _history_method(owner: type, name: str) -> Callable:
    """Stands in for ``getattr``, which finds a way to any function.

    MMEngine's histories refer by it to their own statistics, and to nothing
    else.
    """
    if owner is not HistoryBuffer or name not in HISTORY_METHODS:
        raise pickle.UnpicklingError(f'getattr of {name!r} is not allowed')
    return getattr(HistoryBuffer, name)


def _safe_globals() -> list:
    """Types that checkpoints of MMEngine's Runner hold besides tensors."""
    multiarray = np._core.multiarray if hasattr(np, '_core') else \
        np.core.multiarray
    dtypes = {type(np.dtype(name)) for name in ('f4', 'f8', 'i4', 'i8', 'u4')}
    return [
        HistoryBuffer, np.ndarray, np.dtype, multiarray._reconstruct,
        multiarray.scalar, slice, (_history_method, 'builtins.getattr'),
        *dtypes
    ]


def read_checkpoint(path: str | Path, map_location=None) -> dict:
    """Read a checkpoint without running the code inside it.

    A pickle can run anything when it is loaded. Here that needs the
    environment variable ``MMSGP_TRUST_CHECKPOINTS=1``.

    Args:
        path: The file.
        map_location: As in :func:`torch.load`.

    Returns:
        dict: The checkpoint, as it is in the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no file, is damaged, would fill the memory, or
            holds code or something else than a dict; in one line.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f'checkpoint {path} not found')
    # A pipe would be waited for; files of the system say that they are empty.
    if not path.is_file() or path.stat().st_size == 0:
        kind = 'empty' if path.is_file() else 'no regular file'
        raise ValueError(f'{path} is {kind}: give the file of a checkpoint')
    _check_archive(path)
    checkpoint = _load_file(path, map_location)
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} holds a {type(checkpoint).__name__}: a '
                         'checkpoint is a dict of weights by name')
    return checkpoint


def _check_archive(path: Path) -> None:
    """Check that an archive does not grow when it is unpacked."""
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
            f'{path} has {size:,} bytes and unpacks to {unpacked:,}: PyTorch does not '
            'compress checkpoints. Take another copy or another checkpoint')


def _load_file(path: Path, map_location) -> object:
    trusted = os.environ.get(TRUST_VARIABLE) == '1'
    if trusted:
        print_log(f'{TRUST_VARIABLE}=1: code inside {path} is executed',
                  logger='current')
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            return torch.load(
                path, map_location=map_location, weights_only=not trusted)
    # Bytes of other files, read as a pickle, fail in any way.
    except Exception as error:
        reason = _reason(error)
        if trusted or not _ASKS_FOR_CODE.search(reason) or _has_damage(path):
            raise _damaged(path, error) from error
        raise ValueError(
            f'{path} asks for code when it is loaded, which is not run: {reason}. '
            'If it comes from a source that you trust, set '
            f'{TRUST_VARIABLE}=1: the code inside it is then executed') from error


def _reason(error: Exception) -> str:
    """PyTorch explains at length, and gives the cause at the end."""
    cause = error.__cause__ or error.__context__ or error
    said = in_a_line(cause, 200).split(' Please use ')[0]
    return f'{type(cause).__name__}: {said}'


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(f'{path} is cut, damaged or no checkpoint ({_reason(error)}). '
                      'Take another copy or another checkpoint')


def _has_damage(path: Path) -> bool:
    """Whether an archive differs from its own checksums."""
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is not None
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError,
            NotImplementedError):
        return True
