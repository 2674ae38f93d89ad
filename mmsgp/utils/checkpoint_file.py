"""Checkpoint files as data: tensors, numbers and text, never code."""
from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log

TRUST_VARIABLE = 'MMSGP_TRUST_CHECKPOINTS'
HISTORY_METHODS = ('mean', 'max', 'min', 'current')
# Bytes of other files, read as a pickle, fail in any way.
LOADING_ERRORS = (pickle.UnpicklingError, EOFError, RuntimeError, LookupError,
                  TypeError, AttributeError, ValueError, struct.error)


def _history_method(owner: type, name: str) -> Callable:
    """Stands in for ``getattr``, which finds a way to any function.

    MMEngine's histories refer by it to their own statistics, and to nothing
    else.
    """
    if owner is not HistoryBuffer or name not in HISTORY_METHODS:
        raise pickle.UnpicklingError(f'getattr of {name!r} is not allowed')
    return getattr(HistoryBuffer, name)


def _safe_globals() -> list:
    """What the checkpoints of MMEngine's Runner hold besides tensors."""
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
        ValueError: If the file holds other objects or is not a checkpoint.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} not found')
    checkpoint = _load_file(path, map_location)
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} holds a {type(checkpoint).__name__}: a '
                         'checkpoint is a dict of weights by name')
    return checkpoint


def _load_file(path: Path, map_location) -> object:
    if os.environ.get(TRUST_VARIABLE) == '1':
        print_log(f'{TRUST_VARIABLE}=1: code inside {path} is executed',
                  logger='current')
        return torch.load(path, map_location=map_location, weights_only=False)
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            return torch.load(
                path, map_location=map_location, weights_only=True)
    except LOADING_ERRORS as error:
        # PyTorch explains at length, and gives the cause at the end.
        reason = str(error.__cause__ or error.__context__ or repr(error))[:300]
        raise ValueError(
            f'{path} is damaged, or no checkpoint of tensors, numbers and '
            f'text: {reason}. If it is complete and comes from a source that '
            f'you trust, set {TRUST_VARIABLE}=1: the code inside it is then '
            'executed') from error
