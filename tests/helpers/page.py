"""The page of demo/app.py, asked as a browser asks it."""

from __future__ import annotations

import importlib
import io
import json
import sys
import uuid
from pathlib import Path
from types import ModuleType

import httpx
from PIL import Image, ImageDraw

DEMO = Path(__file__).resolve().parents[2] / 'demo'


def import_demo(name: str) -> ModuleType:
    """A module beside demo/app.py, as that finds what it imports."""
    if str(DEMO) not in sys.path:
        sys.path.insert(0, str(DEMO))
    return importlib.import_module(name)


def scene(shift: int = 0, size: tuple[int, int] = (160, 120)) -> bytes:
    """A PNG of four rectangles.

    Args:
        shift (int): Pixels that they are moved by, for other pictures.
        size (tuple[int, int]): Width and height.
    """
    image = Image.new('RGB', size, 'white')
    drawing = ImageDraw.Draw(image)
    for index, color in enumerate(('red', 'green', 'blue', 'orange')):
        left = 30 * index + shift
        drawing.rectangle((left, 20, left + 45, 100 - 15 * index), color)
    file = io.BytesIO()
    image.save(file, 'PNG')
    return file.getvalue()


class PageClient:
    """A visitor of the page, without a browser; used as a context.

    Args:
        address (str): Of the page, with the slash at its end.
        timeout (float): Seconds to wait for an answer. Defaults to 120.
    """

    def __init__(self, address: str, timeout: float = 120) -> None:
        self._http = httpx.Client(base_url=address, timeout=timeout)
        config = self._http.get('config').json()
        self._function = next(
            d['id'] for d in config['dependencies'] if d['api_name'] == 'on_image'
        )
        self.model = next(
            c['props']['value'] for c in config['components'] if c['type'] == 'dropdown'
        )

    def __enter__(self) -> PageClient:
        return self

    def __exit__(self, *_) -> None:
        self._http.close()

    def get(self, path: str, **kwargs) -> httpx.Response:
        return self._http.get(path, **kwargs)

    def post(self, path: str, **kwargs) -> httpx.Response:
        return self._http.post(path, **kwargs)

    def upload(self, name: str, data: bytes) -> httpx.Response:
        return self.post('gradio_api/upload', files=dict(files=(name, data)))

    def ask(self, file: dict | None, model: str | None = None) -> dict:
        """Ask for the graph of a file in a new session.

        Args:
            file (dict, optional): ``path`` of an upload, or a trick.
            model (str, optional): Defaults to None: the first one.

        Returns:
            dict: ``success`` and ``output``, whose ``data`` are what the page
            shows: state, status, picture, table, download.

        Raises:
            httpx.HTTPStatusError: If it is refused at once.
        """
        session = uuid.uuid4().hex
        if file is not None:
            file = dict(orig_name='image.png', **file, meta=dict(_type='gradio.FileData'))
        self.post(
            'gradio_api/queue/join',
            json=dict(
                fn_index=self._function,
                session_hash=session,
                data=[file, model or self.model, 12, 0.0, 'as the model', 1, 0.0],
            ),
        ).raise_for_status()
        with self._http.stream(
            'GET', 'gradio_api/queue/data', params=dict(session_hash=session)
        ) as lines:
            for line in lines.iter_lines():
                if line.startswith('data:'):
                    message = json.loads(line.removeprefix('data:'))
                    if message['msg'] == 'process_completed':
                        return message
        raise httpx.ReadError('the page ended its answer early')

    def parse(self, name: str, data: bytes) -> dict:
        """Upload a file and ask for its graph, see :meth:`ask`."""
        (path,) = self.upload(name, data).raise_for_status().json()
        return self.ask(dict(path=path))
