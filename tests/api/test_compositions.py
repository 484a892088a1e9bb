"""A run that composes and then asks, over WebSocket, AG-UI and REST of a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from tests.support.ag_ui import URL
from tests.support.api_client import client, streaming
from tests.support.model_server import ModelServer
from tests.support.server import ServerProcess, is_last, send, until, watching
from tests.support.slow_composition import VALUE, SlowComposition

Frame = dict[str, Any]


@pytest.fixture
def slow() -> SlowComposition:
    return SlowComposition()


@pytest.fixture
def composer(
    scripted_model: ModelServer, scripted_server: ServerProcess, slow: SlowComposition
) -> Iterator[ServerProcess]:
    scripted_model.handler = slow
    yield scripted_server
    slow.half.open()


@pytest.fixture
async def api(composer: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(composer) as api:
        yield api


def is_half_composed(frame: Frame) -> bool:
    return frame["type"] == "draft" and frame["step"] == "s2" and bool(frame["summary"])


def is_asked(frame: Frame) -> bool:
    return frame["type"] == "approval" and frame["approval"]["status"] == "requested"


async def test_the_value_is_a_draft_while_it_is_written_and_a_result_afterwards(
    composer: ServerProcess, slow: SlowComposition
) -> None:
    async with watching(composer) as socket:
        await send(socket, "Make a project “Copy”")
        frames = await until(socket, is_half_composed)
        half = frames[-1]
        assert half["phase"] == "execution"
        assert half["summary"] == "Patients book online.\n\n"
        assert half["steps"] == []
        assert half["text"]["message"] == "slow-model is composing a value"
        slow.half.open()
        frames = await until(socket, is_asked)
        request = frames[-1]
        ended = [frame for frame in frames if frame["type"] == "step"]
        assert ended[0]["step"]["result"] == {"value": VALUE}
        (effect,) = request["approval"]["effects"]
        assert effect["arguments"] == {"name": "Copy", "description": VALUE}
        revision = request["approval"]["plan_revision"]
        assert revision == 2
        await until(socket, lambda frame: frame.get("status") == "waiting")
        async with asyncio.timeout(20):  # it is deleted by a thread of its own
            while composer.rows("SELECT run_id FROM agent_draft"):
                await asyncio.sleep(0.05)
        decision = {"type": "approve", "run": request["run"], "plan_revision": revision}
        await socket.send(json.dumps(decision))
        last = (await until(socket, is_last))[-1]
        assert last["type"] == "complete"
    made = composer.rows("SELECT description FROM agent_project WHERE name = 'Copy'")
    assert made == [(VALUE,)]


async def test_ag_ui_tells_a_composition_as_a_call_and_the_request_with_its_arguments(
    composer: ServerProcess, slow: SlowComposition, api: httpx2.AsyncClient
) -> None:
    slow.half.open()
    body = {
        "threadId": "my thread",
        "runId": "my run",
        "messages": [{"id": "1", "role": "user", "content": "Make a project “Copy”"}],
    }
    async with streaming(api, "POST", URL, json=body) as stream:
        told = [event async for _, event in stream]
    started = [event["toolCallName"] for event in told if event["type"] == "TOOL_CALL_START"]
    assert started == ["search_tasks", "compose"]
    results = [event["content"] for event in told if event["type"] == "TOOL_CALL_RESULT"]
    assert "Patients book online." in results[1]
    (interrupt,) = told[-1]["outcome"]["interrupts"]
    (effect,) = interrupt["metadata"]["effects"]
    assert effect["arguments"]["description"] == VALUE
    answer = [{"interruptId": interrupt["id"], "status": "resolved", "payload": {"approved": True}}]
    again = {**body, "runId": "my next run", "resume": answer}
    async with streaming(api, "POST", URL, json=again) as stream:
        told = [event async for _, event in stream]
    assert told[-1]["outcome"] == {"type": "success"}
    calls = [event["toolCallName"] for event in told if event["type"] == "TOOL_CALL_START"]
    assert calls == ["create_project"]
