"""A server on this machine whose downloads break off, or cannot be continued."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class WeightsServer:
    """Serves one file under any address.

    Attributes:
        url: Its address.
        data: The file.
        breaks: How many of the next answers break off in the middle.
        has_range: Whether it continues downloads by HTTP Range.
        status: Status of all answers, if it is not 200.
        requests: The ``Range`` of each request so far, None without one.
        sent: The bytes sent so far.
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.breaks, self.has_range, self.status = data, 0, True, 200
        self.requests: list[str | None] = []
        self.sent = 0
        self.url = ''

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get('Range')
        self.requests.append(wanted)
        start = int(wanted[len('bytes=') :].rstrip('-')) if wanted and self.has_range else 0
        if self.status != 200:
            return handler.send_error(self.status)
        if wanted and self.has_range and start >= len(self.data):
            return handler.send_error(416)
        rest = self.data[start:]
        handler.send_response(206 if start else 200)
        handler.send_header('Content-Length', str(len(rest)))
        handler.end_headers()
        if self.breaks:
            self.breaks -= 1
            rest = rest[: len(rest) // 2]
        handler.wfile.write(rest)
        self.sent += len(rest)


@contextmanager
def serving(data: bytes) -> Iterator[WeightsServer]:
    """Serve a file while the block lasts."""
    server = WeightsServer(data)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, *args) -> None:
            pass

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        server.url = f'http://127.0.0.1:{httpd.server_port}/weights.pth'
        yield server
        httpd.shutdown()
