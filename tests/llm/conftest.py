"""A model's server, which the settings name, for each test that wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.support.model_server import ModelServer
from tests.support.model_talk import connected


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with connected(settings, monkeypatch) as server:
        yield server
