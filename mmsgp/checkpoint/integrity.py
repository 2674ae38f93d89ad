"""Checksums of checkpoints, to find damaged files.

PyTorch reads a file with flipped bits without an error. A checksum finds such
accidents. It is not a signature: whoever forges a file also writes its checksum.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

from .file import read_checkpoint

KEY = 'checksums'
# A tiny pickle can hold the same list a billion times.
MAX_VALUES = 100_000


def add_checksum(checkpoint: dict) -> None:
    """Add a checksum per tensor, and one for the rest, before saving.

    A checkpoint with more than 100,000 values gets no checksums.

    Args:
        checkpoint: Complete but for the checksums; changed in place.
    """
    checkpoint.pop(KEY, None)
    sums = _checksums(checkpoint)
    if sums is not None:
        checkpoint[KEY] = sums


def check_checksum(checkpoint: dict, path: str | Path) -> None:
    """Compare a checkpoint with its checksums, if it has any.

    Args:
        checkpoint: The loaded checkpoint.
        path: Its file, for the error message.

    Raises:
        ValueError: If it differs. The message has one line and names the first
            damaged tensor.
    """
    if KEY not in checkpoint:
        return
    expected = checkpoint[KEY]
    found = _checksums({key: value for key, value in checkpoint.items() if key != KEY})
    if expected == found:
        return
    if not isinstance(expected, dict) or found is None:
        expected, found = {}, {KEY: 0}
    damaged = next(name for name in (*found, *expected) if found.get(name) != expected.get(name))
    raise ValueError(
        f'{path} is damaged: the checksum of {damaged!r} has changed since it was '
        'saved. Take another copy or another checkpoint; if you changed the file '
        f'yourself, remove its entry {KEY!r}'
    )


def check_finite(weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Check that weights are finite numbers.

    Args:
        weights: Tensors by name.
        path: Their file, for the error message.

    Raises:
        ValueError: If a tensor holds NaN or infinity. The message names it.
    """
    for name, tensor in weights.items():
        # The sum is fast, but may overflow although all numbers are finite.
        if (
            tensor.is_floating_point()
            and not tensor.sum().isfinite()
            and not tensor.isfinite().all()
        ):
            raise ValueError(
                f'{path}: {name!r} holds NaN or infinite values, so the model cannot '
                'predict. Take another checkpoint'
            )


def check_sound(path: str | Path) -> None:
    """Check that a checkpoint file is complete and unchanged.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is damaged, cut off or not a checkpoint. The message has
            one line.
    """
    check_checksum(read_checkpoint(path, 'cpu'), path)


def _checksums(checkpoint: dict) -> dict[str, int] | None:
    """Compute the CRC-32 of each tensor, by its place, and of everything else.

    Returns:
        dict, optional: None if there are too many values, or a list holds itself.
    """
    sums, rest = {}, 0
    try:
        for number, (name, value) in enumerate(_leaves(checkpoint)):
            if number > MAX_VALUES:
                return None
            if isinstance(value, Tensor):
                described = f'{value.dtype} {tuple(value.shape)}'.encode()
                sums[name] = zlib.crc32(_bytes(value), zlib.crc32(described))
            else:
                rest = zlib.crc32(f'{name}={value!r}\n'.encode(), rest)
    except RecursionError:
        return None
    return {**sums, 'what is no tensor': rest}


def _leaves(value: object, name: str = '') -> Iterator[tuple[str, object]]:
    """Yield the tensors, numbers and texts in all containers with their places."""
    if isinstance(value, HistoryBuffer):
        value = dict(data=value.data, max_length=value.max_length)
    if isinstance(value, (np.generic, np.ndarray)):
        yield name, (str(value.dtype), value.tolist())
    elif isinstance(value, (Mapping, list, tuple)):
        yield name, (type(value).__name__, len(value))
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _leaves(item, f'{name}.{key}' if name else str(key))
    elif value is None or isinstance(value, (Tensor, bool, int, float, str, bytes)):
        yield name, value
    else:  # e.g. a set, which has no order
        yield name, type(value).__name__


def _bytes(tensor: Tensor) -> np.ndarray | bytes:
    if tensor.layout != torch.strided or tensor.is_quantized:
        return b''
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
