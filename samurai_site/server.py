"""Wraps the ASGI application: starts and stops the engine, and limits requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import reverse

from agent.engine import process_identity, sign_of_life
from agent.engine.local import LocalEngine
from agent.support import loop_watch
from agent.support.task_group import background_task
from chat.error_pages import BUSY, Problem, respond
from chat.request_slots import RETRY_SECONDS, Slots
from samurai_site import health, request_ids, slow_clients, unreadable_input
from samurai_site.health import Health
from samurai_site.request_limits import Receive, Refused, Scope, body_read, problem_of
from samurai_site.server_lock import ServerLock

logger = logging.getLogger(__name__)

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

START_AGAIN = 2.0  # seconds after a start that failed


class Server:
    """An ASGI application around `inner`."""

    def __init__(self, inner: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._inner = inner
        self._slots = Slots()
        self._engine: LocalEngine | None = None  # None if separate workers execute runs
        self._started = False
        self._starting: asyncio.Task[None] | None = None
        self._health = Health(self._engine_problem)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        _place(scope)
        if health.is_asked(scope):
            self._begin_start()
            await self._health.respond(scope, send)
            return
        await self._start()
        send = request_ids.identified(scope, send)
        problem = problem_of(scope)
        if scope["type"] != "http":
            if problem is None:
                await self._inner(scope, receive, send)
            else:
                await send({"type": "websocket.close"})  # before accepting: HTTP 403
        elif problem is not None:
            await _refuse(scope, send, problem)
        elif self._slots.is_full:
            await _refuse(scope, send, BUSY)
        else:
            await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with body_read(receive) as receive_again, self._slots.taken() as slot:
                await self._inner(scope, receive_again, slot.sending(send))
        except Refused as refused:
            await _refuse(scope, send, refused.problem)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                slow_clients.watch_uvicorn()
                unreadable_input.watch_uvicorn()
                try:
                    await self._start()
                except ImproperlyConfigured as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                except Exception:  # noqa: BLE001  (logged; a database that is away comes back)
                    self._retrying = background_task(self._keep_starting())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._engine is not None:
                    await self._engine.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self) -> None:
        """Starts the engine once. Concurrent callers wait until it has started."""
        if not self._started:
            await asyncio.shield(self._begin_start())

    async def _keep_starting(self) -> None:
        while not self._started:
            await asyncio.sleep(START_AGAIN)
            with contextlib.suppress(Exception):
                await self._start()

    def _begin_start(self) -> asyncio.Task[None]:
        """Starts the engine, again if that has failed; returns the task."""
        if self._starting is None or (self._starting.done() and not self._started):
            self._starting = asyncio.create_task(self._start_engine())
            self._starting.add_done_callback(_read_error)
        return self._starting

    async def _start_engine(self) -> None:
        # On the first request, the imports would hold the loop for tenths of a second.
        await asyncio.to_thread(reverse, "home")
        process_identity.tune()
        self._lock = ServerLock()
        await self._lock.acquire()
        if settings.SAMURAI_ENGINE == "local":
            self._engine = LocalEngine(serving=True)
            await self._engine.start()
        sign_of_life.start("web")
        loop_watch.start()
        self._started = True

    def _engine_problem(self) -> str:
        """Returns the code of why this process can take no runs, or ""."""
        if not self._started:
            return "starting"
        return "" if self._engine is None or self._engine.is_alive else "silent"


def _read_error(starting: asyncio.Task[None]) -> None:
    """Logs why a start failed: perhaps nobody waits for it."""
    if not starting.cancelled() and (error := starting.exception()) is not None:
        logger.error("The start failed: %s", error)


def _place(scope: Scope) -> None:
    """Puts a request below the path of SITE_URL.

    A proxy passes the whole path. A request without it, such as a monitor's beside the proxy, is served too.
    """
    root: str = settings.SITE_PATH
    path: str = scope["path"]
    if path == root or path.startswith(f"{root}/"):
        path = path[len(root) :] or "/"
    if root:
        scope["root_path"], scope["path"] = root, root + path


_SAFE = [
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]


async def _refuse(scope: Scope, send: Send, problem: Problem) -> None:
    """Responds, and ends the connection: the rest of the body is not read."""
    request = HttpRequest()
    request.path_info = scope["path"].removeprefix(settings.SITE_PATH)
    if (accept := dict(scope["headers"]).get(b"accept")) is not None:
        request.META["HTTP_ACCEPT"] = accept.decode("latin-1")
    response = respond(request, problem)
    headers = [
        (b"content-type", response["Content-Type"].encode()),
        (b"content-length", str(len(response.content)).encode()),
        (b"connection", b"close"),
    ]
    headers += _SAFE  # as the middleware, which this response does not pass
    if problem.status == BUSY.status:
        headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else response.content
    await send({"type": "http.response.body", "body": body})
