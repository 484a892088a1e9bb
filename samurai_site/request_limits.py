"""What a request may bring: the size of its headers and its body, and the time that the body takes.

A body is read before the request gets one of the process's slots, so that a slow one holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import Any

from chat.error_pages import BAD_REQUEST, HEADERS_TOO_LARGE, TOO_LARGE, TOO_SLOW, Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MAX_HEADERS = 16_384  # bytes
MAX_BODY = 2_621_440  # bytes
MAX_SECONDS = 30.0  # from the first byte of the body to its last
IN_MEMORY = 65_536  # bytes of a body; a longer one is on disk
CHUNK = 65_536  # bytes
# Before 3.11.10 and 3.12.6, Python takes time in the square of their number (CVE-2024-7592).
MAX_BACKSLASHES = 100  # in cookies


class Refused(Exception):
    """A body that is too large although its Content-Length is not, or too slow."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def problem_of(scope: Scope) -> Problem | None:
    """Returns what is wrong with the headers of a request or a WebSocket."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if sum(len(name) + len(value) for name, value in headers) > MAX_HEADERS:
        return HEADERS_TOO_LARGE
    cookies = [value for name, value in headers if name == b"cookie"]
    if sum(value.count(b"\\") for value in cookies) > MAX_BACKSLASHES:
        return BAD_REQUEST
    length = dict(headers).get(b"content-length", b"0")
    if not length.isdigit():
        return BAD_REQUEST
    return TOO_LARGE if int(length) > MAX_BODY else None


@asynccontextmanager
async def body_read(receive: Receive) -> AsyncIterator[Receive]:
    """Reads the whole body, and gives a `receive` that returns it from here. Raises `Refused`."""
    message = await receive()
    if not message.get("more_body"):
        yield _first(message, receive)
        return
    with SpooledTemporaryFile(IN_MEMORY) as body:
        try:
            async with asyncio.timeout(MAX_SECONDS):
                message = await _read(message, receive, body)
        except TimeoutError:
            raise Refused(TOO_SLOW) from None
        body.seek(0)
        is_whole = message["type"] == "http.request"
        yield _replay(body, receive) if is_whole else _first(message, receive)


async def _read(message: Message, receive: Receive, body: SpooledTemporaryFile[bytes]) -> Message:
    """Returns the last message: the end of the body, or that the client has gone."""
    while True:
        body.write(message.get("body", b""))
        if body.tell() > MAX_BODY:
            raise Refused(TOO_LARGE)
        if not message.get("more_body"):
            return message
        message = await receive()


def _first(message: Message, receive: Receive) -> Receive:
    left = [message]

    async def next_message() -> Message:
        return left.pop() if left else await receive()

    return next_message


def _replay(body: SpooledTemporaryFile[bytes], receive: Receive) -> Receive:
    is_read = False

    async def next_message() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        chunk = body.read(CHUNK)
        is_read = len(chunk) < CHUNK
        return {"type": "http.request", "body": chunk, "more_body": not is_read}

    return next_message
