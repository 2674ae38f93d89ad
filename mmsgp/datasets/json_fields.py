"""Fields of annotations in JSON, checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmsgp.utils.json_files import in_brief

from .vg_sgg.files import require_key
from .vg_sgg.images import MAX_SIDE

_KINDS = {int: 'a whole number', str: 'a string', list: 'a list', dict: 'an object'}


def get_field(mapping: Mapping, key: str, kind: type, where: str) -> Any:
    """Return the value of a key.

    Args:
        mapping: An object of the file.
        key: The key.
        kind: Type of the value: ``int``, ``str``, ``list`` or ``dict``.
        where: The file, and where the object is in it, for errors.

    Raises:
        ValueError: If the key is missing, or the value is of another type.
    """
    require_key(mapping, key, where)
    value = mapping[key]
    if type(value) is not kind:
        raise ValueError(f'{where}: {key} is {in_brief(value)}, expected {_KINDS[kind]}')
    return value


def get_whole(mapping: Mapping, key: str, limit: int | range, where: str) -> int:
    """Return the whole number of a key, at least 0 and less than a limit, or in a range.

    Raises:
        ValueError: If it is not such a number, see :func:`get_field`.
    """
    value = get_field(mapping, key, int, where)
    check_numbers([value], [limit], f'{where}.{key}')
    return value


def get_id(mapping: Mapping, key: str, where: str) -> int | str:
    """Return the id of a key: a whole number of at least 0, or a line of text.

    Raises:
        ValueError: If it is neither.
    """
    require_key(mapping, key, where)
    value = mapping[key]
    if type(value) is str and value.strip() and value.isprintable():
        return value
    if type(value) is not int or value < 0:
        raise ValueError(
            f'{where}: {key} is {in_brief(value)}, expected a whole number of at least 0 or a text'
        )
    return value


def get_text(mapping: Mapping, key: str, where: str) -> str:
    """Return a line of text that is not empty. Raises a ValueError otherwise."""
    value = get_field(mapping, key, str, where)
    if not value.strip() or not value.isprintable():
        raise ValueError(f'{where}: {key} is {in_brief(value)}, expected a line of text')
    return value


def get_size(mapping: Mapping, where: str, keys: Sequence[str] = ('width', 'height')) -> dict:
    """Return ``width`` and ``height`` in pixels, whole numbers of at least 1."""
    sides = (get_whole(mapping, key, range(1, MAX_SIDE + 1), where) for key in keys)
    return dict(zip(('width', 'height'), sides))


def get_names(mapping: Mapping, key: str, where: str) -> tuple[str, ...]:
    """Return the list of names of a key: one line each, all different.

    Raises:
        ValueError: If it is not such a list, see :func:`get_field`.
    """
    names = get_field(mapping, key, list, where)
    for index, name in enumerate(names):
        if (
            type(name) is not str
            or not name.strip()
            or not name.isprintable()
            or name in names[:index]
        ):
            raise ValueError(
                f'{where}: {key}[{index}] is {in_brief(name)}, expected a name that occurs once'
            )
    return tuple(names)


def check_numbers(values: Any, limits: Sequence[int | range | None], where: str) -> list[float]:
    """Check a list of numbers.

    Args:
        values: The value in the file.
        limits: One per number: it must be a whole number of at least 0 and
            less than this, or in this range, or for None any finite number.
        where: The file, and where the list is in it, for errors.

    Returns:
        The list.

    Raises:
        ValueError: If it is not a list of such numbers.
    """
    if (
        type(values) is list
        and len(values) == len(limits)
        and all(
            type(value) in (int, float) and -(2**63) < value < 2**63
            if limit is None
            else type(value) is int and value in _as_range(limit)
            for value, limit in zip(values, limits)
        )
    ):
        return values
    expected = ', '.join(
        'a number'
        if limit is None
        else f'{_as_range(limit)[0]} .. {_as_range(limit)[-1]}'
        if _as_range(limit)
        else 'nothing'
        for limit in limits
    )
    raise ValueError(f'{where} is {in_brief(values)}, expected [{expected}]')


def _as_range(limit: int | range) -> range:
    return limit if isinstance(limit, range) else range(limit)
