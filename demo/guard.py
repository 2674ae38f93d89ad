"""Limit the routes, request sizes and files on disk of the page."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Routes that the page needs. Gradio's others download URLs, convert videos, store
# links and call methods of components.
ROUTES = re.compile(
    r'/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?'
    r'|/(assets|static|svelte)/.+'
    r'|/gradio_api/(info|app_id|startup-events|reset|cancel|upload|upload_progress'
    r'|queue/(join|data|status)|heartbeat/\w+)/?'
    r'|/gradio_api/file=(?!\w+:).+'
)
SLACK = 2**16  # bytes of a request besides its file
SWEEP_EVERY = 600.0
KEEP_BROKEN_UPLOADS = 3600.0
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # from malloc.h


class Guard:
    """ASGI middleware that limits the routes and the size of requests.

    Args:
        app: The application.
        max_size: Largest file in bytes; a request may be slightly larger.
    """

    def __init__(self, app: ASGIApp, max_size: int) -> None:
        self.app = app
        self.max_request = max_size + SLACK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] == 'lifespan':
            return await self.app(scope, receive, send)
        if scope['type'] != 'http' or not ROUTES.fullmatch(scope['path']):
            return await PlainTextResponse('page not found', 404)(scope, receive, send)
        length = Headers(scope=scope).get('content-length', '0')
        if not length.isdecimal() or int(length) > self.max_request:
            return await PlainTextResponse('too large', 413)(scope, receive, send)
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get('body', b''))
            if received > self.max_request:  # without content-length
                raise HTTPException(413, 'too large')
            return message

        return await self.app(scope, receive_some, send)


def give_memory_back() -> None:
    """Free the memory of pictures early; call it before serving.

    Only Python's garbage collector frees figures; without ``gc.freeze`` it would wait
    until new objects are a quarter of all imported ones. The GNU C library would keep
    memory that a thread has freed.
    """
    gc.collect()
    gc.freeze()
    if sys.platform.startswith('linux') and hasattr(ctypes.CDLL(None), 'mallopt'):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 2**20)


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a temporary folder for all files of this server.

    Gradio removes old files of visitors; incomplete uploads are removed here.

    Yields:
        Path: The folder; other users of the machine cannot read it.
    """
    names = ('GRADIO_TEMP_DIR', 'GRADIO_EXAMPLES_CACHE')
    before = {name: os.environ.get(name) for name in names}, tempfile.tempdir
    done = threading.Event()
    with tempfile.TemporaryDirectory(prefix='mmsgp-page-', ignore_cleanup_errors=True) as name:
        folder = Path(name)
        tempfile.tempdir = name
        os.environ.update(
            GRADIO_TEMP_DIR=str(folder / 'files'), GRADIO_EXAMPLES_CACHE=str(folder / 'examples')
        )
        threading.Thread(target=_sweep, args=(folder / 'files', done), daemon=True).start()
        try:
            yield folder
        finally:
            done.set()
            variables, tempfile.tempdir = before
            for key, value in variables.items():
                os.environ.pop(key)
                if value is not None:
                    os.environ[key] = value


def _sweep(folder: Path, done: threading.Event) -> None:
    while not done.wait(SWEEP_EVERY):
        remove_broken_uploads(folder)


def remove_broken_uploads(folder: Path, age: float = KEEP_BROKEN_UPLOADS) -> None:
    """Remove the files of incomplete uploads.

    Args:
        folder: Folder of uploads. Complete ones are in its subfolders.
        age: Seconds after which an upload counts as incomplete.
    """
    for path in folder.glob('tmp*'):
        if path.is_file() and path.stat().st_mtime < time.time() - age:
            path.unlink(missing_ok=True)
