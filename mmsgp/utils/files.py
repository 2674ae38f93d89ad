"""Write files completely or not at all, even in a power cut."""

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
    """Return a hidden name beside a file, with the id of the writing process.

    Args:
        path: The file.

    Returns:
        Path: A new name per call, see :func:`clear_drafts`.
    """
    path = Path(path)
    return path.with_name(f'.{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part')


@contextmanager
def replacing(path: str | os.PathLike, durable: bool = True) -> Iterator[Path]:
    """Write a file that appears only when it is complete.

    Args:
        path: The file. Its folder is created if it does not exist.
        durable: Whether the file is on the disk when the block ends, so that it
            survives a power cut. Defaults to True.

    Yields:
        Path: The draft to write to, another one per writer. It is renamed at the
        end, or removed after an error.

    Raises:
        OSError: If the file cannot be written. The error names it.

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
    with replacing(path) as draft, draft.open('w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        for row in rows:
            writer.writerow(
                ['' if isinstance(value, float) and math.isnan(value) else value for value in row]
            )


def discard(draft: Path) -> None:
    """Remove a draft if it exists."""
    with suppress(OSError):  # the error that led here is reported
        draft.unlink()


def name_file(error: OSError, path: str | os.PathLike) -> OSError:
    """Return the error with the name of the file that the user knows."""
    if error.errno is None:
        return type(error)(f'{path} cannot be written: {error}')
    return OSError(error.errno, os.strerror(error.errno), str(path))


def make_folder(path: str | os.PathLike) -> None:
    """Create a folder and its parents, safe from a power cut."""
    missing = [folder for folder in (Path(path), *Path(path).parents) if not folder.exists()]
    Path(path).mkdir(parents=True, exist_ok=True)
    for folder in missing:
        _sync(folder.parent)


def clear_drafts(folder: str | os.PathLike) -> None:
    """Remove the drafts that killed processes have left.

    Call it before this process writes to the folder: in a restarted container
    the killed process often had the same id as this one.

    Args:
        folder: The folder; folders in it are not searched. Drafts of other
            running processes on this machine stay.
    """
    for path in Path(folder).iterdir():
        match = _DRAFT.fullmatch(path.name)
        if match and (int(match[1]) == os.getpid() or not _is_alive(int(match[1]))):
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's process
        return True
    return True


def _sync(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # some network file systems cannot do it for folders
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or path.is_file():
            raise
    finally:
        os.close(handle)
