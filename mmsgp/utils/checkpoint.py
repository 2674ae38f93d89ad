"""Loading checkpoints without running the code inside them."""
from __future__ import annotations

import os
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import barrier, get_rank
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner.checkpoint import CheckpointLoader

TRUST_VARIABLE = 'MMSGP_TRUST_CHECKPOINTS'


def _safe_globals() -> list:
    """What the checkpoints of MMEngine's Runner hold besides tensors."""
    multiarray = np._core.multiarray if hasattr(np, '_core') else \
        np.core.multiarray
    dtypes = {type(np.dtype(name)) for name in ('f4', 'f8', 'i4', 'i8', 'u4')}
    return [
        HistoryBuffer, np.ndarray, np.dtype, multiarray._reconstruct,
        multiarray.scalar, getattr, slice, *dtypes
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
        raise ValueError(
            f'{path} is damaged, or no checkpoint of tensors, numbers and '
            f'text: {repr(error)[:300]}. If it is complete and comes from a '
            f'source that you trust, set {TRUST_VARIABLE}=1: the code inside '
            'it is then executed') from error


def download_checkpoint(url: str, map_location=None) -> dict:
    """Load a checkpoint by URL, once a machine, as weights only.

    Args:
        url (str): ``http`` or ``https``.
        map_location: As in :func:`torch.load`.
    """
    load = partial(
        torch.hub.load_state_dict_from_url,
        url,
        map_location=map_location,
        progress=False,
        weights_only=True)
    if get_rank() != 0:
        barrier()  # the first process has downloaded it
        return load()
    checkpoint = load()
    barrier()
    return checkpoint


def publish_weights(checkpoint: str | Path, target: str | Path) -> None:
    """Write a training checkpoint's weights and class names alone.

    The file appears complete or not at all.

    Args:
        checkpoint: A checkpoint of MMEngine's Runner.
        target: The file to write.
    """
    full = load_checkpoint_file(str(checkpoint), map_location='cpu')
    part = Path(f'{target}.part')
    meta = dict(dataset_meta=full['meta'].get('dataset_meta'))
    torch.save(dict(state_dict=full['state_dict'], meta=meta), part)
    part.replace(target)


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
