"""Uvicorn's WebSocket protocol with one addition: a message of several texts is one write to the network.

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


class SocketProtocol(WebSocketsSansIOProtocol):
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
