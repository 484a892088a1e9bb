"""A run that a person decided on, of a model whose calls are kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from agent.models import ChatSession, Project, Run
from tests.support.capsules import a_run
from tests.support.model_server import ModelServer
from tests.support.model_talk import connected
from tests.support.scripted_runs import make_tasks


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with connected(settings, monkeypatch) as server:
        yield server


@pytest.fixture
async def run(server: ModelServer, session: ChatSession, project: Project, alice: User) -> Run:
    await make_tasks(project, "Sign-up", "Pay the bill of the Bakery")
    return await a_run(server, session, alice)
