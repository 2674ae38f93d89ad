"""The page and its worker, for all tests of the page."""

import pytest

from helpers.page import import_demo
from mmsgp.apis.worker import Worker

pytest.importorskip(
    'gradio', reason='Gradio is not installed: pip install -r requirements/demo.txt'
)


@pytest.fixture(scope='package')
def app():
    return import_demo('app')


@pytest.fixture(scope='package')
def worker():
    with Worker(time_limit=300) as worker:
        yield worker
