"""Settings that a part of a model does not have, named before anything is trained."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from mmsgp.registry import MODELS


def check_arguments(node: Mapping, source: str, place: str = 'model') -> None:
    """Check that MMSGP's parts of a model have the settings that a config gives them.

    Args:
        node: Config of a model.
        source: Its file, for the message.
        place: Dotted key of ``node``.

    Raises:
        ValueError: If one has a setting that its class does not take.
    """
    kind = node.get('type')
    cls = MODELS.get(kind) if isinstance(kind, str) else kind
    if inspect.isclass(cls) and cls.__module__.startswith('mmsgp.'):
        parameters = inspect.signature(cls).parameters
        is_open = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for key in () if is_open else node.keys() - {'type', '_scope_'} - parameters.keys():
            raise ValueError(
                f'{source}: {place}.{key} is no setting of {cls.__name__}, which has '
                f'{", ".join(sorted(parameters))}'
            )
    for key, value in node.items():
        if isinstance(value, Mapping):
            check_arguments(value, source, f'{place}.{key}')
