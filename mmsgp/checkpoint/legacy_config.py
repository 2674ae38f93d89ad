"""Arguments of models that were renamed since a checkpoint was written.

A checkpoint carries the config that it was trained with. :func:`modernise`
writes that config in today's words; the weights need no change.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _same(value: Any) -> Any:
    return value


def _as_type(name: Any) -> dict:
    return dict(type=name)


# Type of a part: {old argument: (new argument, new value of the old value)}.
# An argument that keeps its value takes `_same`.
RENAMED_ARGUMENTS: dict[str, dict[str, tuple[str, Callable]]] = {
    'Scorer': {'context': ('attention', _as_type)},
}


def modernise(model_cfg: dict) -> dict:
    """Rename the old arguments of a model and of all its parts.

    Args:
        model_cfg (dict): Config of a model. It is left as it is.

    Returns:
        dict: A copy with today's arguments. An argument that the table does
        not know stays; so does an old one beside its new name, which is an
        error of the config that building the part reports.

    Example:
        >>> modernise(dict(type='Scorer', context='RelationFC'))
        {'type': 'Scorer', 'attention': {'type': 'RelationFC'}}
    """
    renamed = RENAMED_ARGUMENTS.get(
        str(model_cfg.get('type')).split('.')[-1], {})
    modern = {}
    for key, value in model_cfg.items():
        if key in renamed and renamed[key][0] not in model_cfg:
            key, new_value = renamed[key]
            modern[key] = new_value(value)
        else:
            modern[key] = _inside(value)
    return modern


def _inside(value: Any) -> Any:
    """A copy of a value whose dicts, at any depth, have today's arguments."""
    if isinstance(value, dict):
        return modernise(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_inside, value))
    return value
