"""A connection of Daphne that does not wait for a slow client. Only Daphne's processes import it."""

from __future__ import annotations

from typing import Any

from daphne.http_protocol import HTTPFactory
from twisted.web.http import HTTPChannel

from samurai_site import request_limits, slow_clients


class Channel(HTTPChannel):  # type: ignore[misc]  # has no types
    """Ends the connection when the headers or the body of a request take too long or are too large."""

    _timer: Any = None
    _size = 0  # bytes of the headers or of the body
    _has_headers = False

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name, as those below)
        super().connectionMade()
        # What one turn of the event loop reads: of a WebSocket, at most 700 frames.
        self.transport.bufferSize = 4096
        self._start(slow_clients.HEADER_SECONDS)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._timer is None and not self._handlingRequest:  # another request begins
            self._start(slow_clients.HEADER_SECONDS)
        self._size += len(data)
        super().dataReceived(data)
        if self._timer is None:
            return
        if self._has_headers and self._size > slow_clients.MOST_BODY:
            self._refuse(slow_clients.BODY_TOO_LARGE)

    def allHeadersReceived(self) -> None:  # noqa: N802
        super().allHeadersReceived()
        self._start(request_limits.MAX_SECONDS)
        self._has_headers = True
        if self.length is not None and self.length > slow_clients.MOST_BODY:
            self._refuse(slow_clients.BODY_TOO_LARGE)

    def allContentReceived(self) -> None:  # noqa: N802
        self._stop()
        super().allContentReceived()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self._stop()
        super().connectionLost(reason)

    def _start(self, seconds: float) -> None:
        self._stop()
        self._size = 0
        self._timer = self.callLater(seconds, self._ring)

    def _stop(self) -> None:
        self._has_headers = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _ring(self) -> None:
        self._refuse(slow_clients.TOO_SLOW if self._size else b"")

    def _refuse(self, answer: bytes) -> None:
        self._stop()
        self.transport.write(answer)
        self.loseConnection()


def watch_daphne() -> None:
    """Adds the clock to Daphne."""
    HTTPFactory.protocol = Channel
