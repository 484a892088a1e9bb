"""What viewers cost that watch while nothing happens: one short statement for all of them at each look."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db.backends.utils import CursorWrapper

from agent.accounts.tokens import create_token
from agent.engine import sweep
from agent.engine.local import LocalEngine
from agent.event_log import recent_events
from agent.models import ChatSession
from chat import feed
from chat.connection_identity import ConnectionIdentity, Login
from chat.socket_viewer import SocketViewer
from tests.support.server import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

VIEWERS, LOOKS = 500, 50


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What is executed in the threads for the database."""
    found: list[str] = []
    execute = CursorWrapper.execute

    def record(self: Any, sql: str, params: Any = None) -> Any:
        if threading.current_thread().name.startswith("database"):
            found.append(sql)
        return execute(self, sql, params)

    with mock.patch.object(CursorWrapper, "execute", record):
        yield found


async def only(statements: list[str], text: str) -> None:
    """Waits until so many statements in a row have `text`."""
    async with asyncio.timeout(60):
        while len(statements) < LOOKS or not all(text in one for one in statements[-LOOKS:]):
            await asyncio.sleep(0.01)


async def test_a_look_for_all_viewers_is_one_statement_while_nothing_is_committed(
    session: ChatSession, alice: User, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_events, "LOOK", 0.001)
    monkeypatch.setattr(feed, "LOOK", 0.0)
    token, _ = await sync_to_async(create_token)(alice)
    login = Login(alice.pk, "alice", token=token.pk)
    identity = ConnectionIdentity(login, session.pk, session.project_id)
    viewers = [SocketViewer(identity, 0, mock.AsyncMock()) for _ in range(VIEWERS)]
    for viewer in viewers:
        feed.here().join(viewer)
    await only(statements, "data_version")
    assert {viewer.close_code for viewer in viewers} == {None}
    await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
    async with asyncio.timeout(60):
        while not all(viewer.close_code for viewer in viewers):
            await asyncio.sleep(0.01)
    for viewer in viewers:
        feed.here().leave(viewer)


async def test_the_sweep_of_a_server_without_runs_is_one_statement(
    statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "INTERVAL", 0.001)
    engine = LocalEngine(serving=True)
    await engine.start()
    try:
        await only(statements, "SELECT 1 FROM agent_run")
    finally:
        await engine.stop()


def test_pings_are_rare_and_find_a_dead_connection_within_about_a_minute() -> None:
    words = (ROOT / "Makefile").read_text().split()
    interval = float(words[words.index("--ws-ping-interval") + 1])
    assert "--ws-ping-timeout" not in words  # uvicorn waits for 20 s
    assert 40 <= interval <= 45
