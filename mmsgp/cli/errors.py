"""Users' mistakes told in a line, without a traceback."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """End a tool with the message of an error in what it was given.

    Raises:
        SystemExit: Instead of ``OSError`` (a file is missing) and
            ``ValueError`` (it is not what was expected).
    """
    try:
        yield
    except (OSError, ValueError) as error:
        sys.exit(str(error))
