"""Loading checkpoints without running the code inside them."""
from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

import numpy as np
import torch
import torch.nn as nn
from mmengine.dist import barrier, get_rank
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader, _load_checkpoint

from .files import replacing

TRUST_VARIABLE = 'MMSGP_TRUST_CHECKPOINTS'
HISTORY_METHODS = ('mean', 'max', 'min', 'current')


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


def load_checkpoint_file(filename: str, map_location=None) -> dict:
    """Load tensors, numbers and text from a checkpoint, but no code.

    A pickle can run anything when it is loaded. MMEngine falls back to doing
    so; here it needs the environment variable ``MMSGP_TRUST_CHECKPOINTS=1``.

    Args:
        filename (str): Path of a checkpoint.
        map_location: As in :func:`torch.load`.

    Returns:
        dict: The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds other objects or is not a checkpoint.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} not found')
    if os.environ.get(TRUST_VARIABLE) == '1':
        print_log(f'{TRUST_VARIABLE}=1: code inside {path} is executed',
                  logger='current')
        return torch.load(path, map_location=map_location, weights_only=False)
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            return torch.load(
                path, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        # PyTorch explains at length, and gives the cause at the end.
        reason = str(error.__cause__ or error.__context__ or repr(error))[:300]
        raise ValueError(
            f'{path} is damaged, or no checkpoint of tensors, numbers and '
            f'text: {reason}. If it is complete and comes from a source that '
            f'you trust, set {TRUST_VARIABLE}=1: the code inside it is then '
            'executed') from error


def download_checkpoint(url: str, map_location=None) -> dict:
    """Load a checkpoint by URL, as safely as from a file.

    Args:
        url (str): ``http`` or ``https``; the file is kept in PyTorch's cache.
        map_location: As in :func:`torch.load`.
    """
    name = PurePosixPath(urlparse(url).path).name
    path = Path(torch.hub.get_dir(), 'checkpoints', name)
    if get_rank() == 0 and not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        print_log(f'downloading {url} to {path}', logger='current')
        torch.hub.download_url_to_file(url, str(path), progress=False)
    barrier()
    return load_checkpoint_file(str(path), map_location)


def publish_weights(checkpoint: str | Path, target: str | Path) -> None:
    """Write a training checkpoint's weights and class names alone.

    The file appears complete or not at all.

    Args:
        checkpoint: A checkpoint of MMEngine's Runner.
        target: The file to write.
    """
    full = load_checkpoint_file(str(checkpoint), map_location='cpu')
    meta = dict(dataset_meta=full['meta'].get('dataset_meta'))
    with replacing(target) as draft:
        torch.save(dict(state_dict=full['state_dict'], meta=meta), draft)


def load_trained_model(runner: Runner, checkpoint: str) -> None:
    """Load a checkpoint to test it: all of it, into all of the model.

    Args:
        runner (Runner): Its model is loaded into.
        checkpoint (str): Path or URL.

    Raises:
        ValueError: If the checkpoint lacks weights of the model, has others
            or of other shapes: it is another config's.
    """
    try:
        runner.load_checkpoint(checkpoint, map_location='cpu', strict=True)
    except RuntimeError as error:
        raise ValueError(
            f'{checkpoint} does not fit the model: test it with the config it '
            f'was trained with. {error}') from error


def check_weights(filename: str, model: nn.Module) -> None:
    """Refuse a file whose weights do not fit a model.

    Args:
        filename (str): Path or URL of a checkpoint.
        model (nn.Module): All of its weights must be there.

    Raises:
        ValueError: If a weight is missing or has another shape.
    """
    weights = _load_checkpoint(filename, map_location='cpu')
    weights = weights.get('state_dict', weights)
    for name, own in model.state_dict().items():
        if name not in weights:
            raise ValueError(f'{filename} has no {name!r}: it is not a '
                             f'checkpoint of the configured '
                             f'{type(model).__name__}')
        if weights[name].shape != own.shape:
            raise ValueError(
                f'{filename}: {name!r} has the shape '
                f'{tuple(weights[name].shape)}, the configured '
                f'{type(model).__name__} {tuple(own.shape)}. Was it trained '
                'on another data set, with other classes?')


def refuse_unsafe_checkpoints() -> None:
    """Make MMEngine load checkpoints by the functions of this module."""

    # MMEngine logs the loader's name without its first ten letters.
    def load_from_local(filename: str, map_location=None) -> dict:
        return load_checkpoint_file(filename, map_location)

    def load_from_http(filename: str, map_location=None) -> dict:
        return download_checkpoint(filename, map_location)

    CheckpointLoader.register_scheme('', load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'),
                                     load_from_http,
                                     force=True)
