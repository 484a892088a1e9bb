"""What a request may bring: the size of its headers and its body, and the time that the body takes.

A body is read before the request gets one of the process's slots, so that a slow one holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import Any

from chat.error_pages import BAD_REQUEST, BUSY, HEADERS_TOO_LARGE, TOO_LARGE, TOO_SLOW, Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MAX_HEADERS = 16_384  # bytes
MAX_BODY = 2_621_440  # bytes
MAX_DIGITS = 20  # of a length
MAX_SECONDS = 30.0  # from the first byte of the body to its last
IN_MEMORY = 65_536  # bytes of a body; a longer one is on disk
CHUNK = 65_536  # bytes
MOST_ON_DISK = 200  # bodies of all requests of the process: 500 MB, where /tmp is in memory perhaps
# Before 3.11.10 and 3.12.6, Python takes time in the square of their number (CVE-2024-7592).
MAX_BACKSLASHES = 100  # in cookies


_on_disk = 0  # bodies


class Refused(Exception):
    """A body that is too large although its Content-Length is not, too slow, or one of too many."""

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
    # Python refuses to read a number of thousands of digits.
    return TOO_LARGE if len(length) > MAX_DIGITS or int(length) > MAX_BODY else None


@asynccontextmanager
async def body_read(receive: Receive) -> AsyncIterator[Receive]:
    """Reads the whole body, and gives a `receive` that returns it from here. Raises `Refused`."""
    message = await receive()
    if not message.get("more_body"):
        yield _first(message, receive)
        return
    with _Body() as body:
        try:
            async with asyncio.timeout(MAX_SECONDS):
                message = await _read(message, receive, body)
        except TimeoutError:
            raise Refused(TOO_SLOW) from None
        body.file.seek(0)
        is_whole = message["type"] == "http.request"
        yield _replay(body.file, receive) if is_whole else _first(message, receive)


class _Body:
    """A body in memory, or from `IN_MEMORY` on in a file: only so many of a process have one."""

    def __init__(self) -> None:
        self.file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  (closed below)
        self._is_on_disk = False

    def __enter__(self) -> _Body:
        return self

    def __exit__(self, *_: object) -> None:
        global _on_disk
        _on_disk -= self._is_on_disk
        self.file.close()

    def add(self, part: bytes) -> None:
        """Raises `Refused` if the body, or the number of those in files, is too large."""
        global _on_disk
        size = self.file.tell() + len(part)
        if size > MAX_BODY:
            raise Refused(TOO_LARGE)
        if size > IN_MEMORY and not self._is_on_disk:
            if _on_disk >= MOST_ON_DISK:
                raise Refused(BUSY)
            _on_disk += 1
            self._is_on_disk = True
        self.file.write(part)


async def _read(message: Message, receive: Receive, body: _Body) -> Message:
    """Returns the last message: the end of the body, or that the client has gone."""
    while True:
        body.add(message.get("body", b""))
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
