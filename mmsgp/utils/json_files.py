"""Read users' JSON files strictly."""

from __future__ import annotations

import json
import os
from reprlib import Repr
from typing import Any

MAX_BYTES = 2**30

_repr = Repr()
_repr.maxlevel, _repr.maxlist, _repr.maxdict = 3, 20, 8
_repr.maxstring = _repr.maxother = _repr.maxlong = 60


def in_brief(value: object) -> str:
    """Shorten a value to text for a message of one line.

    Example:
        >>> in_brief({'name': 'dog', 'boxes': list(range(100))})
        "{'boxes': [0, 1, 2, ...], 'name': 'dog'}"
    """
    return _repr.repr(value)


def read_json(path: str | os.PathLike, max_bytes: int = MAX_BYTES) -> Any:
    """Read a JSON file by the rules of RFC 8259.

    Python's own reader also accepts ``NaN`` and ``Infinity``, and silently keeps
    the last value if a key occurs twice.

    Args:
        path: The file, in UTF-8.
        max_bytes: Largest size of the file. Defaults to 1 GiB.

    Returns:
        Any: Its content.

    Raises:
        OSError: If the file does not exist or cannot be read.
        ValueError: If it is not valid JSON, has a key twice, is nested too deeply,
            or is too large.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} does not exist, or is not a file')
    try:
        with open(path, 'rb') as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise OSError(f'{path} cannot be read: {error.strerror}') from error
    if len(content) > max_bytes:
        raise ValueError(
            f'{path} is larger than {max_bytes / 2**20:.0f} MiB, the limit for JSON files'
        )
    try:
        return json.loads(
            content.decode('utf-8'), object_pairs_hook=_distinct, parse_constant=_reject_constant
        )
    except RecursionError as error:
        raise ValueError(f'{path} is not valid JSON: its brackets are nested too deeply') from error
    except ValueError as error:
        advice = '. Save it in UTF-8 without a byte order mark' if content[:1] > b'\x7f' else ''
        raise ValueError(f'{path} is not valid JSON: {error}{advice}') from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'an object has the key {twice!r} twice')
    return content


def _reject_constant(name: str) -> None:
    raise ValueError(f'{name} is not a valid number')
