"""One Chromium for all tests of the page. They are plain functions: it has an event loop of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import KeptContext, chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def kept_context(browser: Browser) -> KeptContext:
    return KeptContext(browser)
