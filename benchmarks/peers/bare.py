"""A bare ASGI application: all WebSockets at the same address get the frames of one run.

It stores nothing, and knows no users. The first frame from a client begins the run of its address.
"""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.peers.pace import HELLO, Pace, body, end

_rooms: dict[str, list[Any]] = {}
_runs: set[asyncio.Task[None]] = set()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"bare"})
    else:
        await _watch(scope, receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _watch(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": HELLO})
    room = _rooms.setdefault(scope["path"], [])
    room.append(send)
    while (await receive())["type"] == "websocket.receive":
        run = asyncio.create_task(_run(room, Pace.of_query(scope["query_string"])))
        _runs.add(run)
        run.add_done_callback(_runs.discard)
    room.remove(send)


async def _run(room: list[Any], pace: Pace) -> None:
    async for number in pace.steps():
        await _send_all(room, body(number))
        if len(room) > 1:
            await asyncio.sleep(0)
    await _send_all(room, end(pace.events + 1))


async def _send_all(room: list[Any], text: str) -> None:
    for send in list(room):
        await send({"type": "websocket.send", "text": text})
