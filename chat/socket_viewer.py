"""What goes out over a WebSocket: notices, and events as far as the client's window lets them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from agent.support import database, metrics
from agent.support.task_group import background_task
from chat import feed, flow_control
from chat.connection_identity import ConnectionIdentity
from chat.flow_control import Window
from chat.viewer import EARLY, HEARTBEAT, Viewer

logger = logging.getLogger(__name__)

WEBSOCKET = "websocket"
TOO_SLOW = 4408
TRY_LATER = 4503
# Events in a row before others get a turn on the event loop.
TURN = 64
MAX_WRITE = 65_536  # bytes of events after which a write has no more: what a server buffers anyway

Send = Callable[[dict[str, Any]], Awaitable[None]]


class SocketViewer(Viewer):
    """Sends from one task, so that frames never overtake each other. `together`: `send` takes `texts`, as
    `chat.socket_protocol` describes.
    """

    def __init__(
        self,
        identity: ConnectionIdentity,
        after: int,
        send: Send,
        *,
        sidebar: str | None = None,
        together: bool = False,
    ) -> None:
        super().__init__(identity, after, WEBSOCKET, sidebar=sidebar)
        self._together = together
        self.window = Window()
        self._asgi_send = send
        self._sending_since = 0.0  # 0: no frame is being sent
        self._sender: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to send. The viewer has been greeted."""
        self._sender = background_task(self._send_all())

    def stop(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
        feed.here().leave(self)

    def acknowledge(self, seq: int) -> bool:
        """Opens the window up to `seq`; tells whether that is any further."""
        is_further = self.window.acknowledged(seq)
        self.wake()
        return is_further

    def tick(self, now: float) -> float:
        is_stuck = self._sending_since and now - self._sending_since > flow_control.PATIENCE
        if is_stuck or self.window.is_too_slow(now):
            self.expel(TOO_SLOW)
            metrics.STREAM_ERRORS.add("slow_viewer")
            return now + HEARTBEAT
        since = self._sending_since or self.window.full_since or now
        return min(super().tick(now), since + flow_control.PATIENCE + EARLY)

    async def _send_all(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # the connection is gone
            try:
                while self.close_code is None:
                    self.expect_news()
                    await self._send_what_there_is()
                    await self.news
            except database.CONNECTION_ERRORS:
                logger.exception("The log cannot be read; closing a connection")
                self.close_code = TRY_LATER
                metrics.STREAM_ERRORS.add("database")
            feed.here().leave(self)
            await self._asgi_send({"type": "websocket.close", "code": self.close_code})

    async def _send_what_there_is(self) -> None:
        sent = 0
        while self.close_code is None:
            while self.notices:
                await self._send([self.notices.pop(0).body])
            if self.window.is_full:
                return
            if texts := self._take_events():
                await self._send(texts)
                sent += len(texts)
                if len(texts) == TURN:
                    await asyncio.sleep(0)
            elif not await self.read():
                if sent:
                    self.delivered()
                for notice in (self.take_sidebar(), self.take_draft()):
                    if notice is not None:
                        await self._send([notice.body])
                return

    def _take_events(self) -> list[str]:
        """Returns the next events that are in memory: as many as the window and one write have room for."""
        texts: list[str] = []
        now, size = self.loop.time(), 0
        while len(texts) < TURN and size < MAX_WRITE and not self.window.is_full:
            if (frame := self.take()) is None:
                break
            self.window.sent(frame.seq, frame.size, now)
            size += frame.size
            texts.append(frame.body)
        return texts

    async def _send(self, texts: list[str]) -> None:
        self.sent_at = self._sending_since = self.loop.time()
        if self._together:
            await self._asgi_send({"type": "websocket.send", "texts": texts})
        else:
            for text in texts:
                await self._asgi_send({"type": "websocket.send", "text": text})
        self._sending_since = 0.0
