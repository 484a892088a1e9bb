"""A bare ASGI WebSocket application: sends FRAMES frames of a progress event's size, then closes.

At `/burst` each connection gets its frames in one go. At `/broadcast` all connections get each frame
before the next one is sent, as viewers of one run do.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

FRAMES = int(os.environ.get("FRAMES", "200"))
BODY = json.dumps(
    {
        "type": "progress",
        "progress": {
            "step": "execution",
            "message": "⚙️ Step 100 of 200",
            "details": "Measured from callback to client",
            "timestamp": "2026-01-01T00:00:00.000000Z",
            "metadata": {"called": 1770000000.123456},
        },
        "seq": 100,
        "run": "00000000-0000-4000-8000-000000000000",
        "timestamp": "2026-01-01T00:00:00.000000Z",
    },
    ensure_ascii=False,
)


CONNECTIONS = 50
_waiting: list[Any] = []


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await receive()  # the client's "go"
    if scope["path"] == "/burst":
        for _ in range(FRAMES):
            await send({"type": "websocket.send", "text": BODY})
    else:
        await _broadcast(send)
    await send({"type": "websocket.close"})


async def _broadcast(send: Any) -> None:
    done = asyncio.get_running_loop().create_future()
    _waiting.append((send, done))
    if len(_waiting) == CONNECTIONS:
        for _ in range(FRAMES):
            for one, _ in _waiting:
                await one({"type": "websocket.send", "text": BODY})
            await asyncio.sleep(0)
        for _, other in _waiting:
            other.set_result(None)
        _waiting.clear()
    await done
