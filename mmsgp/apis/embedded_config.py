"""Read the safe parts of the config inside a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from reprlib import Repr

from mmengine.config import Config

from mmsgp.checkpoint.config_text import parse_config_text
from mmsgp.checkpoint.legacy_config import modernise

from .embedded_types import (
    ARGUMENTS,
    DROPPED,
    LOADERS,
    PARTS,
    Names,
    Numbers,
    Part,
    Settings,
    Types,
    Words,
)

MAX_ITEMS = 100
VISUALIZER = Settings(('topk', 'task', 'iou_thr'))
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def embedded_config(text: str, source: str) -> Config:
    """Read the parts of a checkpoint's config that prediction needs.

    These are the model, the test pipeline and the settings of drawing, without
    arguments that only training needs. The rest of the config is ignored.

    Args:
        text: The config in the ``meta`` of a checkpoint.
        source: Name of the checkpoint, for error messages.

    Returns:
        Config: ``model``, ``test_dataloader.dataset.pipeline`` and
        ``visualizer``, with parts listed in :mod:`.embedded_types` only.

    Raises:
        ValueError: If the text holds more than names and values, or if a part,
            an argument or a value is not listed there.
    """
    values = parse_config_text(text, source)
    checker = _Checker(source)
    model = checker.check(modernise(checker.inner(values, 'model')), Part('parser'), 'model')
    dataset = checker.inner(values, 'test_dataloader', 'dataset')
    steps = checker.steps(dataset.get('pipeline'), 'test_dataloader.dataset.pipeline')
    visualizer = checker.inner(values, 'visualizer')
    drawn = {key: visualizer[key] for key in VISUALIZER.keys if key in visualizer}
    return Config(
        dict(
            model=model,
            test_dataloader=dict(dataset=dict(pipeline=steps)),
            visualizer=checker.check(drawn, VISUALIZER, 'visualizer'),
        )
    )


class _Checker:
    """Copies the allowed parts of a config and rejects all others.

    Args:
        source: Name of the checkpoint, for error messages.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    def inner(self, values: dict, *keys: str) -> Mapping:
        """Return the dict under nested keys; empty if a key is missing."""
        for i, key in enumerate(keys, 1):
            values = values.get(key) or {}
            if not isinstance(values, dict):
                self._refuse('.'.join(keys[:i]), values, 'a dict was expected')
        return values

    def steps(self, pipeline: object, place: str) -> list[dict]:
        """Return a pipeline without the steps that load images and annotations."""
        if not isinstance(pipeline, (list, tuple)) or len(pipeline) > MAX_ITEMS:
            self._refuse(place, pipeline, 'a list of transforms was expected')
        return [
            self.check(step, Part('transform'), f'{place}[{i}]')
            for i, step in enumerate(pipeline)
            if not isinstance(step, dict) or _full_name(step.get('type'), LOADERS) is None
        ]

    def check(self, value: object, kind: object, place: str) -> object:
        """Copy a value and check its kind.

        Raises:
            ValueError: If the value is of another kind.
        """
        if isinstance(kind, (Part, Settings)):
            if value is None:
                return None
            if isinstance(value, dict):
                return (
                    self._part(value, kind, place)
                    if isinstance(kind, Part)
                    else self._arguments(value, kind.keys, place)
                )
            if not isinstance(kind, Part) or not isinstance(value, (list, tuple)):
                self._refuse(place, value, 'a dict was expected')
        elif isinstance(value, (list, tuple)):
            pass
        elif isinstance(kind, Numbers):
            if not _is_number(value, kind):
                least = max(kind.least, -kind.limit)
                self._refuse(
                    place, value, f'a number was expected, from {least:g} to {kind.limit:g}'
                )
            return value
        elif isinstance(kind, Words):
            if value not in (None, True, False, *kind.words):
                self._refuse(place, value, f'one of {kind.words} was expected')
            return value
        elif isinstance(kind, Names):
            if not isinstance(value, str) or not value.isidentifier():
                self._refuse(place, value, 'names were expected')
            return value
        if len(value) > MAX_ITEMS:
            self._refuse(place, value, f'at most {MAX_ITEMS} items were expected')
        return type(value)(self.check(item, kind, f'{place}[{i}]') for i, item in enumerate(value))

    def _part(self, values: dict, part: Part, place: str) -> dict:
        types = PARTS[part.kind]
        given = values.get('type')
        name = _full_name(given, types.names)
        if name is None:
            self._refuse(
                f'{place}.type', given, f'as {part.kind} it may name {", ".join(types.names)}'
            )
        arguments = {key: value for key, value in values.items() if key != 'type'}
        return dict(type=name, **self._arguments(arguments, _known_arguments(name, types), place))

    def _arguments(self, values: dict, known: tuple[str, ...], place: str) -> dict:
        checked = {}
        for key, value in values.items():
            if key in DROPPED:
                if key in known:
                    checked[key] = None
                continue
            if key not in known or key not in ARGUMENTS:
                self._refuse(f'{place}.{key}', value, 'it is not a known harmless argument')
            checked[key] = self.check(value, ARGUMENTS[key], f'{place}.{key}')
        return checked

    def _refuse(self, place: str, value: object, why: str) -> None:
        raise ValueError(
            f'{self.source}: its config has {place}={_SHORT.repr(value)} and is not '
            f'built: {why}. If you trust the checkpoint, or the part is your own, '
            'give its config file (--config)'
        )


def _full_name(given: object, names: tuple[str, ...]) -> str | None:
    """The name that is given with its scope or without it; None if no name is."""
    return next((name for name in names if given in (name, name.split('.')[-1])), None)


def _is_number(value: object, kind: Numbers) -> bool:
    return (
        value is None
        or isinstance(value, (int, float))
        and (kind.least <= value and abs(value) <= kind.limit)
    )


def _known_arguments(name: str, types: Types) -> tuple[str, ...]:
    """List the arguments of a type and its base classes."""
    known = list(types.arguments)
    if '.' not in name:
        return tuple(known)
    for cls in types.registry.get(name).__mro__:
        if '__init__' not in vars(cls):
            continue
        parameters = signature(vars(cls)['__init__']).parameters.values()
        known += [p.name for p in parameters]
        if not any(p.kind == Parameter.VAR_KEYWORD for p in parameters):
            break
    return tuple(known)
