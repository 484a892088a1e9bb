"""Clients of the WebSocket that mean harm, a function for each way. None of them waits long."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct
import uuid
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.support.server import PATIENCE, ServerProcess, receive_any, watching

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
TEXT, BINARY, CLOSE, PING, MORE = 0x1, 0x2, 0x8, 0x9, 0x0
FINAL, COMPRESSED = 0x80, 0x40
NOWHERE = str(uuid.UUID(int=7))
REFUSED = (ConnectionClosed, InvalidMessage, InvalidStatus, ConnectionError, EOFError)


def frame(kind: int, content: bytes = b"", flags: int = FINAL) -> bytes:
    """Returns a frame as a browser sends it, masked with zeros."""
    size = len(content)
    if size < 126:
        head = struct.pack("!BB", kind | flags, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", kind | flags, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", kind | flags, 0x80 | 127, size)
    return head + bytes(4) + content


def request(server: ServerProcess, *more: str, **changed: str) -> bytes:
    headers = {
        "Host": f"127.0.0.1:{server.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Authorization": f"Token {server.cast['alice']['token']}",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    path = f"/ws/sessions/{server.session}/?after=0"
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, *more, "", ""]).encode()


@contextlib.asynccontextmanager
async def raw(server: ServerProcess, *more: str, **changed: str) -> AsyncIterator[Connection]:
    """A connection of bytes, after the request for the upgrade was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request(server, *more, **changed))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answered(reader: asyncio.StreamReader) -> bytes:
    """Waits for the answer to the request: what is sent with it would be lost."""
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Returns what comes until the server closes the connection."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := await asyncio.wait_for(reader.read(65_536), PATIENCE):
            found += part
    return found


async def _ended(server: ServerProcess, *frames: bytes, **changed: str) -> bytes:
    """Sends the frames; returns what the server says until it closes the connection."""
    async with raw(server, **changed) as (reader, writer):
        head = await answered(reader)
        with contextlib.suppress(ConnectionError):
            writer.write(b"".join(frames))
            await writer.drain()
        return head + await rest(reader)


async def _pinged(server: ServerProcess, *frames: str) -> list[str]:
    """Sends the frames and a ping; returns the types of what comes before its answer."""
    found: list[str] = []
    async with watching(server) as client:
        for one in (*frames, '{"type": "ping"}'):
            await client.send(one)
        while (kind := (await receive_any(client))["type"]) != "heartbeat":
            found.append(kind)
    return found


# -- who connects ----------------------------------------------------------------------------------


async def strangers(server: ServerProcess) -> None:
    """Without a cookie, from a foreign origin, to sessions of others and of nobody."""
    for headers in ({}, {"Authorization": "Token x"}):
        async with server.client(headers=headers) as client:
            with contextlib.suppress(ConnectionClosed):
                await client.recv()
            assert client.close_code == 4401
    told = await _ended(server, Origin="http://evil.example", Cookie="sessionid=x")
    assert b" 403 " in told[:20]
    for session in (NOWHERE, "x", "%00"):
        with contextlib.suppress(*REFUSED):
            async with server.client("bob", session=session) as client:
                await client.recv()


async def wrong_upgrades(server: ServerProcess) -> None:
    for changed in (
        {"Sec_WebSocket_Version": "99"},
        {"Sec_WebSocket_Key": "x"},
        {"Sec_WebSocket_Key": ""},
        {"Upgrade": "h2c", "Connection": "close"},
    ):
        async with raw(server, **changed) as (reader, _):
            line = await asyncio.wait_for(reader.readline(), PATIENCE)
            assert b" 101 " not in line, changed


async def header_bombs(server: ServerProcess) -> None:
    for more in (["X-Big: " + "x" * 200_000], [f"X-{at}: x" for at in range(5_000)]):
        async with raw(server, *more) as (reader, _):
            assert b" 101 " not in await rest(reader)


async def reconnect_storm(server: ServerProcess) -> None:
    async def once() -> None:
        with contextlib.suppress(*REFUSED):
            async with server.client() as client:
                await client.recv()

    for _ in range(4):
        await asyncio.gather(*[once() for _ in range(25)])


async def half_open(server: ServerProcess) -> None:
    """Connections that end without a word, before, within and after the upgrade."""
    for sent in (b"", b"GET /ws/", request(server), request(server) + b"\x81\xff"):
        for _ in range(10):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            await writer.drain()
            with contextlib.suppress(ConnectionError):
                one = writer.get_extra_info("socket")
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


# -- what frames say -------------------------------------------------------------------------------

