"""A program that uses the API of a real server over HTTP, with a token of the cast."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

from tests.support.server import PATIENCE, ServerProcess, is_last

Block = tuple[int | None, dict[str, Any]]  # the `id:` of a block, or none; its frame


def headers_of(server: ServerProcess, name: str = "alice") -> dict[str, str]:
    return {"Authorization": f"Token {server.cast[name]['token']}"}


def client(server: ServerProcess, name: str = "alice", **more: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=f"{server.url}/api/",
        headers={**headers_of(server, name), **more.pop("headers", {})},
        timeout=PATIENCE,
        **more,
    )


def page_client(server: ServerProcess, name: str = "alice") -> httpx2.AsyncClient:
    """A page of the site: with its cookie and its CSRF token."""
    cookies = {"sessionid": server.cast[name]["cookie"], "csrftoken": "c" * 32}
    return httpx2.AsyncClient(
        base_url=f"{server.url}/api/",
        cookies=cookies,
        headers={"X-CSRFToken": "c" * 32},
        timeout=PATIENCE,
    )


@contextlib.asynccontextmanager
async def streaming(
    api: httpx2.AsyncClient, method: str, path: str, **how: Any
) -> AsyncIterator[AsyncIterator[Block]]:
    """Opens an event stream; gives its blocks."""
    how["headers"] = {"Accept": "text/event-stream", **how.get("headers", {})}
    async with api.stream(method, path, **how) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield blocks(response)


async def blocks(response: httpx2.Response) -> AsyncIterator[Block]:
    cursor = None
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            cursor = int(line.removeprefix("id: "))
        elif line.startswith("data: "):
            yield cursor, json.loads(line.removeprefix("data: "))
            cursor = None


async def until(
    stream: AsyncIterator[Block], reached: Callable[[dict[str, Any]], bool] = is_last
) -> list[dict[str, Any]]:
    """Returns the frames up to and with the first for which `reached` is true, but not `waiting`, which
    comes at a time of its own.
    """
    frames = []
    async with asyncio.timeout(PATIENCE):
        async for cursor, frame in stream:
            assert cursor == frame.get("seq")
            if frame["type"] == "waiting":
                continue
            frames.append(frame)
            if reached(frame):
                return frames
    raise AssertionError(f"the stream ended after {frames[-1:]}")
