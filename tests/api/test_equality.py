"""One log, read in every way: the same events in the same order, also when each stream is cut everywhere."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection

from tests.support.api_client import Block, client, streaming
from tests.support.server import PATIENCE, ServerProcess, is_last, receive, watching

Events = list[dict[str, Any]]


def asked(run: str, content: str) -> dict[str, Any]:
    message = {"id": run, "role": "user", "content": content}
    return {"threadId": "a", "runId": run, "messages": [message]}


@pytest.fixture
async def api(server: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(server) as api:
        yield api


async def of_socket(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    while True:
        frame = await receive(socket)
        if "seq" in frame:
            yield frame


async def of_stream(stream: AsyncIterator[Block]) -> AsyncIterator[dict[str, Any]]:
    """Our own events, whether they come as they are or translated."""
    async for cursor, frame in stream:
        if cursor is not None:
            event = frame.get("rawEvent", frame)
            assert cursor == event["seq"]
            yield event


async def of_polling(
    api: httpx2.AsyncClient, session: str, after: int
) -> AsyncIterator[dict[str, Any]]:
    while True:
        page = await api.get(f"sessions/{session}/events/?after={after}&limit=5")
        for event in page.json()["results"]:
            after = event["seq"]
            yield event


async def run_of(events: AsyncIterator[dict[str, Any]]) -> Events:
    """Returns the events up to the last one of a run."""
    found: Events = []
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            found.append(event)
            if is_last(event):
                return found
    raise AssertionError(f"the stream ended after {found[-1:]}")


async def over_ag_ui(api: httpx2.AsyncClient, run: str, content: str) -> Events:
    async with streaming(api, "POST", "ag-ui/", json=asked(run, content)) as stream:
        return await run_of(of_stream(stream))


async def test_one_run_is_the_same_in_every_way_while_it_happens(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    first = await over_ag_ui(api, "first", "Hello")  # makes the session that all others then follow
    session = (await api.get(f"runs/{first[0]['run']}/")).json()["session"]
    after = first[-1]["seq"]
    async with (
        watching(server, session=session, after=after) as socket,
        streaming(api, "GET", f"sessions/{session}/events/?after={after}") as stream,
    ):
        assert (await anext(stream))[1]["type"] == "hello"
        ways = await asyncio.gather(
            run_of(of_socket(socket)),
            run_of(of_stream(stream)),
            run_of(of_polling(api, session, after)),
            over_ag_ui(api, "second", "I need: 1. sign-up 2. login. Login depends on sign-up."),
        )
    socketed = ways[0]
    assert [event["seq"] for event in socketed] == [after + 1 + n for n in range(len(socketed))]
    assert {event["type"] for event in socketed} >= {"message", "plan", "step", "change", "token"}
    assert [json.dumps(way) for way in ways] == [json.dumps(socketed)] * 4


# -- cut at every event and taken up again ---------------------------------------------------------


async def test_a_session_that_is_cut_everywhere_is_the_log_in_every_way(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    log = await over_ag_ui(api, "a", "Create a task to write the docs")
    session = (await api.get(f"runs/{log[0]['run']}/")).json()["session"]
    path = f"sessions/{session}/events/"
    for cut in range(len(log)):
        # Over each, an event is read and the line is cut; the next one begins with the cursor.
        async with watching(server, session=session, after=cut) as socket:
            assert await anext(of_socket(socket)) == log[cut]
        how = {"headers": {"Last-Event-ID": str(cut)}}
        async with streaming(api, "GET", path, **how) as stream:
            assert await anext(of_stream(stream)) == log[cut]
        page = await api.get(f"{path}?after={cut}&limit=1")
        assert page.json()["results"] == [log[cut]]


async def test_a_stream_of_a_run_that_is_cut_everywhere_is_the_run(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    body = {"message": "Create a task to write the docs", "client_id": str(uuid.uuid4())}
    path = f"projects/{server.project}/chat-stream/"
    got: Events = []
    while not got or not is_last(got[-1]):
        how = {"headers": {"Last-Event-ID": str(got[-1]["seq"])}} if got else {}
        async with streaming(api, "POST", path, json=body, **how) as stream:
            got.append(await anext(of_stream(stream)))
    session = (await api.get(f"runs/{got[0]['run']}/")).json()["session"]
    assert got == (await api.get(f"sessions/{session}/events/")).json()["results"]


async def test_an_ag_ui_stream_that_is_cut_after_any_of_its_events_is_whole_again(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    async with streaming(api, "POST", "ag-ui/", json=asked("a", "I need: 1. login")) as stream:
        whole = [block async for block in stream]
    rest = "ag-ui/runs/a/events/?after="
    for cut in range(len(whole) + 1):
        # What came since the last cursor comes again; it is one event of ours in several of theirs.
        had = max((place for place in range(cut) if whole[place][0]), default=-1) + 1
        cursor = whole[had - 1][0] if had else 0
        async with streaming(api, "GET", f"{rest}{cursor}") as stream:
            assert whole[:had] + [block async for block in stream] == whole
