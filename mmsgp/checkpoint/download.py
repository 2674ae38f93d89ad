"""Download files: continued, checked, and complete or not at all."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock

from mmsgp.utils.files import make_folder, name_file, replacing

ATTEMPTS = 4
# Seconds before the second attempt; twice as many before each further one.
PAUSE = 1.0
# Seconds without a byte after which a connection counts as broken.
TIMEOUT = 30.0
_BLOCK = 1 << 20

Report = Callable[[int, int | None], None]


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def download(
    url: str,
    path: str | Path,
    sha256: str,
    size: int | None = None,
    report: Report = lambda done, total: None,
) -> Path:
    """Download a file, unless it is there.

    What an earlier download has left, in ``<path>.part``, is continued by HTTP Range
    where the server can do that. Of several processes one downloads, and the others wait.

    Args:
        url: An ``http`` or ``https`` address.
        path: The file. Its folder is created if it does not exist.
        sha256: Its SHA-256, 64 hex digits.
        size: Its bytes; the download ends when there are more. Defaults to None:
            as many as the server sends.
        report: Called with the bytes so far, and with all of them, or None if unknown.

    Returns:
        Path: The complete file.

    Raises:
        ConnectionError: If the server cannot be reached, or the download breaks off
            again and again. The part stays, and the next call continues it.
        OSError: If the file cannot be written.
        ValueError: If the address is not of the web, or if the file is another one
            than ``sha256`` says; then nothing is kept.
    """
    path = Path(path)
    if not url.startswith(('http://', 'https://')):
        raise ValueError(f'{url!r} must begin with http:// or https://')
    make_folder(path.parent)
    with FileLock(f'{path}.lock'):
        if path.is_file() and sha256_of(path) == sha256:
            return path
        part = path.with_name(f'{path.name}.part')
        is_continued = part.is_file()
        _transfer_all(url, part, size, report)
        found = sha256_of(part)
        if found != sha256 and is_continued:  # the part may be of another file
            part.unlink()
            _transfer_all(url, part, size, report)
            found = sha256_of(part)
        if found != sha256:
            part.unlink()
            raise ValueError(
                f'{url} has the SHA-256 {found}, but the model index expects {sha256}: the file '
                'is damaged or another one and was not kept. Try again later, or report it'
            )
        with replacing(path) as draft:
            part.replace(draft)
    return path


def _transfer_all(url: str, part: Path, size: int | None, report: Report) -> None:
    """Transfer a file into ``part``, with several attempts."""
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE * 2 ** (attempt - 1) if attempt else 0)
        try:
            return _transfer(url, part, size, report)
        except HTTPError as error:
            if error.code < 500:
                raise ConnectionError(
                    f'{url} cannot be downloaded: the server answers {error.code} '
                    f'{error.reason}. Check the address in the model index'
                ) from error
            failure = error
        except (URLError, ConnectionError, TimeoutError, SSLError, HTTPException) as error:
            failure = error
        except OSError as error:  # of the disk
            raise name_file(error, part) from error
    raise ConnectionError(
        f'{url} cannot be downloaded ({getattr(failure, "reason", failure)}): check the network '
        f'and try again, which continues the download; or put the file at {part.with_suffix("")}'
    ) from failure


def _transfer(url: str, part: Path, size: int | None, report: Report) -> None:
    """Transfer what is missing in ``part``, or all where the server cannot continue.

    Raises:
        ConnectionError: If the connection ends early.
    """
    done = part.stat().st_size if part.is_file() else 0
    headers = {'User-Agent': 'mmsgp', 'Accept-Encoding': 'identity'}
    if done:
        headers['Range'] = f'bytes={done}-'
    try:
        response = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416:  # all bytes are there
            return
        raise
    with response, part.open('ab' if response.status == 206 else 'wb') as file:
        done = file.tell()
        length = response.headers.get('Content-Length')
        total = done + int(length) if length else size
        while (block := response.read(_BLOCK)) and (size is None or done <= size):
            file.write(block)
            done += len(block)
            report(done, total)
    if length and done < total and (size is None or done <= size):
        raise ConnectionError(f'it broke off after {done} of {total} bytes')
