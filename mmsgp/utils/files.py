"""Files that are whole or not there."""
from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Write a file that appears once it is complete.

    Args:
        path: The file. Its folder is made if it does not exist.

    Yields:
        Path: The file to write instead; it is renamed at the end, or removed
        after an error. Each writer has one of its own.

    Example:
        >>> with replacing('metrics.json') as draft:
        ...     draft.write_text('{}')
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.part')
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
