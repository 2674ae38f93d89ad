"""Lock a folder, so that only one process works in it."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmsgp.utils.files import make_folder, name_file

LOCK_FILE = '.lock'


@contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Keep other processes from working in a folder.

    The operating system releases the lock when the process ends, for whatever
    reason. The file ``.lock`` stays; it names the process that holds the lock.

    Args:
        folder: Created if it does not exist.

    Raises:
        BlockingIOError: If another process works in it. The message names the
            process, its machine and the time.
        OSError: If the folder cannot be written to.
    """
    make_folder(folder)
    path = Path(folder, LOCK_FILE)
    with path.open('a+') as file:
        try:
            # Data workers would inherit a lock of flock, but not this one.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            raise BlockingIOError(
                f'{folder} is in use by {file.read().strip() or "a process"}: '
                'wait until it ends, end it, or give another folder'
            ) from error
        try:
            file.truncate(0)
            holder = (
                f'process {os.getpid()} on {socket.gethostname()} since '
                f'{time.strftime("%Y-%m-%d %H:%M:%S")}\n'
            )
            os.write(file.fileno(), holder.encode())
        except OSError as error:
            raise name_file(error, path) from error
        yield
