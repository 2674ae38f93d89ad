"""The page and its worker, for all tests of the page."""

import pytest

from helpers.page import import_demo
from mmsgp.apis.worker import Worker
from mmsgp.testing.models import write_random_checkpoint

TIMEOUT = 60_000  # ms


@pytest.fixture(scope='package')
def app():
    return import_demo('app')


@pytest.fixture(scope='package')
def worker():
    with Worker(time_limit=300) as worker:
        yield worker


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('page')


@pytest.fixture(scope='module')
def checkpoints(folder):
    """Two models with random weights."""
    return [
        write_random_checkpoint(folder / f'{name}.pth', name, max_objects=10)
        for name in ('motifnet_cce_scorer_minivg', 'motifnet_ce_minivg')
    ]


@pytest.fixture(scope='module')
def address(app, checkpoints, worker):
    """Address of the page, served by this process."""
    for checkpoint in checkpoints:  # so that no test waits for it
        worker(app.check_model, checkpoint, 'cpu')
    with app.own_folder():
        page = app.make_page(app.name_models(checkpoints), worker, 'cpu')
        yield app.launch(page, 2**20, app.LOOPBACK)
        page.close()


@pytest.fixture
def opened(page, address):
    """The page in the browser, and the errors of its console."""
    page.set_default_timeout(TIMEOUT)
    page.errors = []
    page.on('pageerror', lambda error: page.errors.append(str(error)))
    page.on('console', lambda message: message.type == 'error' and page.errors.append(message.text))
    page.goto(address)
    return page
