"""A list of triplets that count as unseen in training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from mmsgp.utils.text import in_a_line


def read_unseen(path: str | Path) -> Callable[[np.ndarray], np.ndarray]:
    """Read SGB's list, ``zeroshot_triplet.pytorch``, as data.

    Args:
        path: A tensor or array (n, 3), int64: subject class, object class and predicate,
            all from 1 on.

    Returns:
        A function from triplets (M, 3), classes from 0 and predicates from 1 on, to
        (M,) bool, whether the list has them.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'zero_shot_file {path} not found')
    try:
        content = torch.load(path, weights_only=True)
    except Exception as error:  # bytes of other files can raise any error
        raise ValueError(f'{path} is not a list of triplets: {in_a_line(error, 150)}') from error
    rows = torch.as_tensor(content) if isinstance(content, (torch.Tensor, np.ndarray)) else None
    if rows is None or rows.ndim != 2 or rows.shape[1] != 3 or rows.is_floating_point():
        raise ValueError(f'{path} must hold whole numbers (n, 3): subject, object, predicate')
    if len(rows) and rows.min() < 1:
        raise ValueError(f'{path} must count classes and predicates from 1, but has {rows.min()}')
    listed = {tuple(row) for row in (rows - torch.tensor([1, 1, 0])).tolist()}

    def is_unseen(triplets: np.ndarray) -> np.ndarray:
        return np.array([tuple(t) in listed for t in triplets.tolist()], bool)

    return is_unseen
