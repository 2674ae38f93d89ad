"""Refuse bodies of requests that are too large or come too slowly."""

from __future__ import annotations

import asyncio
import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Bodies of up to so many times the limit are read to their end before they are refused.
_DISCARDED = 8


class BodyLimits:
    """Middleware that limits the size of a request's body and the time it takes to come.

    Args:
        app: The application.
        max_bytes: Largest body; a larger one is answered with status 413.
        seconds: Time for the whole body; then the answer has status 408.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope['type'] != 'http' or scope['method'] in ('GET', 'HEAD'):
            await self.app(scope, receive, send)
            return
        too_large = f'the request has more than {self.max_bytes} bytes'
        try:
            declared = int(dict(scope['headers']).get(b'content-length', b'0'))
        except ValueError:
            declared = 0
        if declared > _DISCARDED * self.max_bytes:
            await _refuse(send, 413, too_large)
            return
        try:
            messages = await asyncio.wait_for(self._read(receive), self.seconds)
        except asyncio.TimeoutError:
            await _refuse(send, 408, f'the request did not come within {self.seconds:g} s')
            return
        if messages is None:
            await _refuse(send, 413, too_large)
            return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self.app(scope, replay, send)

    async def _read(self, receive: Receive) -> list[Message] | None:
        """The body's messages; None if it is too large.

        Of a body that is too large, some more is read and discarded: a client that is
        still sending would not see the answer.
        """
        messages, size = [], 0
        while True:
            message = await receive()
            size += len(message.get('body', b''))
            if size > self.max_bytes:
                messages.clear()
            else:
                messages.append(message)
            is_last = message['type'] != 'http.request' or not message.get('more_body')
            if is_last or size > _DISCARDED * self.max_bytes:
                return messages or None


async def _refuse(send: Send, status: int, words: str) -> None:
    body = json.dumps(dict(error=words)).encode()
    headers = [
        (b'content-type', b'application/json'),
        (b'content-length', str(len(body)).encode()),
        (b'connection', b'close'),
    ]
    await send(dict(type='http.response.start', status=status, headers=headers))
    await send(dict(type='http.response.body', body=body))
