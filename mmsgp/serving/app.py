"""The web application that parses images."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Annotated

import numpy as np
from anyio import to_thread
from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field

from mmsgp.apis import SceneGraphInferencer
from mmsgp.apis.objects_file import parse_objects
from mmsgp.datasets.image_files import decode_image

from .batcher import Batcher, TooBusy
from .limits import BodyLimits
from .metrics import ServerMetrics
from .parsing import BatchParser, ParseRequest

_MEBIBYTE = 2**20
# Threads that decode images.
_DECODERS = 4


class JsonRequest(BaseModel):
    """Body of ``POST /v1/parse_json``."""

    model_config = ConfigDict(extra='forbid')

    image: str = Field(description='the image file in base64')
    objects: list[dict] | None = Field(
        None,
        description='given objects: {"bbox": [x1, y1, x2, y2], "name": ...}; names are optional',
    )
    topk: int = Field(100, ge=1, le=10_000, description='relations to return at most')
    score_thr: float = Field(0.0, ge=0, le=1, description='lowest score of a relation')


def create_app(
    inferencer: SceneGraphInferencer,
    max_batch: int = 8,
    max_wait: float = 0.01,
    max_waiting: int = 64,
    max_bytes: int = 32 * _MEBIBYTE,
    upload_seconds: float = 30.0,
    parse_seconds: float = 60.0,
) -> FastAPI:
    """Build the application of ``mmsgp-serve``.

    ``POST /v1/parse`` takes a form with the file ``image``; ``POST /v1/parse_json`` a
    :class:`JsonRequest`. Both return a graph as ``mmsgp-infer`` writes it. ``GET /live``
    and ``GET /ready`` are for load balancers, ``GET /metrics`` for Prometheus.

    Args:
        inferencer: Holds the model.
        max_batch: Images per forward pass, of requests that come together.
        max_wait: Seconds to wait for other images. Defaults to 0.01.
        max_waiting: Images that may wait; more requests are answered with status 503.
        max_bytes: Largest body; a larger one is answered with status 413.
        upload_seconds: Time for a body to come; then the answer has status 408.
        parse_seconds: Time for waiting and parsing; then the answer has status 504.
    """
    metrics = ServerMetrics()
    batcher = Batcher(
        BatchParser(inferencer), max_batch, max_wait, max_waiting, metrics.batch_size.observe
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Few threads decode: each keeps memory of its own.
        to_thread.current_default_thread_limiter().total_tokens = _DECODERS
        yield
        # Requests in flight are answered before.
        await run_in_threadpool(batcher.close)

    app = FastAPI(title='MMSGP', docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.batcher = batcher
    app.add_middleware(BodyLimits, max_bytes=max_bytes, seconds=upload_seconds)
    _answer_errors_in_words(app)

    @app.middleware('http')
    async def measure(request: Request, call_next) -> Response:
        started = time.monotonic()
        response = await call_next(request)
        metrics.observe(request.url.path, response.status_code, time.monotonic() - started)
        return response

    async def parse(content: bytes, name: str, objects: list | None, topk: int, thr: float):
        image = await run_in_threadpool(decode_image, content, name, 'color', inferencer.max_pixels)
        given = {} if objects is None else parse_objects(dict(objects=objects), name)
        future = batcher.submit(*_request(image, name, given))
        graph = await _wait(future, parse_seconds)
        relations = [item for item in graph['relations'] if item['score'] >= thr]
        return dict(graph, image=name, relations=relations[:topk])

    @app.post('/v1/parse')
    async def parse_form(
        image: Annotated[UploadFile, File()],
        objects: Annotated[str | None, Form()] = None,
        topk: Annotated[int, Form(ge=1, le=10_000)] = 100,
        score_thr: Annotated[float, Form(ge=0, le=1)] = 0.0,
    ) -> dict:
        """Parse the image file of a form; ``objects`` is a list in JSON."""
        given = None if objects is None else _json(objects, 'objects')
        content = await image.read()
        return await parse(content, image.filename or 'image', given, topk, score_thr)

    @app.post('/v1/parse_json')
    async def parse_json(body: JsonRequest) -> dict:
        """Parse the image of a JSON object."""
        try:
            content = base64.b64decode(body.image, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f'image is not base64: {error}') from error
        return await parse(content, 'image', body.objects, body.topk, body.score_thr)

    @app.get('/live')
    async def live() -> PlainTextResponse:
        """Whether the process answers."""
        return PlainTextResponse('live\n')

    @app.get('/ready')
    async def ready() -> PlainTextResponse:
        """Whether another request would be accepted."""
        if batcher.is_full:
            return PlainTextResponse('too many images are waiting\n', 503)
        return PlainTextResponse('ready\n')

    @app.get('/metrics')
    async def show_metrics() -> Response:
        """Numbers for Prometheus."""
        metrics.waiting.set(batcher.num_waiting)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _request(image: np.ndarray, name: str, given: dict) -> tuple[str, ParseRequest]:
    bboxes, labels = (given.get(key) for key in ('bboxes', 'labels'))
    request = ParseRequest(image, name, bboxes and bboxes[0], labels and labels[0])
    return request.task, request


async def _wait(future: Future, seconds: float) -> dict:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
    except asyncio.TimeoutError as error:
        raise TimeoutError(f'the image was not parsed within {seconds:g} s') from error


def _json(text: str, name: str) -> list:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f'{name} is not JSON: {error}') from error


def _answer_errors_in_words(app: FastAPI) -> None:
    """Answer every error with ``{"error": words}``."""

    def answer(status: int, words: str, **headers: str) -> JSONResponse:
        return JSONResponse(dict(error=words), status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        words = '; '.join(
            f'{".".join(map(str, item["loc"][1:])) or "body"}: {item["msg"]}'
            for item in error.errors()
        )
        return answer(422, words)

    @app.exception_handler(ValueError)
    async def wrong(request: Request, error: ValueError) -> JSONResponse:
        return answer(400, str(error))

    @app.exception_handler(TooBusy)
    async def busy(request: Request, error: TooBusy) -> JSONResponse:
        return answer(503, str(error), **{'Retry-After': '1'})

    @app.exception_handler(TimeoutError)
    async def late(request: Request, error: TimeoutError) -> JSONResponse:
        return answer(504, str(error))
