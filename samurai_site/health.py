"""The addresses for monitors: `/healthz`, the process is alive, and `/readyz`, it can take messages.

They are answered on the event loop, without a sign-in, a host name, a request slot or Django's pool of
connections: what exhausts those must not make a living process look dead. Nobody learns more than which
part fails, by a code.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings

from agent.support.database_probe import DatabaseProbe
from agent.support.task_group import background_task
from chat import wakeups
from samurai_site import stream_probe
from samurai_site.stream_probe import StreamProbe

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ALIVE, READY = "/healthz", "/readyz"
PATIENCE = 2.0  # seconds that an answer may take
# Seconds for which what was found is told again: so many requests a second cost the same.
FRESH = 0.25
# What the last look at the database found, of itself and of its workers, if it found nothing.
_NO_ANSWER = ("no_answer", "no_answer")


def is_asked(scope: Scope) -> bool:
    return scope["type"] == "http" and _path(scope) in (ALIVE, READY, stream_probe.PATH)


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(settings.SITE_PATH)


class Health:
    """The health of one process. `engine`: returns the code of what is wrong with its engine, or ""."""

    def __init__(self, engine: Callable[[], str]) -> None:
        self._engine = engine
        self._probe = DatabaseProbe()
        self._streams = StreamProbe()
        # One thread: while one look at the database hangs, no other begins.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._look: asyncio.Task[None] | None = None
        self._found = _NO_ANSWER
        self._found_at = float("-inf")

    async def respond(self, scope: Scope, send: Send) -> None:
        if _path(scope) == stream_probe.PATH:
            await self._streams.respond(scope, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await _send(scope, send, 405, "")
        elif _path(scope) == ALIVE:
            await _send(scope, send, 200, _line("process", ""))
        else:
            problems = await self.problems()
            lines = "".join(_line(part, problem) for part, problem in problems.items())
            await _send(scope, send, 503 if any(problems.values()) else 200, lines)

    async def problems(self) -> dict[str, str]:
        """Returns by part the code of its problem, "" if there is none, within `PATIENCE` seconds."""
        redis = wakeups.start()  # before the wait: a new subscription takes a moment
        database, workers = await self._database()
        has_workers = settings.SAMURAI_ENGINE == "procrastinate"
        found = {"database": database, "engine": self._engine() or (workers if has_workers else "")}
        if redis is not None:
            found["redis"] = "" if redis.in_touch else "no_answer"
        return found

    async def _database(self) -> tuple[str, str]:
        if time.monotonic() - self._found_at < FRESH:
            return self._found
        if self._look is None or self._look.done():
            self._look = background_task(self._look_at_database())
        await asyncio.wait([self._look], timeout=PATIENCE)
        return self._found if self._look.done() else _NO_ANSWER

    async def _look_at_database(self) -> None:
        loop, self._found = asyncio.get_running_loop(), _NO_ANSWER  # unless the look ends well
        self._found = await loop.run_in_executor(self._thread, self._probe.look)
        self._found_at = time.monotonic()


def _line(part: str, problem: str) -> str:
    state = {"part": part, "ok": not problem} | ({"problem": problem} if problem else {})
    return json.dumps(state) + "\n"


async def _send(scope: Scope, send: Send, status: int, text: str) -> None:
    body = text.encode()
    headers = [
        (b"content-type", b"application/x-ndjson"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if status == 405:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