FRAMES = [
    '{"type": "ack", "seq": Infinity}',
    '{"type": "ack", "seq": -Infinity}',
    '{"type": "ack", "seq": 1e999}',
    '{"type": "ack", "seq": -9223372036854775809}',
    '{"type": "ack", "seq": 1, "seq": "x"}',
    '{"type": "ping", "type": "launch"}',
    '{"type": "ack"}',
    '{"type": ["ack"], "seq": 1}',
    '{"type": {"ack": 1}}',
    '{"type": null}',
    '{"type": "message", "content": ["x"], "client_id": {}}',
    '{"type": "edit_plan", "run": "' + NOWHERE + '", "plan_revision": 1, "steps": [[[[]]]]}',
    '{"type": "approve", "run": "' + NOWHERE + '", "plan_revision": 1e3}',
    '{"type": "approve", "run": "' + NOWHERE + '", "plan_revision": -1}',
    '{"' + "x" * 60_000 + '": 1}',
    '{"type": "\\u0000"}',
    '{"type": "\\ud800"}',
    '{"__proto__": 1, "type": "__class__"}',
    '{"a":' * 50_000,
    "-",
    " ",
    "\u2028",
]


async def bad_frames(server: ServerProcess) -> None:
    found = await _pinged(server, *FRAMES)
    assert found.count("rejected") == len(FRAMES)


async def cursors(server: ServerProcess) -> None:
    """Of the past and of the future, in the address and in acknowledgements."""
    for after in ("-1", "x", "9" * 30, str(2**62), "1e3", "%00"):
        async with server.client(after=after) as client:
            assert (await receive_any(client))["type"] == "hello"
    acks = [json.dumps({"type": "ack", "seq": seq}) for seq in (0, 5, 2**63 - 1, 0)]
    await _pinged(server, *acks)


# -- floods ----------------------------------------------------------------------------------------


async def flood_of_frames(server: ServerProcess) -> None:
    with contextlib.suppress(*REFUSED):
        async with watching(server) as client:
            for _ in range(3_000):
                await client.send('{"type": "ping"}')


async def flood_of_bytes(server: ServerProcess) -> None:
    large = json.dumps({"type": "edit_plan", "steps": [{"x": "x" * 400}] * 1_000})
    with contextlib.suppress(*REFUSED):
        async with watching(server) as client:
            for _ in range(4):
                await client.send(large)


async def flood_of_control_frames(server: ServerProcess) -> None:
    # Nobody reads the answers.
    async with raw(server) as (reader, writer):
        await answered(reader)
        with contextlib.suppress(ConnectionError, TimeoutError):
            for _ in range(20):
                writer.write(frame(PING, b"x" * 125) * 500)
                await asyncio.wait_for(writer.drain(), 1)
    async with raw(server) as (reader, writer):
        await answered(reader)
        with contextlib.suppress(ConnectionError, TimeoutError):
            writer.write(frame(PING) * 40_000)
            await asyncio.wait_for(writer.drain(), 1)


async def slow_readers(server: ServerProcess) -> None:
    """Each asks for a long log and takes nothing of it."""
    server.fill("long_session", server.session, 60)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(raw(server))
        await _pinged(server)


# -- the protocol ----------------------------------------------------------------------------------


async def fragments(server: ServerProcess) -> None:
    """Of one byte, of none, without an end, and without a beginning."""
    spaces = frame(MORE, b" ", 0) * 5_000 + frame(MORE, b"", 0) * 40_000
    tiny = frame(TEXT, b"[", 0) + spaces + frame(MORE, b"]")
    async with raw(server) as (reader, writer):
        await answered(reader)
        writer.write(tiny + frame(CLOSE, struct.pack("!H", 1000)))
        await rest(reader)
    async with raw(server) as (reader, writer):
        await answered(reader)
        writer.write(frame(TEXT, b"[", 0) + frame(MORE, b" " * 1_000, 0) * 100)
        await writer.drain()
    await _ended(server, frame(MORE, b"x"))
    await _ended(server, frame(TEXT, b"[", 0) + frame(TEXT, b"["))


async def bad_protocol(server: ServerProcess) -> None:
    """Bytes, compressed bombs, unmasked frames, bad UTF-8, large and unfinished control frames."""
    bomb = zlib.compress(bytes(50_000_000))[2:-4]
    async with raw(server, Sec_WebSocket_Extensions="permessage-deflate") as (reader, writer):
        head = await answered(reader)
        assert b"permessage-deflate" not in head
        writer.write(frame(TEXT, bomb, FINAL | COMPRESSED))
        await rest(reader)
    for one in (
        b"\x81\x04ping",
        frame(TEXT, b"\xff\xfe"),
        frame(PING, b"x" * 200),
        frame(PING, b"x", 0),
        frame(0x3, b"x"),
        frame(CLOSE, b"\x00"),
        frame(CLOSE, struct.pack("!H", 1005)),
    ):
        await _ended(server, one)
    await _ended(server, frame(BINARY, bytes(1_000)), frame(CLOSE, struct.pack("!H", 1000)))


ATTACKS: list[Callable[[ServerProcess], Awaitable[None]]] = [
    strangers,
    wrong_upgrades,
    header_bombs,
    reconnect_storm,
    half_open,
    bad_frames,
    cursors,
    flood_of_frames,
    flood_of_bytes,
    flood_of_control_frames,
    fragments,
    bad_protocol,
    slow_readers,
]
# Those that make the server ask the database.
ASKING = [strangers, reconnect_storm, half_open, bad_frames, cursors, flood_of_bytes, slow_readers]
