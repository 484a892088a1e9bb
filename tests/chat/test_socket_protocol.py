"""The protocol that writes several frames at once, under a transport that notes each write."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from chat.socket_protocol import EXTENSION, PART, SocketProtocol

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)})
        self.writes: list[bytes] = []
        self.ended = asyncio.Event()
        self.is_reading = True

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.ended.is_set()

    def close(self) -> None:
        self.ended.set()

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True


def connected(application: Any, wire: Wire) -> SocketProtocol:
    config = Config(application, lifespan="off", log_config=None, ws_per_message_deflate=False)
    config.load()
    protocol = SocketProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(wire)
    return protocol


async def written(application: Any, request: bytes = REQUEST) -> list[bytes]:
    wire = Wire()
    protocol = connected(application, wire)
    protocol.data_received(request)
    async with asyncio.timeout(30):
        await wire.ended.wait()
    protocol.connection_lost(None)
    return wire.writes


async def test_several_texts_are_one_write_and_a_frame_each() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert EXTENSION in scope["extensions"]
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "zero"})
        await send({"type": "websocket.send", "texts": ["one", "zwö", "x" * 200]})
        await send({"type": "websocket.send", "text": "four"})

    _, *writes = await written(application)
    together = b"\x81\x03one" + b"\x81\x04zw\xc3\xb6" + b"\x81\x7e\x00\xc8" + b"x" * 200
    assert writes == [b"\x81\x04zero", together, b"\x81\x04four"]


async def test_a_request_that_is_no_websocket_is_refused() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("nobody is there")

    (answer,) = await written(application, REQUEST.replace(b"Version: 13", b"Version: 1"))
    assert answer.startswith(b"HTTP/1.1 4")


async def test_what_arrives_at_once_is_read_in_parts_while_nothing_more_arrives() -> None:
    wire = Wire()
    received: list[tuple[str, bool]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            received.append((message.get("text", ""), wire.is_reading))

    protocol = connected(application, wire)
    protocol.data_received(REQUEST)
    ping, hello, last = b"\x89\x80" + bytes(4), b"\x81\x82" + bytes(4) + b"hi", 10 * PART
    async with asyncio.timeout(30):
        while len(received) < 1:
            await asyncio.sleep(0)
        protocol.data_received(hello + ping * last + hello)
        turns = 0
        while len(received) < 3:
            assert len(received) < 2 or not wire.is_reading
            await asyncio.sleep(0)
            turns += 1
    assert turns >= last * len(ping) // PART
    assert received == [("", True), ("hi", False), ("hi", True)]
    assert sum(len(one) for one in wire.writes[1:]) == 2 * last  # a pong for each ping
    protocol.connection_lost(None)


async def test_what_is_left_of_a_connection_that_ended_is_not_read() -> None:
    wire = Wire()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    protocol = connected(application, wire)
    protocol.data_received(REQUEST)
    async with asyncio.timeout(30):
        while not wire.writes:
            await asyncio.sleep(0)
    close = b"\x88\x80" + bytes(4)
    protocol.data_received(close + (b"\x89\x80" + bytes(4)) * PART)
    protocol.connection_lost(None)
    answered = len(wire.writes)
    for _ in range(10):  # turns, of which one would read on
        await asyncio.sleep(0)
    assert wire.ended.is_set()
    assert len(wire.writes) == answered
