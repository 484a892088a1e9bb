"""The id of each request, for the log: that of `X-Request-ID`, or a new one. The response has it too."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from agent.support import log_context

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEADER, TRACE = b"x-request-id", b"traceparent"
_BEGINNINGS = ("http.response.start", "websocket.accept")
_TRACE = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def identified(scope: Scope, send: Send) -> Send:
    """Has this request's context name it; returns a `send` that adds the id to the response."""
    headers = dict(scope["headers"])
    name = log_context.checked_request_id(headers.get(HEADER, b"").decode("latin-1"))
    log_context.request_id.set(name)
    trace = headers.get(TRACE, b"").decode("latin-1")
    log_context.traceparent.set(trace if _TRACE.fullmatch(trace) else "")

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] in _BEGINNINGS:
            message["headers"] = [*message.get("headers", ()), (HEADER, name.encode())]
        await send(message)

    return sent
