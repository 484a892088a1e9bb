"""Uvicorn's WebSocket protocol with two additions.

A message of several texts is one write to the network. What has arrived is read in parts, a part in a turn
of the event loop: one read of the network brings up to 256,000 bytes, which are up to 40,000 empty frames.

`uvicorn --ws chat.socket_protocol:SocketProtocol` uses it. Under another protocol, or another server, each
text is sent by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

if TYPE_CHECKING:
    from websockets.http11 import Request

# The name of the ASGI extension: with it, "websocket.send" may have `texts`, a list, each a frame of its own.
EXTENSION = "samurai.texts"
PART = 4 * 1024  # bytes: at most 700 frames, which take a few milliseconds


class SocketProtocol(WebSocketsSansIOProtocol):
    _unread = b""

    def data_received(self, data: bytes) -> None:
        is_reading = bool(self._unread)
        self._unread += data
        if is_reading:
            self.transport.pause_reading()
        else:
            self._read_part()

    def _read_part(self) -> None:
        part, self._unread = self._unread[:PART], self._unread[PART:]
        super().data_received(part)
        if self.transport.is_closing():
            self._unread = b""
        elif self._unread:
            self.transport.pause_reading()
            self.loop.call_soon(self._read_on)
        elif not self.read_paused:
            self.transport.resume_reading()

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self._read_part()

    async def receive(self) -> Any:
        message = await super().receive()
        if self._unread:  # uvicorn has resumed the reading
            self.transport.pause_reading()
        return message

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:  # otherwise it was refused, and there is no scope
            self.scope["extensions"][EXTENSION] = {}

    async def send(self, message: Any) -> None:
        if "texts" not in message:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        try:
            for text in message["texts"]:
                self.conn.send_text(text.encode())
        except InvalidState:  # it is closing
            raise ClientDisconnected from None
        self.transport.write(b"".join(self.conn.data_to_send()))
