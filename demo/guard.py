"""Limits of the page: routes, sizes of requests and files on disk."""
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

# What the page itself asks for. Gradio has more: it fetches addresses, converts
# films, keeps links and calls methods of components.
ROUTES = re.compile(
    r'/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?'
    r'|/(assets|static|svelte)/.+'
    r'|/gradio_api/(info|app_id|startup-events|reset|cancel|upload|upload_progress'
    r'|queue/(join|data|status)|heartbeat/\w+)/?'
    r'|/gradio_api/file=(?!\w+:).+')
SLACK = 2**16  # of a request beside its file
SWEEP_EVERY = 600.0
KEEP_BROKEN_UPLOADS = 3600.0
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of malloc.h


class Guard:
    """ASGI middleware: routes of the page alone, and requests of a limited size.

    Args:
        app: What answers.
        max_size: Largest file in bytes; a request may be little larger.
    """

    def __init__(self, app: ASGIApp, max_size: int) -> None:
        self.app = app
        self.max_request = max_size + SLACK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] == 'lifespan':
            return await self.app(scope, receive, send)
        if scope['type'] != 'http' or not ROUTES.fullmatch(scope['path']):
            return await PlainTextResponse('no such page', 404)(scope, receive, send)
        told = Headers(scope=scope).get('content-length', '0')
        if not told.isdecimal() or int(told) > self.max_request:
            return await PlainTextResponse('too large', 413)(scope, receive, send)
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get('body', b''))
            if received > self.max_request:  # the length was not told
                raise HTTPException(413, 'too large')
            return message

        return await self.app(scope, receive_some, send)


def give_memory_back() -> None:
    """Have pictures freed soon and returned to the system; called before serving.

    Figures are freed by Python's collector alone, which would wait for as many new
    objects as a quarter of what was imported. And what a thread frees the GNU C
    library would keep for it.
    """
    gc.collect()
    gc.freeze()
    if sys.platform.startswith('linux') and hasattr(ctypes.CDLL(None), 'mallopt'):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 2**20)


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder of this server alone, for all its files; gone with it.

    Gradio removes files that it handed out by their age; uploads that broke off
    are removed here.

    Yields:
        Path: The folder, which other users of the machine cannot read.
    """
    names = ('GRADIO_TEMP_DIR', 'GRADIO_EXAMPLES_CACHE')
    before = {name: os.environ.get(name) for name in names}, tempfile.tempdir
    done = threading.Event()
    with tempfile.TemporaryDirectory(
            prefix='mmsgp-page-', ignore_cleanup_errors=True) as name:
        folder = Path(name)
        tempfile.tempdir = name
        os.environ.update(GRADIO_TEMP_DIR=str(folder / 'files'),
                          GRADIO_EXAMPLES_CACHE=str(folder / 'examples'))
        threading.Thread(target=_sweep, args=(folder / 'files', done),
                         daemon=True).start()
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
    """Remove what uploads that broke off have left.

    Args:
        folder: Where uploads are written. Whole ones lie in folders in it.
        age: Seconds after which an upload goes on no more.
    """
    for path in folder.glob('tmp*'):
        if path.is_file() and path.stat().st_mtime < time.time() - age:
            path.unlink(missing_ok=True)
