"""The log over HTTP: pages of JSON and a stream of server-sent events, of a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from chat.api.sse import MAX_EVENTS
from chat.feed import MAX_CONNECTIONS
from tests.support.api_client import client, page_client, streaming, until
from tests.support.server import ServerProcess, say, send, watching

NOWHERE = "00000000-0000-4000-8000-000000000000"


def events(session: str) -> str:
    return f"sessions/{session}/events/"


async def test_a_page_holds_the_events_after_the_cursor_and_says_where_the_next_is(
    server: ServerProcess,
) -> None:
    async with watching(server) as socket:
        frames = await say(socket, "Create a task to write the docs")
    last = frames[-1]["seq"]
    async with client(server) as api:
        whole = (await api.get(events(server.session))).json()
        assert whole == {
            "results": frames,
            "last_seq": last,
            "board": 1,
            "draft": None,
            "next": None,
        }
        got: list[dict[str, Any]] = []
        url = f"{events(server.session)}?after=0&limit=7"
        while url:
            page = (await api.get(url)).json()
            got, url = got + page["results"], page["next"]
            assert page["last_seq"] == last
        assert got == frames
        rest = (await api.get(f"{events(server.session)}?after={last}")).json()
        assert rest == {"results": [], "last_seq": last, "board": 1, "draft": None, "next": None}


async def test_a_stream_greets_sends_the_rest_and_then_what_happens(server: ServerProcess) -> None:
    async with watching(server) as socket, client(server) as api:
        frames = await say(socket, "Create a task to write the docs")
        async with streaming(api, "GET", f"{events(server.session)}?after=3") as stream:
            seen = await until(stream)
            assert seen[0]["type"] == "hello"
            assert seen[0]["last_seq"] == frames[-1]["seq"]
            assert seen[1:] == frames[3:]
            more = await say(socket, "Hello")
            assert await until(stream) == more


async def test_last_event_id_wins_over_the_address_as_a_browser_needs_it(
    server: ServerProcess,
) -> None:
    async with watching(server) as socket:
        frames = await say(socket, "Hello")
    last = frames[-1]["seq"]
    async with client(server) as api:
        how = {"headers": {"Last-Event-ID": str(last - 2)}}
        async with streaming(api, "GET", f"{events(server.session)}?after=1", **how) as stream:
            assert (await until(stream))[1:] == frames[-2:]


async def test_who_asks_for_the_head_of_a_stream_is_not_kept(server: ServerProcess) -> None:
    async with client(server, headers={"Accept": "text/event-stream"}) as api:
        answer = await api.head(events(server.session))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"


@pytest.mark.postgresql
async def test_streams_hold_no_connection_to_the_database(
    postgresql_server: ServerProcess,
) -> None:
    """The pool has 16."""
    server = postgresql_server
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(client(server, limits=httpx2.Limits()))
        streams = [
            await stack.enter_async_context(streaming(api, "GET", events(server.session)))
            for _ in range(40)
        ]
        for stream in streams:
            await until(stream, lambda frame: frame["type"] == "hello")
        assert (await api.get("me/")).status_code == 200


async def test_a_stream_is_never_stored_or_held_back_by_a_proxy(server: ServerProcess) -> None:
    async with client(server) as api:
        path, accept = events(server.session), {"Accept": "text/event-stream"}
        async with api.stream("GET", path, headers=accept) as response:
            assert response.headers["Cache-Control"] == "no-store, no-transform"
            assert response.headers["X-Accel-Buffering"] == "no"


async def test_a_cursor_beyond_the_end_gets_the_state_instead(server: ServerProcess) -> None:
    async with watching(server) as socket, client(server) as api:
        last = (await say(socket, "Create a task to write the docs"))[-1]["seq"]
        path = f"{events(server.session)}?after={last + 1}"
        page = await api.get(path)
        assert page.status_code == 410
        assert page.json()["seq"] == last
        assert [task["title"] for task in page.json()["snapshot"]["tasks"]] == ["Write the docs"]
        async with streaming(api, "GET", path) as stream:
            hello, resync = await until(stream, lambda frame: frame["type"] == "resync")
            assert hello["type"] == "hello"
            assert resync == {key: page.json()[key] for key in ("type", "seq", "snapshot")}
            more = await say(socket, "Hello")
            assert await until(stream) == more


BAD_QUERIES = (
    *("after=-1", "after=x", "after=1.5", "after=" + "9" * 19, "after=" + "0" * 30 + "9" * 30),
    "limit=0",
)


async def test_a_cursor_that_is_no_position_is_refused(server: ServerProcess) -> None:
    async with client(server) as api:
        for query in BAD_QUERIES:
            answer = await api.get(f"{events(server.session)}?{query}")
            assert answer.status_code == 400, query
            assert list(answer.json()) == [query.split("=")[0]]


async def test_who_may_not_watch_is_told_so_without_a_stream(server: ServerProcess) -> None:
    accept = {"Accept": "text/event-stream"}
    async with client(server, "bob", headers=accept) as stranger:
        not_his = await stranger.get(events(server.session))
        nowhere = await stranger.get(events(NOWHERE))
    assert (not_his.status_code, not_his.json()) == (404, nowhere.json())
    assert not_his.headers["content-type"] == "application/json"
    async with httpx2.AsyncClient(headers=accept) as nobody:
        url = f"{server.url}/api/{events(server.session)}"
        for headers in ({}, {"Authorization": "Token samurai_wrong"}):
            answer = await nobody.get(url, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ("DELETE FROM django_session", 401),
        ("UPDATE auth_user SET is_active = false WHERE username = 'carol'", 401),
        ("DELETE FROM agent_membership", 404),
    ],
)
async def test_losing_access_ends_the_stream(
    server: ServerProcess, change: str, answer: int
) -> None:
    async with page_client(server, "carol") as page:
        async with streaming(page, "GET", events(server.session)) as stream:
            await until(stream, lambda frame: frame["type"] == "hello")
            server.change(change)
            assert [frame async for _, frame in stream] == []
        assert (await page.get(events(server.session))).status_code == answer


async def test_the_board_of_another_session_of_the_project_is_announced(
    server: ServerProcess,
) -> None:
    async with (
        watching(server, session=server.other_session) as there,
        client(server) as api,
        streaming(api, "GET", events(server.session)) as stream,
    ):
        await until(stream, lambda frame: frame["type"] == "hello")
        await say(there, "Create a task to write the docs")
        (board,) = await until(stream, lambda frame: frame["type"] == "board")
    assert board == {"type": "board", "project": server.project, "version": 1}


async def test_a_long_stream_ends_in_good_time_and_the_next_one_goes_on(
    server: ServerProcess,
) -> None:
    async with watching(server) as socket:
        for number in range(40):
            last = (await say(socket, f"Create a task number {number}"))[-1]["seq"]
            await socket.send(json.dumps({"type": "ack", "seq": last}))
    assert last > MAX_EVENTS
    async with client(server) as api:
        async with streaming(api, "GET", events(server.session)) as stream:
            first = [cursor async for cursor, _ in stream if cursor]
        assert first == list(range(1, MAX_EVENTS + 1))
        how = {"headers": {"Last-Event-ID": str(first[-1])}}
        async with streaming(api, "GET", events(server.session), **how) as stream:
            rest = [
                frame["seq"] for frame in (await until(stream, lambda f: f.get("seq") == last))[1:]
            ]
    assert rest == list(range(MAX_EVENTS + 1, last + 1))


async def test_leaving_a_stream_cancels_nothing_and_frees_its_place(server: ServerProcess) -> None:
    async with client(server) as api, watching(server) as socket:
        for _ in range(3):
            async with streaming(api, "GET", events(server.session)) as stream:
                await until(stream, lambda frame: frame["type"] == "hello")
                await send(socket, "Create a task to write the docs")
                await until(stream, lambda frame: frame["type"] == "run")
        for _ in range(3):
            frames = []
            while not frames or frames[-1]["type"] != "complete":
                frames.append(json.loads(await socket.recv()))
    assert "Traceback" not in server.log.read_text()


async def test_too_many_streams_of_one_person_are_refused_and_others_are_not(
    server: ServerProcess,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            await stack.enter_async_context(watching(server))
        async with client(server, headers={"Accept": "text/event-stream"}) as api:
            refused = await api.get(events(server.session))
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) > 0
        async with (
            client(server, "carol") as other,
            streaming(other, "GET", events(server.session)) as stream,
        ):
            await until(stream, lambda frame: frame["type"] == "hello")


async def test_the_development_server_streams_the_same(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(program="daphne")
    async with (
        watching(server) as socket,
        client(server) as api,
        streaming(api, "GET", events(server.session)) as stream,
    ):
        await until(stream, lambda frame: frame["type"] == "hello")
        frames = await asyncio.gather(say(socket, "Hello"), until(stream))
    assert frames[0] == frames[1]
