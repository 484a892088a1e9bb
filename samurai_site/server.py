"""What surrounds the application in a serving process: the engine's life and the limit of a request."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from agent.engine import LocalEngine

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Bytes of a request's body. Django spools a body to disk before it looks at who sends it.
MAX_BODY = 2_621_440


class Server:
    """An ASGI application around `inner`."""

    def __init__(self, inner: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._inner = inner
        self._engine: LocalEngine | None = None
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
        if self._engine is not None:
            return
        if self._starting is None:
            self._starting = asyncio.create_task(self._start_engine())
        await asyncio.shield(self._starting)

    async def _start_engine(self) -> None:
        # The log's writer asks for the interpreter a dozen times for each commit. At Python's 5 ms a
        # time, the slowest events of 100 busy runs took 62 ms to the client instead of 44.
        sys.setswitchinterval(0.0005)
        self._lock = _only_server()
        engine = LocalEngine(serving=True)
        await engine.start()
        self._engine = engine


def _only_server() -> int | None:
    """Locks the SQLite file against a second server; the lock goes with the process."""
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return None
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
