"""Headers and bodies that are too large or too slow, at a real server process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from chat.error_pages import TOO_LARGE
from chat.request_slots import EXECUTING
from samurai_site import request_limits
from samurai_site.request_limits import IN_MEMORY, MAX_BACKSLASHES, MAX_BODY, MAX_HEADERS, Refused
from tests.support.server import ServerProcess

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def begun(server: ServerProcess, *headers: str, method: str = "GET") -> Connection:
    """Sends the headers of a request to the list of projects."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = [
        f"{method} /api/projects/ HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: Token {server.cast['alice']['token']}",
        "Connection: close",
        *headers,
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    return reader, writer


async def answered(connection: Connection) -> tuple[int, Any]:
    """Returns the status of the answer, and its JSON."""
    reader, writer = connection
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split(b" ")[1]), json.loads(body)


async def test_large_headers_are_refused(server: ServerProcess) -> None:
    status, body = await answered(await begun(server, f"X-Large: {'x' * MAX_HEADERS}"))
    assert (status, body["code"]) == (431, "headers_too_large")
    status, _ = await answered(await begun(server, f"X-Large: {'x' * (MAX_HEADERS - 500)}"))
    assert status == 200


@pytest.mark.parametrize("length", ["9" * 5_000, str(MAX_BODY + 1)])
def test_a_length_is_refused_however_many_digits_it_has(length: str) -> None:
    problem = request_limits.problem_of({"headers": [(b"content-length", length.encode())]})
    assert problem is TOO_LARGE


async def test_cookies_that_are_slow_to_read_are_refused(server: ServerProcess) -> None:
    slow = '"' + "\\x" * (MAX_BACKSLASHES + 1) + '"'
    status, body = await answered(await begun(server, f"Cookie: a={slow}"))
    assert (status, body["code"]) == (400, "invalid")
    headers = {"Cookie": f"a={slow}", "Origin": server.url}
    with pytest.raises(Exception, match="403"):
        async with server.client(headers=headers):
            pass


async def test_a_long_body_arrives_whole(server: ServerProcess) -> None:
    text = json.dumps({"name": "Long", "description": "x" * (2 * IN_MEMORY)})
    kind = ("Content-Type: application/json", f"Content-Length: {len(text)}")
    connection = await begun(server, *kind, method="POST")
    for start in range(0, len(text), 10_000):
        connection[1].write(text[start : start + 10_000].encode())
        await connection[1].drain()
    status, body = await answered(connection)
    assert status in (201, 400), body
    if status == 400:  # the description has a limit of its own, which counts what arrived
        assert f"{2 * IN_MEMORY:,}" in json.dumps(body)


async def test_only_so_many_bodies_are_on_disk_and_short_ones_need_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_limits, "MOST_ON_DISK", 1)

    def body(size: int) -> Any:
        parts = [
            {"type": "http.request", "body": b"x" * size, "more_body": at < 1} for at in (0, 1)
        ]

        async def receive() -> Any:
            return parts.pop(0)

        return request_limits.body_read(receive)

    for _ in range(2):  # the place is free again after the first time
        async with body(IN_MEMORY):
            with pytest.raises(Refused) as refused:
                async with body(IN_MEMORY):
                    pass
            assert (refused.value.problem.status, refused.value.problem.code) == (503, "busy")
            async with body(IN_MEMORY // 2):
                pass


async def test_stalled_bodies_hold_up_nobody(server: ServerProcess) -> None:
    kind = ("Content-Type: application/json", f"Content-Length: {MAX_BODY}")
    stalled = [await begun(server, *kind, method="POST") for _ in range(2 * EXECUTING)]
    for _, writer in stalled:
        writer.write(b'{"name": "')
        await writer.drain()
    status, _ = await answered(await begun(server))
    assert status == 200
    for _, writer in stalled:
        writer.close()


Script = Callable[..., Callable[[], Any]]


@pytest.fixture
def script() -> Script:
    """Makes a `receive` of messages; None waits for ever."""

    def make(*messages: dict[str, Any] | None) -> Callable[[], Any]:
        left = list(messages)

        async def receive() -> Any:
            if (message := left.pop(0)) is None:
                await asyncio.Event().wait()
            return message

        return receive

    return make


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_has_a_clock(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "MAX_SECONDS", 0.0)
    with pytest.raises(Refused) as refused:
        async with request_limits.body_read(script(part(b"x"), None)):
            pass
    assert refused.value.problem.status == 408


async def test_a_client_that_goes_while_it_sends_has_sent_nothing(script: Script) -> None:
    gone = {"type": "http.disconnect"}
    async with request_limits.body_read(script(part(b"half"), gone)) as receive:
        assert await receive() == gone


async def test_what_was_read_is_given_again(script: Script) -> None:
    whole = b"0123456789" * 20_000
    parts = [part(whole[start : start + 9_999]) for start in range(0, len(whole), 9_999)]
    found = b""
    async with request_limits.body_read(script(*parts, part(b"", more=False))) as receive:
        more = True
        while more:
            message = await receive()
            found, more = found + message["body"], message["more_body"]
    assert found == whole
