"""Wraps the ASGI application: starts and stops the engine, and limits the size of requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from agent.engine import process_identity
from agent.engine.local import LocalEngine
from samurai_site.server_lock import ServerLock

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Bytes of a request's body. Django spools a body to disk before it authenticates the sender.
MAX_BODY = 2_621_440


class Server:
    """An ASGI application around `inner`."""

    def __init__(self, inner: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._inner = inner
        self._engine: LocalEngine | None = None  # None if separate workers execute runs
        self._started = False
        self._starting: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        await self._start()
        path = _place(scope)
        if scope["type"] == "http" and (refusal := _refusal(scope)):
            await _answer(send, path, *refusal)
        else:
            await self._inner(
                scope, _limited(receive) if scope["type"] == "http" else receive, send
            )

    async def _lifespan(self, receive: Receive, send: Send) -> None:
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
        """Starts the engine once. Concurrent callers wait until it has started."""
        if self._started:
            return
        if self._starting is None:
            self._starting = asyncio.create_task(self._start_engine())
        await asyncio.shield(self._starting)

    async def _start_engine(self) -> None:
        process_identity.tune()
        self._lock = ServerLock()
        await self._lock.acquire()
        if settings.SAMURAI_ENGINE == "local":
            self._engine = LocalEngine(serving=True)
            await self._engine.start()
        self._started = True


def _place(scope: Scope) -> str:
    """Puts a request below the path of SITE_URL; returns its path below it.

    A proxy passes the whole path. A request without it, such as a monitor's beside the proxy, is served too.
    """
    root: str = settings.SITE_PATH
    path: str = scope["path"]
    if path == root or path.startswith(f"{root}/"):
        path = path[len(root) :] or "/"
    if root:
        scope["root_path"], scope["path"] = root, root + path
    return path


def _refusal(scope: Scope) -> tuple[int, str] | None:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if not length.isdigit():
        return 400, "The Content-Length is not a number."
    if int(length) > MAX_BODY:
        return 413, f"The request is too large: the limit is {MAX_BODY} bytes."
    return None


async def _answer(send: Send, path: str, status: int, text: str) -> None:
    """Answers with plain text, or with JSON below /api/."""
    kind, body = "text/plain; charset=utf-8", text
    if path.startswith("/api/"):
        kind = "application/json"
        body = json.dumps({"detail": text, "code": "too_large" if status == 413 else "invalid"})
    headers = [(b"content-type", kind.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


def _limited(receive: Receive) -> Receive:
    """Disconnects a request whose body exceeds the limit although its Content-Length does not."""
    remaining = MAX_BODY

    async def limited() -> MutableMapping[str, Any]:
        nonlocal remaining
        message = await receive()
        remaining -= len(message.get("body", b""))
        return {"type": "http.disconnect"} if remaining < 0 else message

    return limited
