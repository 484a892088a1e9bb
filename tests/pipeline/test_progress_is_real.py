"""Progress is real: while something is withheld, what announces it has arrived, and nothing later has.

A real server process, a real WebSocket client, and a model server that holds its answers back. Tests
that would pass when all events came at the end are worth nothing here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.model_server import (
    Answer,
    Gate,
    Handler,
    ModelServer,
    by_schema,
    held,
    said,
    stream,
)
from tests.support.server import ServerProcess, is_last, receive, send, until, watching

ANALYSIS = {"intent": "command", "summary": "Wants a task", "needs_tools": True, "question": ""}
NOTHING = {"notes": []}
# Long enough for an event that should not come to come.
SILENCE = 0.4


def plan(*titles: str) -> dict[str, Any]:
    return {
        "summary": "One task",
        "steps": [
            {
                "id": f"s{number}",
                "type": "tool",
                "tool": "create_task",
                "description": f"Create “{title}”",
                "arguments": {"title": title},
                "depends_on": [],
            }
            for number, title in enumerate(titles, 1)
        ],
    }


def answering(**otherwise: Answer) -> Handler:
    """Answers as a good model does, but for what `otherwise` says."""
    good = {
        "analysis": said(ANALYSIS),
        "plan": said(plan("Login")),
        "memory": said(NOTHING),
        "answer": stream("Done."),
    }
    return by_schema(**{**good, **otherwise})


def progress(step: str, phase: str) -> Callable[[dict[str, Any]], bool]:
    def reached(frame: dict[str, Any]) -> bool:
        return (
            frame["type"] == "progress"
            and frame["progress"]["step"] == step
            and frame["progress"]["metadata"].get("phase") == phase
            and "step_id" not in frame["progress"]["metadata"]
        )

    return reached


async def nothing_comes(socket: Any) -> None:
    """Nothing but a draft that says whom the run waits for."""
    try:
        async with asyncio.timeout(SILENCE):
            while (frame := await receive(socket))["type"] == "draft":
                assert (frame["tokens"], frame["steps"]) == (0, [])
    except TimeoutError:
        return
    raise AssertionError(f"came while it should not: {frame}")


def with_model(
    make_server: Callable[..., ServerProcess], model: ModelServer, **env: str
) -> ServerProcess:
    return make_server(OPENAI_API_KEY="key", OPENAI_BASE_URL=model.base_url, **env)


async def test_while_the_analysis_is_withheld_it_is_announced_and_nothing_later(
    scripted_model: ModelServer,
    scripted_server: ServerProcess,
) -> None:
    gate = Gate()
    answers = answering(analysis=held(said(ANALYSIS), gate))
    scripted_model.handler = answers
    async with watching(scripted_server) as socket:
        await send(socket, "Create a task Login")
        await until(socket, progress("analyzing", "started"))
        await gate.arrived()
        await nothing_comes(socket)
        gate.open()
        assert (await until(socket, is_last))[-1]["type"] == "complete"


async def test_while_the_plan_is_withheld_the_analysis_is_finished_and_the_planning_announced(
    scripted_model: ModelServer,
    scripted_server: ServerProcess,
) -> None:
    gate = Gate()
    answers = answering(plan=held(said(plan("Login")), gate))
    scripted_model.handler = answers
    async with watching(scripted_server) as socket:
        await send(socket, "Create a task Login")
        await until(socket, progress("analyzing", "finished"))
        await until(socket, progress("planning", "started"))
        await gate.arrived()
        await nothing_comes(socket)
        gate.open()
        assert (await until(socket, is_last))[-1]["type"] == "complete"


async def test_while_the_answer_is_written_its_beginning_is_there(
    scripted_model: ModelServer,
    scripted_server: ServerProcess,
) -> None:
    first, second = Gate(), Gate()
    answers = answering(answer=stream("The ", first, "task ", second, "is there."))
    scripted_model.handler = answers
    async with watching(scripted_server) as socket:
        await send(socket, "Create a task Login")
        tokens = []
        for gate in (first, second):
            frames = await until(socket, lambda frame: frame["type"] == "token")
            assert not any(progress("completion", "finished")(frame) for frame in frames)
            tokens.append(frames[-1]["text"])
            await gate.arrived()
            gate.open()
        frames = await until(socket, is_last)
    assert "".join(tokens) == "The task "
    assert frames[-1]["response"] == "The task is there."


async def test_a_cancel_stops_a_run_in_the_middle_of_a_model_call(
    scripted_model: ModelServer,
    scripted_server: ServerProcess,
) -> None:
    gate = Gate()
    answers = answering(answer=stream("Half an ", gate, "answer."))
    scripted_model.handler = answers
    async with watching(scripted_server) as socket:
        await send(socket, "Create a task Login")
        frames = await until(socket, lambda frame: frame["type"] == "token")
        run = frames[0]["run"]
        await gate.arrived()
        await socket.send(f'{{"type": "cancel", "run": "{run}"}}')
        frames = await until(socket, is_last)
        (asked,) = [one for one in scripted_model.requests if one.asked == "answer"]
        assert await asked.left()
        assert (frames[-1]["type"], frames[-1]["by"]) == ("cancelled", "alice")
        assert frames[-1]["partial"] == "Half an "
        assert frames[-2]["status"] == "cancelled"
        await socket.send(f'{{"type": "cancel", "run": "{run}"}}')
        assert (await receive(socket))["code"] == "not_active"
        await nothing_comes(socket)
    titles = scripted_server.rows("SELECT title FROM agent_task WHERE deleted_at IS NULL")
    assert titles == [("Login",)]  # what was done stays


async def test_what_waits_in_the_queue_starts_when_the_run_before_it_is_cancelled(
    scripted_model: ModelServer,
    scripted_server: ServerProcess,
) -> None:
    gate = Gate()
    scripted_model.handler = by_schema(analysis=held(said(ANALYSIS), gate))
    async with watching(scripted_server) as socket:
        for content in ("One", "Two", "Three"):
            await send(socket, content)
        queued = []
        while len(queued) < 3:
            frame = await receive(socket)
            if frame["type"] == "run" and frame["status"] == "queued":
                queued.append(frame)
        assert [frame["position"] for frame in queued] == [0, 1, 2]
        await gate.arrived()
        one, two, three = [frame["run"] for frame in queued]
        await socket.send(f'{{"type": "cancel", "run": "{two}"}}')
        assert (await until(socket, is_last))[-1]["run"] == two
        await socket.send(f'{{"type": "cancel", "run": "{one}"}}')
        assert (await until(socket, is_last))[-1]["run"] == one
        frames = await until(socket, progress("analyzing", "started"))
        assert {frame["run"] for frame in frames} == {three}


FAULTS = [
    ("html", "model_unavailable", True),
    ("broken", "model_invalid", True),
    ("cut", "model_truncated", True),
    ("refused", "model_refused", False),
    ("busy", "rate_limited", True),
]


@pytest.mark.parametrize(("fault", "code", "retryable"), FAULTS)
async def test_a_faulty_model_server_ends_the_run_with_an_error_that_a_person_understands(
    scripted_model: ModelServer,
    scripted_server: ServerProcess,
    fault: str,
    code: str,
    retryable: bool,
) -> None:
    from tests.support import model_server as answers

    bad = {
        "html": {"analysis": answers.html()},
        "broken": {"plan": answers.raw('{"choices": [{"mess')},
        "cut": {"answer": answers.events([answers.chunk("Half an ")], done=False, cut=True)},
        "refused": {"analysis": answers.error(401, "Incorrect API key provided: key")},
        "busy": {"analysis": answers.error(429, "Slow down", Retry_After="3600")},
    }[fault]
    scripted_model.handler = answering(**bad)
    async with watching(scripted_server) as socket:
        await send(socket, "Create a task Login")
        frames = await until(socket, is_last)
    last = frames[-1]
    assert (last["type"], last["code"], last["retryable"]) == ("error", code, retryable)
    assert "Traceback" not in last["error"]
    assert len(last["error"]) > 20
    assert frames[-2]["status"] == "failed"
    steps = [frame["progress"] for frame in frames if frame["type"] == "progress"]
    assert steps[-1]["step"] == "error"
    assert [step["metadata"]["phase"] for step in steps if step["step"] != "error"][-1] == "failed"
    if fault == "cut":
        assert last["partial"] == "Half an "
        titles = scripted_server.rows("SELECT title FROM agent_task WHERE deleted_at IS NULL")
        assert titles == [("Login",)]
    assert "Traceback" not in scripted_server.log.read_text()


async def test_a_model_server_that_is_away_or_silent_is_told_as_such(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(OPENAI_API_KEY="key", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    async with watching(server) as socket:
        await send(socket, "Hello")
        assert (await until(socket, is_last))[-1]["code"] == "model_unavailable"
    with ModelServer(by_schema(analysis=held(said(ANALYSIS), Gate()))) as model:
        server = with_model(make_server, model, SAMURAI_MODEL_TIMEOUT="1")
        async with watching(server) as socket:
            await send(socket, "Hello")
            assert (await until(socket, is_last))[-1]["code"] == "model_timeout"
