"""A clock on the headers of requests, and under Daphne on their bodies, too.

An application is called when the headers of a request are complete, so only the server can give up
waiting for them. Neither uvicorn nor Daphne does: a client that sends a byte now and then keeps its
connection, and uvicorn stores headers without end. Daphne also reads the whole body before it calls
the application.
"""

from __future__ import annotations

import asyncio
import sys
from functools import wraps
from typing import Any

from samurai_site.request_limits import MAX_BODY, MAX_HEADERS

# From the first byte of the headers to their end, or for a connection that sends none.
HEADER_SECONDS = 20.0
# Bytes of incomplete headers, or of a body under Daphne with what its chunks add. The exact limits are
# those of `request_limits`, whose answers say more.
MOST_HEADERS, MOST_BODY = 4 * MAX_HEADERS, 2 * MAX_BODY

_UVICORN = {"httptools_impl": "HttpToolsProtocol", "h11_impl": "H11Protocol"}


def watch_uvicorn() -> None:
    """Adds the clock to uvicorn. To be called once, when it starts: it has chosen its protocol then."""
    for module, protocol in _UVICORN.items():
        if (found := sys.modules.get(f"uvicorn.protocols.http.{module}")) is not None:
            _watch(getattr(found, protocol))


def refusal(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()


TOO_SLOW = refusal("408 Request Timeout")
HEADERS_TOO_LARGE = refusal("431 Request Header Fields Too Large")
BODY_TOO_LARGE = refusal("413 Content Too Large")


# -- uvicorn ---------------------------------------------------------------------------------------


class _Clock:
    """Runs on one connection of uvicorn while the server waits for the headers of a request."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._timer: asyncio.TimerHandle | None = None
        self._size = 0

    def start(self) -> None:
        self._size = 0
        self._timer = self._protocol.loop.call_later(HEADER_SECONDS, self._ring)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def before(self) -> None:
        """Bytes arrive: they begin a request, unless they belong to one."""
        if self._timer is None and self._is_waiting():
            self.start()

    def after(self, size: int) -> None:
        """The server has read `size` bytes."""
        if self._timer is None:
            return
        self._size += size
        if not self._is_waiting():
            self.stop()
        elif self._size > MOST_HEADERS:
            self._end(HEADERS_TOO_LARGE)

    def _is_waiting(self) -> bool:
        """Tells whether the connection has no request whose headers are complete."""
        protocol = self._protocol
        if protocol.transport.get_protocol() is not protocol:  # it is a WebSocket now
            return False
        return protocol.cycle is None or protocol.cycle.response_complete

    def _ring(self) -> None:
        self._end(TOO_SLOW if self._size else b"")

    def _end(self, answer: bytes) -> None:
        self.stop()
        transport = self._protocol.transport
        if not transport.is_closing():
            transport.write(answer)
            transport.close()


def _watch(protocol: Any) -> None:
    """Adds a clock to a protocol class of uvicorn."""
    connection_made, data_received = protocol.connection_made, protocol.data_received
    connection_lost = protocol.connection_lost

    @wraps(connection_made)
    def made(self: Any, transport: Any) -> None:
        connection_made(self, transport)
        self.clock = _Clock(self)
        self.clock.start()

    @wraps(data_received)
    def received(self: Any, data: bytes) -> None:
        self.clock.before()
        data_received(self, data)
        self.clock.after(len(data))

    @wraps(connection_lost)
    def lost(self: Any, error: Exception | None) -> None:
        self.clock.stop()
        connection_lost(self, error)

    protocol.connection_made, protocol.data_received = made, received
    protocol.connection_lost = lost
