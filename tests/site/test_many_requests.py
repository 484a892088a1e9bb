"""Many requests at once to a real server process: what they leave behind, and who is turned away."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent.engine.process_identity import MAX_DESCRIPTORS
from chat import request_slots
from chat.request_slots import EXECUTING, WAITING
from samurai_site.server import Server
from tests.support.server import ServerProcess

AT_ONCE = 200


def descriptors(server: ServerProcess) -> int:
    assert server.process is not None
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def threads(server: ServerProcess) -> int:
    assert server.process is not None
    return len(os.listdir(f"/proc/{server.process.pid}/task"))


async def ask(
    server: ServerProcess, path: str, accept: str = "application/json"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: Token {server.cast['alice']['token']}",
        f"Accept: {accept}",
        "Connection: close",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    return reader, writer


async def status(server: ServerProcess) -> int:
    reader, writer = await ask(server, "/api/projects/")
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ")[1])


async def statuses(server: ServerProcess, requests: int) -> Counter[int]:
    return Counter(await asyncio.gather(*[status(server) for _ in range(requests)]))


async def test_requests_leave_no_descriptors_behind(server: ServerProcess) -> None:
    await statuses(server, 20)
    before = descriptors(server)
    for _ in range(3):
        assert await statuses(server, AT_ONCE) == {200: AT_ONCE}
    assert (
        descriptors(server) <= before + 2 * EXECUTING + 4
    )  # each place keeps a connection to SQLite


async def test_streams_take_no_place_and_no_thread(server: ServerProcess) -> None:
    await statuses(server, 4 * EXECUTING)
    before = threads(server)
    path = f"/api/sessions/{server.session}/events/"
    streams = [await ask(server, path, "text/event-stream") for _ in range(4 * EXECUTING)]
    for reader, _ in streams:
        assert b" 200 " in await reader.readline()
    assert await statuses(server, 20) == {200: 20}
    assert threads(server) <= max(before, EXECUTING + 16)  # and those of the engine
    for _, writer in streams:
        writer.close()


@pytest.mark.parametrize("parts", [1, 3])
async def test_readers_that_take_nothing_hold_up_nobody(
    monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    monkeypatch.setattr(request_slots, "SENDING_SECONDS", 0.0)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for left in reversed(range(parts)):
            await send({"type": "http.response.body", "body": b"x", "more_body": left > 0})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent, all_taken = [], asyncio.Event()

    async def stuck(message: Any) -> None:
        if message["type"] == "http.response.body":
            sent.append(message)
            if len(sent) == EXECUTING:
                all_taken.set()
            await asyncio.Event().wait()

    async def send(message: Any) -> None:
        pass

    server = Server(inner)
    server._started = True
    request = {"type": "http", "method": "GET", "path": "/api/projects/", "headers": []}
    slow = [
        asyncio.create_task(server(dict(request), receive, stuck)) for _ in range(2 * EXECUTING)
    ]
    async with asyncio.timeout(20):
        await all_taken.wait()
        await server(dict(request), receive, send)
    for task in slow:
        assert not task.done()
        task.cancel()


async def test_others_wait_for_their_turn_and_too_many_are_told_to_come_back() -> None:
    gate, executing, sent = asyncio.Event(), 0, []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        nonlocal executing
        executing += 1
        await gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    server = Server(inner)
    server._started = True
    request = {"type": "http", "method": "GET", "path": "/api/projects/", "headers": []}
    every = [
        asyncio.create_task(server(dict(request), receive, send))
        for _ in range(EXECUTING + WAITING + 3)
    ]
    await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
    refused = [message for message in sent if message["type"] == "http.response.start"]
    assert [message["status"] for message in refused] == [503] * 3
    assert (b"retry-after", b"5") in refused[0]["headers"]
    assert json.loads(sent[1]["body"])["code"] == "busy"
    assert executing == EXECUTING
    gate.set()
    await asyncio.gather(*every)
    assert executing == EXECUTING + WAITING


def test_a_server_may_open_as_many_descriptors_as_the_system_allows(server: ServerProcess) -> None:
    assert server.process is not None
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    soft, hard = re.findall(r"Max open files +(\S+) +(\S+)", limits)[0]
    assert int(soft) >= min(int(hard), MAX_DESCRIPTORS)
