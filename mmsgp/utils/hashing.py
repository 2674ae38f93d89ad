"""Hashes of files, tensors and arrays, which name what is kept for later runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

_BLOCK = 1 << 20


def hash_files(paths: Sequence[str | os.PathLike], *, prefix: bytes = b'') -> str:
    """A hash of the content of files, 32 hex digits.

    Args:
        paths: The files, in order.
        prefix: Comes before them.
    """
    digest = hashlib.blake2b(prefix, digest_size=16)
    for path in paths:
        with open(path, 'rb') as file:
            digest.update(os.fstat(file.fileno()).st_size.to_bytes(8, 'big'))
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def hash_tensors(*tensors: Tensor) -> str:
    """A hash of shapes, types and values, 32 hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(repr((tuple(tensor.shape), tensor.dtype)).encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def hash_arrays(arrays: Iterable[np.ndarray], *, prefix: bytes = b'') -> str:
    """A hash of shapes and values, 64 hex digits.

    Args:
        arrays: All of one type.
        prefix: Comes before them.
    """
    digest = hashlib.sha256(prefix)
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
