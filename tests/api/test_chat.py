"""Saying something to a project over plain HTTP and as a stream, on a real server."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from tests.support.api_client import client, streaming, until
from tests.support.model_server import Gate, ModelServer, by_schema, error, held, said
from tests.support.server import ServerProcess, is_last, say, watching
from tests.support.server import until as frames_until

ASK = "Create a task to write the docs"


def chat(server: ServerProcess, verb: str = "chat") -> str:
    return f"projects/{server.project}/{verb}/"


@pytest.fixture
async def api(server: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(server) as api:
        yield api


async def test_the_answer_comes_when_the_run_is_over_with_what_was_done(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    answer = await api.post(chat(server), json={"message": ASK, "session": server.session})
    assert answer.status_code == 200
    told = answer.json()
    run = (await api.get(f"runs/{told['run']}/")).json()
    assert told["session"] == server.session
    assert (told["status"], told["response"]) == ("succeeded", run["answer"]["content"])
    assert (told["plan"], told["usage"]) == (run["plan"], run["usage"])
    assert told["duration_ms"] == run["duration_ms"]
    assert [change["after"]["title"] for change in told["changes"]] == ["Write the docs"]


async def test_without_a_session_it_is_the_latest_or_a_new_one(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    first = (await api.post(chat(server), json={"message": "Hello"})).json()
    second = (await api.post(chat(server), json={"message": "Hello"})).json()
    assert first["session"] == second["session"]
    empty = (await api.post("projects/", json={"name": "Empty"})).json()
    new = await api.post(f"projects/{empty['id']}/chat/", json={"message": "Hello"})
    assert new.json()["session"] not in (server.session, server.other_session)
    foreign = {"message": "Hello", "session": server.session}
    assert (await api.post(f"projects/{empty['id']}/chat/", json=foreign)).status_code == 404


async def test_who_prefers_not_to_wait_is_told_where_the_run_is(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    answer = await api.post(
        chat(server), json={"message": ASK}, headers={"Prefer": "respond-async"}
    )
    assert (answer.status_code, answer.json()["response"]) == (202, None)
    assert answer.headers["Preference-Applied"] == "respond-async"
    where = answer.headers["Location"].removeprefix("/api/")
    assert (await api.get(where)).json()["id"] == answer.json()["run"]


async def test_a_run_that_waits_for_a_person_answers_so_and_so_does_one_behind_it(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    body = {"message": ASK, "session": server.session}
    waiting = await api.post(chat(server), json={**body, "approval": "required"})
    assert (waiting.status_code, waiting.json()["status"]) == (202, "waiting")
    assert waiting.json()["plan"]["steps"]
    behind = await api.post(chat(server), json=body)
    assert (behind.status_code, behind.json()["status"]) == (202, "queued")


async def test_a_failed_run_is_a_bad_gateway(
    scripted_model: ModelServer, scripted_server: ServerProcess
) -> None:
    scripted_model.handler = by_schema(analysis=error(401, "No such key"))
    async with client(scripted_server) as api:
        answer = await api.post(chat(scripted_server), json={"message": "Hello"})
    assert answer.status_code == 502
    told = answer.json()
    assert (told["code"], told["retryable"]) == ("model_refused", False)
    assert told["error"]


async def test_the_same_client_id_or_key_waits_for_the_same_run(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    for body, headers in (
        ({"message": ASK, "client_id": str(uuid.uuid4())}, {}),
        ({"message": ASK}, {"Idempotency-Key": "one-two"}),
    ):
        asked = [api.post(chat(server), json=body, headers=headers) for _ in range(3)]
        answers = [answer.json() for answer in await asyncio.gather(*asked)]
        assert answers[0]["status"] == "succeeded"
        assert answers[1:] == answers[:1] * 2
        async with client(server) as other:  # and the latest session is another one by now
            session = {"message": "Hello", "session": server.other_session}
            assert (await other.post(chat(server), json=session)).status_code == 200
        assert (await api.post(chat(server), json=body, headers=headers)).json() == answers[0]
    other_body = await api.post(chat(server), json={"message": "No"}, headers=headers)
    assert (other_body.status_code, other_body.json()["code"]) == (422, "key_reused")


async def test_many_can_wait_at_once(make_server: Callable[..., ServerProcess]) -> None:
    gate = Gate()
    with ModelServer(by_schema(analysis=held(said({}), gate))) as model:
        server = make_server(OPENAI_API_KEY="key", OPENAI_BASE_URL=model.base_url)
        async with client(server) as api:
            sessions = [
                (await api.post(f"projects/{server.project}/sessions/", json={})).json()["id"]
                for _ in range(30)
            ]
            asked = [
                asyncio.create_task(
                    api.post(chat(server), json={"message": "Hello", "session": session})
                )
                for session in sessions
            ]
            async with asyncio.timeout(30):
                while server.rows("SELECT count(*) FROM agent_run") != [(30,)]:
                    await asyncio.sleep(0.05)
            assert (await api.get("me/")).json()["username"] == "alice"
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            assert (await api.get("me/")).status_code == 200
    assert "Traceback" not in server.log.read_text()


async def test_a_stream_has_the_run_from_its_message_to_its_last_event(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    async with watching(server) as socket:
        await say(socket, "Hello")
        body = {"message": ASK, "session": server.session, "client_id": str(uuid.uuid4())}
        async with streaming(api, "POST", chat(server, "chat-stream"), json=body) as stream:
            frames = [frame async for _, frame in stream]
        page = (await api.get(f"sessions/{server.session}/events/")).json()["results"]
        run = frames[0]["run"]
        assert frames == [event for event in page if event["run"] == run]
        assert (frames[0]["type"], frames[-1]["type"]) == ("message", "complete")
        async with streaming(api, "POST", chat(server, "chat-stream"), json=body) as stream:
            assert [frame async for _, frame in stream] == frames
        had = {"headers": {"Last-Event-ID": str(frames[-1]["seq"])}}
        async with streaming(api, "POST", chat(server, "chat-stream"), json=body, **had) as stream:
            assert [frame async for _, frame in stream] == []


async def test_closing_the_stream_cancels_nothing(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    body = {"message": ASK, "session": server.session}
    async with watching(server) as socket:
        async with streaming(api, "POST", chat(server, "chat-stream"), json=body) as stream:
            await until(stream, lambda frame: frame["type"] == "message")
        frames = await frames_until(socket, is_last)
        assert frames[-1]["type"] == "complete"


@pytest.mark.own_server
async def test_a_stream_of_a_run_goes_on_after_a_kill_where_it_was(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    body = {
        "message": "I need: 1. sign-up 2. login 3. booking",
        "session": server.session,
        "client_id": str(uuid.uuid4()),
    }
    seen: list[dict[str, Any]] = []
    async with streaming(api, "POST", chat(server, "chat-stream"), json=body) as stream:
        seen += await until(stream, lambda frame: frame["type"] == "plan")
    server.stop(signal.SIGKILL)
    server.start()
    async with client(server) as again:
        had = {"headers": {"Last-Event-ID": str(seen[-1]["seq"])}}
        async with streaming(
            again, "POST", chat(server, "chat-stream"), json=body, **had
        ) as stream:
            seen += await until(stream)
        page = (await again.get(f"sessions/{server.session}/events/")).json()["results"]
    assert seen == page
