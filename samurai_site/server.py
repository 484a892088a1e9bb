"""What surrounds the application in a serving process: the engine's life and the limit of a request."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from agent.engine import LocalEngine

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Bytes of a request's body. Django spools a body to disk before it looks at who sends it.
MAX_BODY = 2_621_440
# The advisory lock of servers on PostgreSQL: any number that nothing else locks there.
PLACE = 0x53414D55


class Server:
    """An ASGI application around `inner`."""

    def __init__(self, inner: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._inner = inner
        self._engine: LocalEngine | None = None  # none where workers drive
        self._started = False
        self._starting: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        await self._start()
        if scope["type"] == "http" and (refusal := _refusal(scope)):
            await _answer(send, *refusal)
        else:
            await self._inner(
                scope, _limited(receive) if scope["type"] == "http" else receive, send
            )

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._start()
                except ImproperlyConfigured as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._engine is not None:
                    await self._engine.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self) -> None:
        """Starts the engine once; whoever comes meanwhile waits until it runs."""
        if self._started:
            return
        if self._starting is None:
            self._starting = asyncio.create_task(self._start_engine())
        await asyncio.shield(self._starting)

    async def _start_engine(self) -> None:
        sys.setswitchinterval(settings.SWITCH_INTERVAL)
        self._place = await asyncio.to_thread(take_place)
        if settings.SAMURAI_ENGINE == "local":
            self._engine = LocalEngine(serving=True)
            await self._engine.start()
        self._started = True


def take_place() -> int | psycopg.Connection[Any]:
    """Takes this process' place among the servers of its database. Raises `ImproperlyConfigured`.

    The place is held by what is returned, and goes with the process.
    """
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return _lock_file()
    return _lock_database()


def _lock_database() -> psycopg.Connection[Any]:
    """Shares a lock with servers that wake each other over Redis; alone, holds it alone."""
    connection = psycopg.connect(**_parameters(), autocommit=True)
    lock = "pg_try_advisory_lock_shared" if settings.REDIS_URL else "pg_try_advisory_lock"
    row = connection.execute(f"SELECT {lock}(%s)", [PLACE]).fetchone()
    if row == (True,):
        return connection
    connection.close()
    raise ImproperlyConfigured(
        "Another server runs on this PostgreSQL database already. Servers that share one need "
        "REDIS_URL, each of them, to wake each other: set it everywhere, or stop the other one."
    )


def _parameters() -> dict[str, Any]:
    """Returns how Django connects, for a plain connection beside its pool."""
    found: dict[str, Any] = connections["default"].get_connection_params()
    return {name: found[name] for name in found if name not in ("context", "cursor_factory")}


def _lock_file() -> int:
    """Locks the SQLite file against a second server."""
    database = settings.DATABASES["default"]
    descriptor = os.open(f"{database['NAME']}.server", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ImproperlyConfigured(
            "Another server runs on this SQLite database already. Stop it first, or set DATABASE_URL "
            "to a PostgreSQL database, which several servers can share."
        ) from None
    return descriptor


def _refusal(scope: Scope) -> tuple[int, str] | None:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if not length.isdigit():
        return 400, "The Content-Length is not a number."
    if int(length) > MAX_BODY:
        return 413, f"The request is too large; {MAX_BODY} bytes is the most."
    return None


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def _limited(receive: Receive) -> Receive:
    """Cuts off a body that is longer than it may be, whatever its header says."""
    left = MAX_BODY

    async def limited() -> MutableMapping[str, Any]:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return {"type": "http.disconnect"} if left < 0 else message

    return limited
