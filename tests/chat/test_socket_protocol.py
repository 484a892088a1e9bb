"""The protocol that writes several frames at once, under a transport that notes each write."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from chat.socket_protocol import EXTENSION, SocketProtocol

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)})
        self.writes: list[bytes] = []
        self.ended = asyncio.Event()

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.ended.is_set()

    def close(self) -> None:
        self.ended.set()

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def written(application: Any, request: bytes = REQUEST) -> list[bytes]:
    config = Config(application, lifespan="off", log_config=None, ws_per_message_deflate=False)
    config.load()
    wire = Wire()
    protocol = SocketProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(wire)
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
