"""Fixtures for tests of every kind."""
import pytest

from mmsgp.testing.browser import headless_chromium


@pytest.fixture(scope='module')
def browser():
    """A headless Chromium; a test without one is skipped with the reason."""
    with headless_chromium() as chromium:
        yield chromium
