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


def _as_adapter(adapter: Any) -> Any:
    names = {'TwoStageObjects': 'TwoStageAdapter', 'BoxesAndLabels': 'GenericAdapter'}
    if not isinstance(adapter, dict) or not isinstance(adapter.get('type'), str):
        return adapter
    scope, dot, name = adapter['type'].rpartition('.')
    return {**adapter, 'type': f'{scope}{dot}{names.get(name, name)}'}


# Type of a part: {old argument: (new argument, new value of the old value)}.
# An argument that keeps its value takes `_same`.
RENAMED_ARGUMENTS: dict[str, dict[str, tuple[str, Callable]]] = {
    'SceneGraphParser': {
        'task': ('train_task', _same),
        'tasks': ('test_tasks', _same),
        'detection': ('detection_cfg', _same),
        'object_detector': ('detector_adapter', _as_adapter),
    },
    'Scorer': {'context': ('attention', _as_type)},
}


def modernise(model_cfg: dict) -> dict:
    """Rename the old arguments of a model and of all its parts.

    Args:
        model_cfg: Config of a model. It is left as it is.

    Returns:
        dict: A copy with today's arguments. An argument that the table does
        not know stays; so does an old one beside its new name, which is an
        error of the config that building the part reports.

    Example:
        >>> modernise(dict(type='Scorer', context='RelationFC'))
        {'type': 'Scorer', 'attention': {'type': 'RelationFC'}}
    """
    renamed = RENAMED_ARGUMENTS.get(str(model_cfg.get('type')).split('.')[-1], {})
    modern = {}
    for key, value in model_cfg.items():
        if key in renamed and renamed[key][0] not in model_cfg:
            key, new_value = renamed[key]
            modern[key] = new_value(value)
        else:
            modern[key] = _inside(value)
    return modern


def check_renamed(model_cfg: dict, source: str, place: str = 'model') -> None:
    """Check that a config that somebody wrote has no old argument.

    Args:
        model_cfg: Config of a model.
        source: The file, for errors.
        place: Where in the file it stands. Defaults to ``'model'``.

    Raises:
        ValueError: If it has one; with its new name.
    """
    renamed = RENAMED_ARGUMENTS.get(str(model_cfg.get('type')).split('.')[-1], {})
    for key, value in model_cfg.items():
        if key in renamed:
            raise ValueError(
                f'{source}: {place}.{key} is now {place}.{renamed[key][0]}, here '
                f'{renamed[key][1](value)!r}'
            )
        for i, part in enumerate(value if isinstance(value, (list, tuple)) else [value]):
            if isinstance(part, dict):
                stage = f'.{i}' if isinstance(value, (list, tuple)) else ''
                check_renamed(part, source, f'{place}.{key}{stage}')


def _inside(value: Any) -> Any:
    """A copy of a value whose dicts, at any depth, have today's arguments."""
    if isinstance(value, dict):
        return modernise(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_inside, value))
    return value
