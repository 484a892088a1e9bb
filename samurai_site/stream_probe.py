"""`/streamz`: a short event stream that tells `manage.py doctor` whether a proxy holds bytes back.

For everybody, as `/healthz` is: it reads nothing, and few are open at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH = "/streamz"
EVENTS, GAP = 5, 0.2  # seconds between two of them
MAX_OPEN = 8
# Without the header that has nginx pass a stream on at once, as any other response is sent.
PLAIN = b"plain"


class StreamProbe:
    """The streams of one process. Each event is the time since the first one, in milliseconds."""

    def __init__(self) -> None:
        self._open = 0

    async def respond(self, scope: Scope, send: Send) -> None:
        if self._open >= MAX_OPEN or scope["method"] != "GET":
            status = 405 if scope["method"] != "GET" else 503
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        self._open += 1
        try:
            await _stream(scope, send)
        finally:
            self._open -= 1


async def _stream(scope: Scope, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    if scope.get("query_string") != PLAIN:
        headers.append((b"x-accel-buffering", b"no"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    began = time.monotonic()
    for number in range(EVENTS):
        if number:
            await asyncio.sleep(GAP)
        body = f"data: {round((time.monotonic() - began) * 1000)}\n\n".encode()
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
