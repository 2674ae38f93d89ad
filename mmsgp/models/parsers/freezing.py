"""Keep parts of a parser as they are in training."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn


def frozen_parts(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Freeze the parameters of the parts that patterns name.

    Args:
        model: The model.
        patterns: Names of parts; ``*`` stands for any letters.

    Returns:
        list[str]: Names of the frozen parts.

    Raises:
        ValueError: If a pattern names no part, or nothing is left to train.
    """
    if isinstance(patterns, str):
        patterns = (patterns,)
    names = [name for name, _ in model.named_modules() if name]
    frozen = []
    for pattern in patterns:
        found = [name for name in names if fnmatchcase(name, pattern)]
        if not found:
            parts = sorted({'.'.join(name.split('.')[:2]) for name in names})
            raise ValueError(
                f'frozen: {pattern!r} is no part of the {type(model).__name__}; its parts are '
                f'{", ".join(parts)} and the parts of these'
            )
        frozen += found
    for name in frozen:
        model.get_submodule(name).requires_grad_(False)
    if frozen and not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError(f'frozen={list(patterns)} leaves nothing to train: freeze fewer parts')
    return frozen
