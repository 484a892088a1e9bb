"""Ends the WebSockets whose bytes uvicorn cannot read.

Without it, uvicorn neither answers a request with too many or too long headers nor closes its connection,
so that a client without an account could open connections until the server has no descriptors left. A text
that is not UTF-8 would leave a traceback in the log.
"""

from __future__ import annotations

import logging
import sys
from functools import wraps
from typing import Any

_MODULE = "uvicorn.protocols.websockets.websockets_sansio_impl"


def watch_uvicorn() -> None:
    """Changes uvicorn's protocol, which it has chosen when it starts the application. Other servers stay
    as they are.
    """
    protocol: Any = getattr(sys.modules.get(_MODULE), "WebSocketsSansIOProtocol", None)
    if protocol is None or hasattr(protocol.data_received, "__wrapped__"):
        return
    logging.getLogger("uvicorn.error").addFilter(_without_trace)
    data_received = protocol.data_received

    @wraps(data_received)
    def received(self: Any, data: bytes) -> None:
        data_received(self, data)
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    protocol.data_received = received


def _without_trace(record: logging.LogRecord) -> bool:
    """A text that is not UTF-8 is the client's fault: uvicorn has closed its connection with 1007."""
    if record.msg == "Invalid UTF-8 sequence received from client.":
        record.exc_info = None
    return True
