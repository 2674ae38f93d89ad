"""A headless Chromium for tests of pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CHROMIUM_NAMES = ('chromium', 'chromium-browser', 'google-chrome')


@contextmanager
def headless_chromium() -> Iterator:
    """Start Chromium without a window.

    The test is skipped, with the reason, where Chromium or Playwright is not
    installed.

    Yields:
        playwright.sync_api.Browser: Each ``new_context()`` of it is a fresh
        profile.
    """
    sync_api = pytest.importorskip(
        'playwright.sync_api',
        reason='Playwright is not installed: pip install -r requirements/tests.txt',
    )
    program = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if program is None:
        pytest.skip(
            "no Chromium is installed: apt-get install chromium, or your system's package of it"
        )
    with sync_api.sync_playwright() as playwright:
        # Chromium refuses to run as root with its sandbox, and a container's
        # shared memory is too small for it.
        browser = playwright.chromium.launch(
            executable_path=program, args=['--no-sandbox', '--disable-dev-shm-usage']
        )
        yield browser
        browser.close()
