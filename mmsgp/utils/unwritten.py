"""Continue if a file cannot be written, and report it at the end."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from mmengine.logging import print_log

_unwritten: ContextVar[list[str] | None] = ContextVar('_unwritten', default=None)


@contextmanager
def collecting_unwritten() -> Iterator[list[str]]:
    """Continue inside this block if a file cannot be written.

    Yields:
        list[str]: The files that could not be written, so far.
    """
    failures = []
    token = _unwritten.set(failures)
    try:
        yield failures
    finally:
        _unwritten.reset(token)


@contextmanager
def may_be_unwritten(path: str | os.PathLike) -> Iterator[None]:
    """If a file cannot be written, log the error once and continue.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be written, outside of :func:`collecting_unwritten`.
    """
    try:
        yield
    except OSError as error:
        failures = _unwritten.get()
        if failures is None:
            raise
        if str(path) not in failures:
            failures.append(str(path))
            print_log(
                f'{path} cannot be written: {error.strerror or error}',
                logger='current',
                level=logging.ERROR,
            )
