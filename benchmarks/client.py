"""A WebSocket and event stream client that takes little processor time, so that the server is measured.

It knows what the benchmarks need: whole text frames from the server, pings, and the end.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import uvloop

T = TypeVar("T")
PATIENCE = 60.0  # seconds for anything
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` on the same event loop as the servers."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


class Connection(asyncio.Protocol):
    """One request, whose answer is read piece by piece."""

    transport: asyncio.Transport

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        loop = asyncio.get_running_loop()
        self._path, self._headers = path, headers
        self._buffer = bytearray()
        self._is_open = False
        self.opened: asyncio.Future[None] = loop.create_future()  # the answer's head is there
        self.lost: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        host, port = transport.get_extra_info("peername")
        headers = {"Host": f"{host}:{port}", **self._headers}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join([f"GET {self._path} HTTP/1.1", *lines, "", ""])
        self.transport.write(request.encode())

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("closed before an answer"))
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._buffer += data
        if not self._is_open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._open(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
        self.read(now)

    def _open(self, head: bytes) -> None:
        self._is_open = True
        status = int(head.split(b" ", 2)[1])
        if self.opened.done():
            return
        if status in (101, 200):
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectionError(f"HTTP {status}"))
            self.transport.close()

    def read(self, now: float) -> None:
        """Takes whole items from the buffer, and calls `received` for each."""
        raise NotImplementedError

    def received(self, body: bytes, now: float) -> None:
        """An item has arrived at the time `now`."""

    def close(self) -> None:
        self.transport.close()


class Socket(Connection):
    """A WebSocket."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        key = {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        super().__init__(path, {**upgrade, **key, **headers})
        self.code = 0  # with which the server closed

    def send(self, text: str) -> None:
        self._send(text.encode(), TEXT)

    def _send(self, body: bytes, kind: int) -> None:
        size = len(body)
        head = bytes([0x80 | kind, 0x80 | size]) if size < 126 else _long_head(kind, size)
        # A mask of zeros leaves the body as it is.
        self.transport.write(head + b"\0\0\0\0" + body)

    def read(self, now: float) -> None:
        buffer, at, end = self._buffer, 0, len(self._buffer)
        while end - at >= 2:
            size, begin = buffer[at + 1], at + 2
            if size > 125:
                wide = 2 if size == 126 else 8
                if end - begin < wide:
                    break
                size, begin = int.from_bytes(buffer[begin : begin + wide]), begin + wide
            if end - begin < size:
                break
            self._take(buffer[at] & 15, bytes(buffer[begin : begin + size]), now)
            at = begin + size
        del buffer[:at]

    def _take(self, kind: int, body: bytes, now: float) -> None:
        if kind == TEXT:
            self.received(body, now)
        elif kind == PING:
            self._send(body, PONG)
        elif kind == CLOSE:
            self.code = int.from_bytes(body[:2])
            self.transport.close()


def _long_head(kind: int, size: int) -> bytes:
    if size < 65536:
        return bytes([0x80 | kind, 0x80 | 126]) + struct.pack(">H", size)
    return bytes([0x80 | kind, 0x80 | 127]) + struct.pack(">Q", size)


class Stream(Connection):
    """An event stream. An item may have the length of a chunk before it."""

    def read(self, now: float) -> None:
        *items, rest = bytes(self._buffer).split(b"\n\n")
        self._buffer = bytearray(rest)
        for item in items:
            self.received(item, now)


C = TypeVar("C", bound=Connection)


async def opened(port: int, connection: C) -> C:
    """Connects, and waits for the answer's head. Raises `OSError` if there is none."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE):
        await loop.create_connection(lambda: connection, "127.0.0.1", port)
        await connection.opened
    return connection
