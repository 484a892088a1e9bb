"""AG-UI over a real server: with its official JavaScript client, whose verifier is on, and by hand."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.support.ag_ui import ASK, URL, Told, official
from tests.support.api_client import client, streaming
from tests.support.model_server import ModelServer, by_schema, error
from tests.support.server import ServerProcess, say, watching


@pytest.fixture
async def api(server: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(server) as api:
        yield api


def asked(content: str = ASK, **more: Any) -> dict[str, Any]:
    return {
        "threadId": "my thread",
        "runId": "my run",
        "messages": [{"id": "1", "role": "user", "content": content}],
        **more,
    }


async def run(api: httpx2.AsyncClient, body: dict[str, Any]) -> Told:
    async with streaming(api, "POST", URL, json=body) as stream:
        return [event async for _, event in stream]


def types(told: Told) -> list[str]:
    return [event["type"] for event in told]


def raw(told: Told) -> Told:
    return [event["rawEvent"] for event in told if "rawEvent" in event]


# -- the official client ---------------------------------------------------------------------------


@pytest.mark.node
async def test_the_official_client_verifies_every_event_and_ends_with_the_answer(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    told, made = await official(server, {"runId": "my run"})
    assert types(told)[:2] == ["RUN_STARTED", "STATE_SNAPSHOT"]
    assert told[0]["protocolVersion"] == "1.0"
    assert (told[0]["threadId"], told[0]["runId"]) == ("my thread", "my run")
    assert told[-1]["type"] == "RUN_FINISHED"
    assert told[-1]["outcome"] == {"type": "success"}
    run_id = raw(told)[0]["run"]
    ours = (await api.get(f"runs/{run_id}/")).json()
    answer = [message for message in made["messages"] if message["role"] == "assistant"][-1]
    assert answer["content"].strip() == ours["answer"]["content"]
    assert made["state"]["status"] == "succeeded"
    assert [step["status"] for step in made["state"]["plan"]["steps"]] == [
        step["status"] for step in ours["plan"]["steps"]
    ]
    calls = [call for message in made["messages"] for call in message.get("toolCalls", [])]
    assert [call["function"]["name"] for call in calls] == ["create_task"]
    result = next(message for message in made["messages"] if message["role"] == "tool")
    assert json.loads(result["content"]) == ours["plan"]["steps"][0]["result"]


@pytest.mark.node
async def test_the_official_client_is_interrupted_and_resumes(server: ServerProcess) -> None:
    first = {"runId": "one", "forwardedProps": {"approval": "required"}}
    told, _ = await official(server, first)
    outcome = told[-1]["outcome"]
    assert outcome["type"] == "interrupt"
    (interrupt,) = outcome["interrupts"]
    assert interrupt["reason"] == "approval"
    assert interrupt["metadata"]["effects"]
    answer = {"interruptId": interrupt["id"], "status": "resolved", "payload": {"approved": True}}
    told, made = await official(server, first, {"runId": "two", "resume": [answer]})
    starts = [place for place, event in enumerate(told) if event["type"] == "RUN_STARTED"]
    assert [told[place]["runId"] for place in starts] == ["one", "two"]
    assert told[starts[1] + 1]["snapshot"]["plan"]["steps"]
    assert told[-1]["outcome"] == {"type": "success"}
    assert made["state"]["status"] == "succeeded"
    assert server.rows("SELECT title FROM agent_task") == [("Write the docs",)]


@pytest.mark.node
async def test_the_official_client_is_told_of_a_failure(
    scripted_model: ModelServer,
    scripted_server: ServerProcess,
) -> None:
    scripted_model.handler = by_schema(analysis=error(401, "No such key"))
    told, _ = await official(scripted_server, {"runId": "one"})
    assert (told[-1]["type"], told[-1]["code"]) == ("RUN_ERROR", "model_refused")
    started = [event["stepName"] for event in told if event["type"] == "STEP_STARTED"]
    finished = [event["stepName"] for event in told if event["type"] == "STEP_FINISHED"]
    assert started == finished


# -- by hand ---------------------------------------------------------------------------------------


async def test_every_event_of_the_log_is_told_once_in_order(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    told = await run(api, asked())
    session = raw(told)[0]
    page = await api.get(f"runs/{session['run']}/")
    log = await api.get(f"sessions/{page.json()['session']}/events/")
    assert raw(told) == log.json()["results"]
    phases = ("start", "context", "analyzing", "planning", "validation", "execution")
    started = [event["stepName"] for event in told if event["type"] == "STEP_STARTED"]
    assert [name for name in started if name in phases] == list(phases)


async def test_a_known_run_attaches_and_a_known_thread_goes_on(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    told = await run(api, asked())
    again = await asyncio.gather(*(run(api, asked("Something else")) for _ in range(3)))
    assert all(one == told for one in again)
    await run(api, asked("Hello", runId="next"))
    assert server.rows("SELECT count(*) FROM agent_run") == [(2,)]
    assert server.rows("SELECT count(DISTINCT session_id) FROM agent_run") == [(1,)]
    other = await api.post(URL, json=asked(threadId="other"))
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


async def test_names_are_each_persons_own(server: ServerProcess, api: httpx2.AsyncClient) -> None:
    told = await run(api, asked())
    async with client(server, "bob") as bob:
        assert (await bob.get("ag-ui/runs/my run/events/")).status_code == 404
        assert (await bob.post(URL, json=asked())).status_code == 400  # he has no project
        await bob.post("projects/", json={"name": "His"})
        his = await run(bob, asked())
    assert raw(his)[0]["run"] != raw(told)[0]["run"]
    assert server.rows("SELECT count(*) FROM agent_run") == [(2,)]


async def test_many_first_requests_at_once_start_one_run(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    told = await asyncio.gather(*(run(api, asked()) for _ in range(5)))
    assert all(one == told[0] for one in told)
    assert server.rows("SELECT count(*) FROM agent_run") == [(1,)]
    assert server.rows("SELECT count(*) FROM chat_alias") == [(2,)]


async def test_a_cancelled_run_says_so(server: ServerProcess, api: httpx2.AsyncClient) -> None:
    waiting = await run(api, asked(forwardedProps={"approval": "required"}))
    (interrupt,) = waiting[-1]["outcome"]["interrupts"]
    entry = {"interruptId": interrupt["id"], "status": "cancelled"}
    told = await run(api, asked(runId="two", resume=[entry]))
    assert told[-1]["outcome"] == {"type": "cancelled"}
    again = await api.post(URL, json=asked(runId="three", resume=[entry]))
    assert (again.status_code, again.json()["code"]) == (409, "not_active")


async def test_a_rejection_with_a_reason_interrupts_again_with_another_plan(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    waiting = await run(
        api, asked("I need: 1. sign-up 2. login", forwardedProps={"approval": "required"})
    )
    (first,) = waiting[-1]["outcome"]["interrupts"]
    no = {"approved": False, "reason": "Create a task to sign up"}
    entry = {"interruptId": first["id"], "status": "resolved", "payload": no}
    told = await run(api, asked(runId="two", resume=[entry]))
    (second,) = told[-1]["outcome"]["interrupts"]
    assert second["id"] != first["id"]
    yes = {"interruptId": second["id"], "status": "resolved", "payload": {"approved": True}}
    assert (await run(api, asked(runId="three", resume=[yes])))[-1]["type"] == "RUN_FINISHED"
    stale = {**yes, "interruptId": first["id"]}
    refused = await api.post(URL, json=asked(runId="four", resume=[stale]))
    assert refused.status_code == 409


async def test_other_steps_interrupt_again_if_they_do_what_was_not_shown(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    waiting = await run(api, asked(forwardedProps={"approval": "required"}))
    (first,) = waiting[-1]["outcome"]["interrupts"]
    step = {"id": "s1", "type": "tool", "tool": "create_task", "description": "Create a task"}
    payload = {"approved": True, "steps": [{**step, "arguments": {"title": "Unseen"}}]}
    entry = {"interruptId": first["id"], "status": "resolved", "payload": payload}
    told = await run(api, asked(runId="two", resume=[entry]))
    (second,) = told[-1]["outcome"]["interrupts"]
    (effect,) = second["metadata"]["effects"]
    assert [change["title"] for change in effect["changes"]] == ["Unseen"]
    assert server.rows("SELECT count(*) FROM agent_task") == [(0,)]


async def test_comments_on_steps_have_the_plan_made_anew(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    waiting = await run(
        api, asked("I need: 1. sign-up 2. login", forwardedProps={"approval": "required"})
    )
    (first,) = waiting[-1]["outcome"]["interrupts"]
    comments = [{"step": "s1", "text": "Create a task to sign up"}]

    def no(said: Any) -> dict[str, Any]:
        payload = {"approved": False, "comments": said}
        return {"interruptId": first["id"], "status": "resolved", "payload": payload}

    for wrong in ("s1", [{"step": "s1"}], [{**comments[0], "step": "s9"}], comments * 2):
        refused = await api.post(URL, json=asked(runId="two", resume=[no(wrong)]))
        assert (refused.status_code, "comments" in refused.text) == (400, True), refused.text
    await run(api, asked(runId="two", resume=[no(comments)]))
    ((status, kept),) = server.rows("SELECT status, comments FROM agent_approval")
    assert (status, json.loads(kept)) == ("rejected", comments)
    assert server.rows("SELECT max(revision) FROM agent_planrevision") == [(2,)]


BAD: list[tuple[dict[str, Any], int]] = [
    ({"messages": None}, 400),
    ({"messages": []}, 400),
    ({"messages": [{"id": "1", "role": "assistant", "content": "Hello"}]}, 400),
    ({"messages": [{"id": "1", "role": "stranger", "content": "Hello"}]}, 400),
    ({"messages": [{"id": "1", "role": "user", "content": "  "}]}, 400),
    ({"messages": [{"id": "1", "role": "user", "content": "x" * 100_001}]}, 413),
    ({"threadId": ""}, 400),
    ({"runId": "x" * 256}, 400),
    ({"runId": 7}, 400),
    ({"forwardedProps": {"project": "x"}}, 400),
    ({"forwardedProps": {"project": str(uuid.uuid4())}}, 404),
    ({"forwardedProps": {"task": str(uuid.uuid4())}}, 404),
    ({"resume": [{"interruptId": "x", "status": "resolved"}]}, 404),
    ({"resume": [{"interruptId": "x", "status": "maybe"}]}, 400),
    ({"resume": [{"interruptId": f"{uuid.uuid4()}:1", "status": "resolved"}]}, 404),
]


async def test_bad_input_is_refused_without_a_stream(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    for more, status in BAD:
        answer = await api.post(URL, json=asked(**more), headers={"Accept": "text/event-stream"})
        assert answer.status_code == status, (more, answer.text)
        assert answer.headers["content-type"] == "application/json"
    assert server.rows("SELECT count(*) FROM agent_run") == [(0,)]
    assert server.rows("SELECT count(*) FROM chat_alias") == [(0,)]
    assert server.rows("SELECT count(*) FROM agent_chatsession") == [(2,)]  # as before
    assert "Traceback" not in server.log.read_text()
    async with client(server, "carol") as viewer:
        project = {"forwardedProps": {"project": server.project}}
        assert (await viewer.post(URL, json=asked(**project))).status_code == 403


async def test_another_session_of_the_person_is_not_mixed_in(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    async with watching(server) as socket:
        _, told = await asyncio.gather(say(socket, "Hello"), run(api, asked()))
    assert len({event["run"] for event in raw(told)}) == 1
