"""Checks of what stays open: a WebSocket through the proxy, and an event stream that nothing holds back."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from uuid import uuid4

from chat.connection_identity import NOT_LOGGED_IN
from chat.doctor.findings import Finding, error, ok, warning
from chat.doctor.site import TIMEOUT, Site

STREAM, PLAIN = "/streamz", "/streamz?plain"
LATE = 0.5  # seconds
_UPGRADE = (
    "Have the proxy speak HTTP/1.1 to the server and pass on Upgrade and Connection, as "
    "docs/deploy/nginx.conf does."
)


def websocket(site: Site) -> Iterator[Finding]:
    """Opens a WebSocket as a page does, of somebody who is not signed in: it opens and is closed."""
    from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
    from websockets.sync.client import connect
    from websockets.typing import Origin

    origin = Origin(site.origin)
    address = f"{site.socket}/ws/sessions/{uuid4()}/"
    began = time.monotonic()
    try:
        with connect(
            address, origin=origin, open_timeout=TIMEOUT, close_timeout=1, proxy=None
        ) as socket:
            took = time.monotonic() - began
            socket.recv(timeout=TIMEOUT)
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 1006
        if code == NOT_LOGGED_IN:
            yield ok("websocket", f"A WebSocket opens in {took * 1000:.0f} ms.")
        else:
            text = f"A WebSocket opens and is closed with {code}."
            yield error("websocket", text, "Read the log of the server and of the proxy.")
    except InvalidStatus as refused:
        yield _refused(site, refused.response.status_code)
    except (OSError, WebSocketException) as failure:
        text = f"A WebSocket does not open ({type(failure).__name__})."
        yield error("websocket", text, _UPGRADE)


def _refused(site: Site, status: int) -> Finding:
    if status == 403:
        text = f"WebSockets of pages at {site.origin} are refused."
        remedy = f"Set SITE_URL={site.address}, and have the proxy pass on the header Host."
        return error("websocket", text, remedy)
    text = f"The upgrade to a WebSocket is answered with {status}: the proxy does not pass it on."
    return error("websocket", text, _UPGRADE)


def streams(site: Site) -> Iterator[Finding]:
    """Measures whether events arrive when they are sent, also without the header for nginx."""
    held = _least_held(site, STREAM)
    if held is None or held > LATE:
        text = "An event stream ends before its last event."
        if held is not None:
            text = f"Events arrive up to {held:.1f} s after they were sent."
        yield error("stream", text, "Turn buffering off in the proxy: proxy_buffering off.")
        return
    plain = _least_held(site, PLAIN)
    if plain is None or plain > LATE:
        text = "The proxy holds responses back; only the header X-Accel-Buffering exempts streams."
        yield warning("stream", text, "Turn buffering off in the proxy: proxy_buffering off.")
    else:
        yield ok("stream", f"Events arrive within {max(held, plain) * 1000:.0f} ms.")


def _least_held(site: Site, path: str) -> float | None:
    """Returns the lesser of two measurements, if the first one is late: a busy machine is no proxy."""
    first = _held(site, path)
    if first is not None and first <= LATE:
        return first
    second = _held(site, path)
    return first if second is None else second if first is None else min(first, second)


def _held(site: Site, path: str) -> float | None:
    """Returns for how many seconds an event was held back at most; None if the last one is missing.

    By the gaps between events: the first one arrives late when all come together at the end.
    """
    arrivals: list[tuple[float, float]] = []  # when it was sent, and when it came
    text = b""
    for piece in _pieces(site, path):
        text += piece
        *whole, text = text.split(b"\n\n")
        arrivals += [(int(one.removeprefix(b"data: ")) / 1000, time.monotonic()) for one in whole]
    if len(arrivals) < 2:
        return None
    last_sent, last_came = arrivals[-1]
    return max((last_sent - sent) - (last_came - came) for sent, came in arrivals)


def _pieces(site: Site, path: str) -> Iterator[bytes]:
    """Yields what arrives, when it arrives. As browsers do, takes a compressed stream too."""
    with site.opened("GET", path, {"Accept-Encoding": "gzip"}) as response:
        is_compressed = response.headers["Content-Encoding"] == "gzip"
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while piece := response.read1(65536):
            yield decoder.decompress(piece) if is_compressed else piece
