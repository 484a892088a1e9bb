"""Asks a server for the window of its model, once. A server that does not tell is no error."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx2
import openai

from agent.llm.connections import client_of
from agent.llm.errors import Server
from agent.llm.windows import Window, told_by

TIMEOUT = 3.0  # seconds for all of it
MAX_BYTES = 20_000_000


async def ask_size(server: Server, window: Window) -> None:
    """Asks for the size, unless that was done or is being done."""
    if window.asked:
        return
    window.asked = True
    try:
        async with asyncio.timeout(TIMEOUT):
            size = await _told(server)
    except TimeoutError:
        return
    except asyncio.CancelledError:
        window.asked = False
        raise
    if size is not None:
        window.limit(size)


async def _told(server: Server) -> int | None:
    client = await client_of(server)
    for path in ("/models", f"/models/{quote(server.model, safe='')}"):
        try:
            response = await client.get(path, cast_to=httpx2.Response)
        except (openai.APIError, UnicodeError):
            continue
        # Lists of hundreds of models take too long to parse for the loop.
        size = await asyncio.to_thread(_size_in, response.content, server.model)
        if size is not None:
            return size
    return None


def _size_in(content: bytes, model: str) -> int | None:
    try:
        body: Any = json.loads(content) if len(content) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        return None
    return told_by(body, model)
