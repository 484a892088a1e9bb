"""A bare ASGI WebSocket application: sends FRAMES frames of a progress event's size, then closes."""

from __future__ import annotations

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


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await receive()  # the client's "go"
    for _ in range(FRAMES):
        await send({"type": "websocket.send", "text": BODY})
    await send({"type": "websocket.close"})
