"""The draft of a plan reaches every viewer while a real model server writes it, and is gone afterwards."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.support.api_client import client, streaming
from tests.support.model_server import ModelServer
from tests.support.server import ServerProcess, is_last, send, until, watching
from tests.support.slow_plan import STEPS, THOUGHT, SlowPlan

Frame = dict[str, Any]
Frames = list[Frame]


@pytest.fixture
def slow() -> SlowPlan:
    return SlowPlan()


@pytest.fixture
def planner(
    scripted_model: ModelServer, scripted_server: ServerProcess, slow: SlowPlan
) -> ServerProcess:
    scripted_model.handler = slow
    return scripted_server


def is_draft(frame: Frame, **fields: Any) -> bool:
    return frame["type"] == "draft" and fields.items() <= frame.items()


def is_half(frame: Frame) -> bool:
    return is_draft(frame) and len(frame["steps"]) == 1 and frame["steps"][0]["tool"] != ""


async def half_written(socket: ClientConnection, slow: SlowPlan) -> Frames:
    """Sends a message; returns the frames until the draft has the first step of the plan."""
    await send(socket, "Make two tasks")
    frames = await until(socket, lambda frame: is_draft(frame, phase="planning"))
    slow.asked.open()
    frames += await until(socket, lambda frame: is_draft(frame, thoughts=THOUGHT))
    slow.thought.open()
    return frames + await until(socket, is_half)


def drafts(frames: Frames) -> Frames:
    return [frame for frame in frames if frame["type"] == "draft"]


def rows_left(server: ServerProcess) -> list[tuple[Any, ...]]:
    return server.rows("SELECT run_id, attempt FROM agent_draft")


async def test_a_viewer_sees_whom_the_run_waits_for_what_it_thinks_and_each_step(
    planner: ServerProcess, slow: SlowPlan
) -> None:
    async with watching(planner) as socket:
        frames = await half_written(socket, slow)
        slow.half.open()
        frames += await until(socket, is_last)
    run = frames[0]["run"]
    waiting, thinking, half = (
        next(draft for draft in drafts(frames) if reached(draft))
        for reached in (
            lambda one: one["phase"] == "planning",
            lambda one: one["thoughts"],
            lambda one: one["steps"],
        )
    )
    assert waiting["run"] == run
    assert waiting["text"]["message"] == "Waiting for slow-model"
    assert waiting["prompt_tokens"] > 100
    assert f"{waiting['prompt_tokens']:,} tokens sent" in waiting["text"]["details"]
    assert waiting["usual_ms"] is None
    assert "usually" not in waiting["text"]["details"]
    assert thinking["text"]["message"] == "slow-model is thinking"
    assert thinking["text"]["thoughts"] == "Thinking"
    assert half["summary"] == "Two tasks"
    assert half["steps"][0]["description"] == STEPS[0]["description"]
    assert half["text"]["steps"] == [{"arguments": [["title", "Sign-up"]]}]
    assert half["text"]["thoughts"].startswith("Thought for")
    assert half["thoughts"] == THOUGHT


async def test_drafts_have_no_numbers_and_are_not_in_the_log(
    planner: ServerProcess, slow: SlowPlan
) -> None:
    async with watching(planner) as socket:
        frames = await half_written(socket, slow)
        slow.half.open()
        frames += await until(socket, is_last)
    events = [frame for frame in frames if frame["type"] != "draft"]
    assert [frame["seq"] for frame in events] == list(range(1, len(events) + 1))
    assert all("seq" not in draft for draft in drafts(frames))
    stored = planner.rows("SELECT body FROM agent_event ORDER BY seq")
    assert [json.loads(body) for (body,) in stored] == events
    assert all(THOUGHT not in body for (body,) in stored)
    assert rows_left(planner) == []


async def test_each_draft_comes_after_the_events_that_it_was_written_after(
    planner: ServerProcess, slow: SlowPlan
) -> None:
    slow.open()
    async with watching(planner) as socket:
        await send(socket, "Make two tasks")
        frames = await until(socket, is_last)
    last = 0
    for frame in frames:
        last = frame.get("seq", last)
        assert frame.get("after", 0) <= last


async def test_a_late_joiner_gets_what_there_is(planner: ServerProcess, slow: SlowPlan) -> None:
    async with watching(planner) as socket:
        await half_written(socket, slow)
        async with watching(planner) as late:
            frames = await until(late, is_half)
            assert len(drafts(frames)) == 1
            assert frames[-1]["after"] == frames[-2]["seq"]
        slow.half.open()
        await until(socket, is_last)
        async with watching(planner) as after:
            frames = await until(after, is_last)
    assert drafts(frames) == []


async def test_an_event_stream_has_drafts_without_an_id(
    planner: ServerProcess, slow: SlowPlan
) -> None:
    async with watching(planner) as socket, client(planner) as api:
        await half_written(socket, slow)
        url = f"sessions/{planner.session}/events/"
        async with streaming(api, "GET", url) as stream:
            cursors = [(cursor, frame) async for cursor, frame in _up_to(stream, is_half)]
        slow.half.open()
        await until(socket, is_last)
    assert cursors[-1][0] is None


async def _up_to(stream: Any, reached: Callable[[Frame], bool]) -> Any:
    async for cursor, frame in stream:
        yield cursor, frame
        if reached(frame):
            return


async def test_a_page_of_the_log_has_the_current_draft(
    planner: ServerProcess, slow: SlowPlan
) -> None:
    url = f"sessions/{planner.session}/events/"
    async with watching(planner) as socket, client(planner) as api:
        frames = await half_written(socket, slow)
        assert (await api.get(url)).json()["draft"] == frames[-1]
        assert (await api.get(url, params={"limit": 1})).json()["draft"] is None  # not that far yet
        slow.half.open()
        await until(socket, is_last)
        assert (await api.get(url)).json()["draft"] is None


async def test_the_stream_of_a_run_has_its_drafts(planner: ServerProcess, slow: SlowPlan) -> None:
    slow.asked.open()
    slow.thought.open()
    async with client(planner) as api:
        url = f"projects/{planner.project}/chat-stream/"
        frames = []
        async with streaming(api, "POST", url, json={"message": "Make two tasks"}) as stream:
            async for _, frame in stream:
                frames.append(frame)
                if is_half(frame):
                    slow.half.open()
    assert frames[-1]["type"] == "complete"
    assert is_half(next(draft for draft in drafts(frames) if draft["steps"]))


async def test_ag_ui_has_drafts_as_custom_events(planner: ServerProcess, slow: SlowPlan) -> None:
    slow.asked.open()
    slow.thought.open()
    body = {
        "threadId": "thread",
        "runId": "run",
        "messages": [{"id": "1", "role": "user", "content": "Make two tasks"}],
    }
    told = []
    async with (
        client(planner) as api,
        streaming(api, "POST", "ag-ui/", json=body) as stream,
    ):
        async for cursor, event in stream:
            if event["type"] == "CUSTOM" and event["name"] == "draft":
                assert cursor is None
                if event["value"]["steps"]:
                    told.append(event["value"])
                    slow.half.open()
    written = [draft for draft in told if draft["steps"]]
    assert written[-1]["summary"] == "Two tasks"
    assert written[-1]["steps"][0]["tool"] == "create_task"


@pytest.mark.own_server
async def test_a_killed_server_leaves_no_draft_of_its_attempt(
    planner: ServerProcess, slow: SlowPlan
) -> None:
    async with watching(planner) as socket:
        await half_written(socket, slow)
    ((_, attempt),) = rows_left(planner)
    planner.stop(signal.SIGKILL)
    planner.start()
    async with watching(planner) as socket:
        frames = await until(socket, lambda frame: is_draft(frame, steps=[], thoughts=""))
        assert all(draft["phase"] == "planning" for draft in drafts(frames))
        assert [attempt for _, attempt in rows_left(planner)] == [attempt + 1]
        frames += await until(socket, is_half)
        slow.half.open()
        frames += await until(socket, is_last)
    assert frames[-1]["type"] == "complete"
    assert rows_left(planner) == []


@pytest.mark.parametrize("end", ["cancel", pytest.param("fail", marks=pytest.mark.own_server)])
async def test_a_run_that_ends_while_the_plan_is_written_leaves_no_draft(
    planner: ServerProcess, slow: SlowPlan, end: str
) -> None:
    async with watching(planner) as socket:
        frames = await half_written(socket, slow)
        if end == "cancel":
            await socket.send(json.dumps({"type": "cancel", "run": frames[0]["run"]}))
        else:
            planner.change("UPDATE agent_run SET claims = 9, lease_until = '2000-01-01'")
            planner.stop(signal.SIGKILL)
            planner.start()
    async with watching(planner) as socket:
        assert (await until(socket, is_last))[-1]["type"] == (
            "cancelled" if end == "cancel" else "error"
        )
    assert rows_left(planner) == []
