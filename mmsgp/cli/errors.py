"""Report user errors in one line instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Exit with the message of an error that the user can correct.

    Raises:
        SystemExit: Instead of an ``OSError`` (e.g. a file does not exist) or a
            ``ValueError`` (e.g. a file has unexpected content).
    """
    try:
        yield
    except (OSError, ValueError) as error:
        sys.exit(str(error))
