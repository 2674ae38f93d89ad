"""Files that are whole or not there, also after a power cut."""
from __future__ import annotations

import csv
import errno
import math
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_DRAFT = re.compile(r'\..+\.(\d+)-[0-9a-f]{8}\.part')


def draft_of(path: str | os.PathLike) -> Path:
    """A hidden name beside a file, which tells the process that writes it.

    Args:
        path: The file.

    Returns:
        Path: A new name at each call, see :func:`clear_drafts`.
    """
    path = Path(path)
    return path.with_name(
        f'.{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part')


@contextmanager
def replacing(path: str | os.PathLike,
              durable: bool = True) -> Iterator[Path]:
    """Write a file that appears once it is complete.

    Args:
        path: The file. Its folder is made if it does not exist.
        durable: Whether the file is on the disk when the block ends, so that
            it outlives a power cut. Defaults to True.

    Yields:
        Path: The file to write instead; it is renamed at the end, or removed
        after an error. Each writer has one of its own.

    Raises:
        OSError: If it cannot be written; the error names the file.

    Example:
        >>> with replacing('metrics.json') as draft:
        ...     draft.write_text('{}')
    """
    path = Path(path)
    draft = draft_of(path)
    try:
        make_folder(path.parent)
        try:
            yield draft
            if durable:
                _sync(draft)
            draft.replace(path)
            if durable:
                _sync(path.parent)
        finally:
            discard(draft)
    except OSError as error:
        if error.filename not in (None, str(draft), draft):
            raise
        raise name_file(error, path) from error


def write_csv(path: str | os.PathLike, rows: Iterable[Sequence]) -> None:
    """Write a table that appears once it is complete.

    Args:
        path: The file.
        rows: The names of the columns and the values; None and NaN become empty
            cells.
    """
    with replacing(path) as draft, draft.open(
            'w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        for row in rows:
            writer.writerow([
                '' if isinstance(value, float) and math.isnan(value) else value
                for value in row
            ])


def discard(draft: Path) -> None:
    """Remove a draft if it is there."""
    with suppress(OSError):  # the error that led here is told
        draft.unlink()


def name_file(error: OSError, path: str | os.PathLike) -> OSError:
    """The error with the file that its user knows."""
    if error.errno is None:
        return type(error)(f'{path} cannot be written: {error}')
    return OSError(error.errno, os.strerror(error.errno), str(path))


def make_folder(path: str | os.PathLike) -> None:
    """Make a folder and those above it, durably."""
    missing = [folder for folder in (Path(path), *Path(path).parents)
               if not folder.exists()]
    Path(path).mkdir(parents=True, exist_ok=True)
    for folder in missing:
        _sync(folder.parent)


def clear_drafts(folder: str | os.PathLike) -> None:
    """Remove the unfinished files that killed processes have left.

    To be called before this process writes there itself: in a container that
    is started again the killed one often had the same number.

    Args:
        folder: It alone is looked through, not the folders in it. Files of
            other living processes of this machine stay.
    """
    for path in Path(folder).iterdir():
        match = _DRAFT.fullmatch(path.name)
        if match and (int(match[1]) == os.getpid()
                      or not _is_alive(int(match[1]))):
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # some network file systems cannot, for folders
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or path.is_file():
            raise
    finally:
        os.close(handle)
