"""What a socket with a cookie reads when it opens: after a restart, all pages come back at once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.backends.utils import CursorWrapper
from django.test import Client
from pytest_django import Settings

from agent.event_log import recent_events
from agent.models import ChatSession
from chat.routing import websocket_urlpatterns

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What sockets execute, without what is looked up for all of them from time to time."""
    monkeypatch.setattr(recent_events, "LOOK", 3600)
    found: list[str] = []
    execute = CursorWrapper.execute

    def record(self: Any, sql: str, params: Any = None) -> Any:
        if threading.current_thread().name.startswith("database_"):
            found.append(sql)
        return execute(self, sql, params)

    with mock.patch.object(CursorWrapper, "execute", record):
        yield found


async def first_answer(session: ChatSession, cookie: str) -> Any:
    """Opens a socket; returns its first frame, or the code with which it is closed."""
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    headers = {"host": "localhost", "origin": "http://localhost", "cookie": f"sessionid={cookie}"}
    scope = {
        "type": "websocket",
        "path": f"/ws/sessions/{session.pk}/",
        "query_string": b"after=0",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "scheme": "ws",
    }
    received.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(URLRouter(websocket_urlpatterns)(scope, received.get, sent.put))
    assert await sent.get() == {"type": "websocket.accept"}
    answer = await sent.get()
    received.put_nowait({"type": "websocket.disconnect"})
    await serving
    return answer["code"] if "code" in answer else json.loads(answer["text"])


def cookie_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


async def test_a_socket_with_a_cookie_takes_four_statements(
    session: ChatSession, alice: User, statements: list[str]
) -> None:
    cookie = await sync_to_async(cookie_of)(alice)
    statements.clear()
    hello = await first_answer(session, cookie)
    assert (hello["type"], hello["session"]) == ("hello", str(session.pk))
    tables = ("django_session", "auth_user", "agent_chatsession", "agent_chatsession")
    assert len(statements) == 4, "\n".join(statements)
    for sql, table in zip(statements, tables, strict=True):
        assert table in sql


async def test_a_login_with_a_former_secret_key_counts(
    session: ChatSession, alice: User, settings: Settings
) -> None:
    cookie = await sync_to_async(cookie_of)(alice)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"
    assert (await first_answer(session, cookie))["type"] == "hello"


async def test_a_login_ends_with_the_account_and_with_the_password(
    session: ChatSession, alice: User
) -> None:
    cookie = await sync_to_async(cookie_of)(alice)
    await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
    assert await first_answer(session, cookie) == 4401
    await User.objects.filter(pk=alice.pk).aupdate(is_active=True, password="another")
    assert await first_answer(session, cookie) == 4401


async def test_a_login_without_its_hash_is_none(session: ChatSession, alice: User) -> None:
    cookie = await sync_to_async(cookie_of)(alice)

    @sync_to_async
    def without_hash() -> None:
        row = Session.objects.get(session_key=cookie)
        data = row.get_decoded()
        del data[HASH_SESSION_KEY]
        row.session_data = Session.get_session_store_class()().encode(data)
        row.save()

    await without_hash()
    assert await first_answer(session, cookie) == 4401
