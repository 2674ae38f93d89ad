"""A folder that one process at a time works in."""
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

    The lock is one of the operating system's: it ends with the process,
    however that ends. The file ``.lock`` stays, and says who holds it.

    Args:
        folder: Made if it does not exist.

    Raises:
        BlockingIOError: If another process works in it; process, machine and
            time are named.
        OSError: If the folder cannot be written to.
    """
    make_folder(folder)
    path = Path(folder, LOCK_FILE)
    with path.open('a+') as file:
        try:
            # Unlike flock, not inherited by the processes that load data.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            raise BlockingIOError(
                f'{folder} is in use by {file.read().strip() or "a process"}: '
                'wait until it has ended, end it, or name another folder'
            ) from error
        try:
            file.truncate(0)
            holder = (f'process {os.getpid()} on {socket.gethostname()} since '
                      f'{time.strftime("%Y-%m-%d %H:%M:%S")}\n')
            os.write(file.fileno(), holder.encode())
        except OSError as error:
            raise name_file(error, path) from error
        yield
