"""Fixtures for tests of every kind."""

import os

import pytest
import torch
from hypothesis import HealthCheck, settings
from mmengine.logging import MMLogger

from helpers import tools
from helpers.browser import headless_chromium
from mmsgp.testing.models import write_random_checkpoint

# As tools/train.py does for deterministic runs; PyTorch reads it once per process.
os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')

# Machines differ in speed, and examples may share a folder.
settings.register_profile(
    'mmsgp',
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile('mmsgp')


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what opens a page in a browser, before marks select tests."""
    for item in items:
        if 'browser' in item.fixturenames:
            item.add_marker('browser')


def pytest_runtest_setup(item):
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker('gpu') and not torch.cuda.is_available():
        pytest.skip('needs a GPU with CUDA')


# How a GPU computes; training in a test's process changes it.
ARITHMETIC = [
    (owner, name, getattr(owner, name))
    for owner, name in (
        (torch.backends.cuda.matmul, 'allow_tf32'),
        (torch.backends.cudnn, 'allow_tf32'),
        (torch.backends.cudnn, 'benchmark'),
        (torch.backends.cudnn, 'deterministic'),
    )
]


@pytest.fixture(autouse=True)
def own_arithmetic():
    """No test goes on computing with the settings of another one's run."""
    yield
    for owner, name, value in ARITHMETIC:
        setattr(owner, name, value)
    if torch.are_deterministic_algorithms_enabled():  # else the call alone takes seconds
        torch.use_deterministic_algorithms(False)


@pytest.fixture(autouse=True)
def own_log():
    """No test goes on writing into the log of another one's run."""
    yield
    MMLogger._instance_dict.clear()


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory):
    """A checkpoint with its config, of MiniVG's numbers of classes."""
    return write_random_checkpoint(tmp_path_factory.mktemp('checkpoint') / 'epoch_1.pth')


@pytest.fixture(scope='module')
def browser():
    """A headless Chromium; a test without one is skipped with the reason."""
    with headless_chromium() as chromium:
        yield chromium


@pytest.fixture
def page(browser):
    """An empty page of a fresh profile."""
    context = browser.new_context(viewport=dict(width=1400, height=1000))
    yield context.new_page()
    context.close()


@pytest.fixture
def run_tool():
    """A function that runs ``tools/<name>.py`` in this process."""
    return tools.run_tool
