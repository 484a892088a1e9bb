"""Clients that send slowly or without end, beside a neighbour, under uvicorn and under Daphne.

The clocks of these servers ring after two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from samurai_site.request_limits import MAX_BODY
from tests.support.server import PATIENCE, ServerProcess
from tests.support.shared_server import SharedServer, begun

APP = "tests.support.hurried"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(params=["uvicorn", "daphne"])
def attacked(
    request: pytest.FixtureRequest, share_server: Callable[..., SharedServer]
) -> Iterator[ServerProcess]:
    with begun(share_server(program=request.param, app=APP)) as server:
        yield server


@contextlib.asynccontextmanager
async def connected(server: ServerProcess, sent: str = "") -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent.encode())
    try:
        yield reader, writer
    finally:
        writer.close()


def head(server: ServerProcess, *headers: str, method: str = "GET") -> str:
    return "\r\n".join(
        [
            f"{method} /api/projects/ HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            f"Authorization: Token {server.cast['alice']['token']}",
            *headers,
            "",
            "",
        ]
    )


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Returns what comes until the server closes the connection."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := await asyncio.wait_for(reader.read(65_536), PATIENCE):
            found += part
    return found


async def drip(connection: Connection, text: bytes = b"x") -> bytes:
    """Sends the text again and again until the server closes the connection; returns what it sent."""
    reader, writer = connection

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(text)
                await writer.drain()
                await asyncio.sleep(0.1)

    sending = asyncio.create_task(send())
    try:
        return await rest(reader)
    finally:
        sending.cancel()


async def check_neighbour(server: ServerProcess) -> None:
    """A neighbour gets the answer to a request at the same time."""
    async with connected(server, head(server, "Connection: close")) as (reader, _):
        assert (await rest(reader)).startswith(b"HTTP/1.1 200")


async def test_slow_headers_end_the_connection(attacked: ServerProcess) -> None:
    async with connected(attacked, "GET /api/projects/ HTTP/1.1\r\nX-Slow: ") as connection:
        dripping = asyncio.create_task(drip(connection))
        await check_neighbour(attacked)
        assert (await dripping).startswith(b"HTTP/1.1 408")


async def test_a_connection_without_a_request_ends(attacked: ServerProcess) -> None:
    async with connected(attacked) as (reader, _):
        await check_neighbour(attacked)
        assert await rest(reader) == b""


async def test_slow_headers_of_a_later_request_end_the_connection(attacked: ServerProcess) -> None:
    async with connected(attacked, head(attacked)) as connection:
        first = await asyncio.wait_for(connection[0].readuntil(b"\r\n\r\n"), PATIENCE)
        assert first.startswith(b"HTTP/1.1 200")
        connection[1].write(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert b"HTTP/1.1 408" in await drip(connection)


async def test_headers_without_end_are_refused(attacked: ServerProcess) -> None:
    async with connected(attacked, "GET / HTTP/1.1\r\n") as (reader, writer):
        with contextlib.suppress(ConnectionError):
            for number in range(4000):
                writer.write(f"X-{number}: {'x' * 100}\r\n".encode())
                await writer.drain()
        # 400: Daphne's own. A connection with unread bytes is reset, perhaps before the answer is read.
        assert (await rest(reader))[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")


async def test_a_slow_body_ends_the_connection(attacked: ServerProcess) -> None:
    kind = ("Content-Type: application/json", "Content-Length: 1000000")
    async with connected(attacked, head(attacked, *kind, method="POST")) as connection:
        dripping = asyncio.create_task(drip(connection))
        await check_neighbour(attacked)
        assert (await dripping).startswith(b"HTTP/1.1 408")


async def test_a_length_over_the_limit_is_refused(attacked: ServerProcess) -> None:
    kind = ("Content-Type: application/json", f"Content-Length: {2 * MAX_BODY + 1}")
    async with connected(attacked, head(attacked, *kind, method="POST")) as (reader, _):
        assert (await rest(reader)).startswith(b"HTTP/1.1 413")


CHUNKED = ("Connection: close", "Content-Type: application/json", "Transfer-Encoding: chunked")


async def test_chunks_over_the_limit_are_refused(attacked: ServerProcess) -> None:
    async with connected(attacked, head(attacked, *CHUNKED, method="POST")) as (reader, writer):
        for _ in range(0, MAX_BODY, 65_536):
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            await writer.drain()
        writer.write(b"1\r\nx\r\n0\r\n\r\n")
        assert (await rest(reader)).startswith(b"HTTP/1.1 413")


async def test_chunks_without_end_are_refused(attacked: ServerProcess) -> None:
    async with connected(attacked, head(attacked, *CHUNKED, method="POST")) as connection:
        answer = await drip(connection, (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 10)
        # A connection with unread bytes is reset, perhaps before the answer is read.
        assert answer[:12] in (b"HTTP/1.1 413", b"")


async def test_many_stalled_bodies_cost_little_memory_and_end(attacked: ServerProcess) -> None:
    kind = ("Content-Type: application/json", f"Content-Length: {MAX_BODY}")
    sent = head(attacked, *kind, method="POST") + "x" * 300_000
    await check_neighbour(attacked)
    before = memory(attacked)
    async with contextlib.AsyncExitStack() as stack:
        stalled = [await stack.enter_async_context(connected(attacked, sent)) for _ in range(150)]
        for _, writer in stalled:
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        await check_neighbour(attacked)
        assert memory(attacked) - before < 50_000_000
        answers = await asyncio.gather(*(rest(reader) for reader, _ in stalled))
    # A connection that is closed with unread bytes may be reset before its answer is read.
    assert {answer[:12] for answer in answers} <= {b"HTTP/1.1 408", b""}
    await check_neighbour(attacked)


def memory(server: ServerProcess) -> int:
    """Returns the bytes that the server has in memory, its files left out."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


async def test_a_websocket_stays_open_beyond_the_clock(attacked: ServerProcess) -> None:
    async with attacked.client() as socket:
        await socket.recv()
        async with connected(attacked) as (reader, _):  # ends by the clock, which began later
            await rest(reader)
        await socket.send('{"type": "ping"}')
        while "heartbeat" not in await asyncio.wait_for(socket.recv(), PATIENCE):
            pass
