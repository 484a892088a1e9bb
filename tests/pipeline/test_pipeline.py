"""One run from message to answer, as a caller of the library sees it and as the log keeps it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from agent.event_log import log
from agent.exceptions import ModelUnavailable
from agent.llm.base import Analysis
from agent.models import ChatSession, Memory, Project, Run, Task
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, log_of, make_tasks, plan, process

pytestmark = pytest.mark.django_db(transaction=True)

PHASES = [
    "start",
    "context",
    "analyzing",
    "planning",
    "validation",
    "execution",
    "memory",
    "completion",
]


async def test_a_run_with_one_step_reports_eighteen_times_and_ends_with_complete(
    project: Project, session: ChatSession
) -> None:
    told: list[tuple[str, str]] = []

    async def callback(step: str, message: str, details: str, metadata: dict[str, Any]) -> None:
        told.append((step, metadata["phase"]))

    model = ScriptedModel(plans=[plan(create("s1", "Login"))], answers=[["Made ", "it."]])
    result = await process(model, project, session, progress_callback=callback)

    assert (result.status, result.answer) == ("succeeded", "Made it.")
    assert len(told) == 18
    assert [step for step, phase in told if phase == "started"] == [
        *PHASES[:6],
        "execution",
        *PHASES[6:],
    ]
    assert {step for step, phase in told if phase == "finished"} == set(PHASES)
    assert await Task.objects.filter(project=project, title="Login").acount() == 1
    log = await log_of(session)
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    assert [event["type"] for event in log[-2:]] == ["run", "complete"]
    assert log[-1]["response"] == "Made it."


async def test_what_no_work_separates_is_committed_together(
    project: Project, session: ChatSession
) -> None:
    commits: list[list[str]] = []

    def listener(committed: log.Committed) -> None:
        commits.append([_name(json.loads(frame.body)) for frame in committed.frames])

    log.listen(listener)
    try:
        await process(ScriptedModel(plans=[plan(create("s1", "Login"))]), project, session)
    finally:
        log.unlisten(listener)
    assert commits[1:6] == [
        ["run", "start started", "start finished", "context started"],
        ["context finished", "analyzing started"],
        ["analyzing finished", "planning started"],
        ["planning finished", "validation started"],
        ["plan", "validation finished", "execution started", "step", "execution started s1"],
    ]
    ended = ["change", "step", "execution finished s1", "execution finished"]
    assert commits[6] == [*ended, "memory started", "completion started"]
    assert commits[-1][-3:] == ["completion finished", "run", "complete"]


def _name(event: dict[str, Any]) -> str:
    if event["type"] != "progress":
        return str(event["type"])
    told = event["progress"]
    metadata = told["metadata"]
    return " ".join([told["step"], metadata["phase"], *filter(None, [metadata.get("step_id")])])


async def test_a_plain_question_is_a_plan_of_one_answer_step(
    project: Project, session: ChatSession
) -> None:
    model = ScriptedModel(analyses=[Analysis("question", "A question", needs_tools=False)])
    result = await process(model, project, session)
    assert result.plan is not None
    assert [step["type"] for step in result.plan["steps"]] == ["answer"]
    assert "plan" not in [verb for verb, _ in model.asked]
    progress = [event for event in await log_of(session) if event["type"] == "progress"]
    assert len(progress) == 18


async def test_a_failed_step_skips_those_that_depend_on_it_and_the_rest_goes_on(
    project: Project, session: ChatSession
) -> None:
    wrong = {**create("s2", "x"), "tool": "change_task_status"}
    wrong["arguments"] = {"task": {"$from": "s1", "path": "title"}, "status": "completed"}
    wrong["depends_on"] = ["s1", "s4"]
    await make_tasks(project, "Login", "Login")
    model = ScriptedModel(
        plans=[
            plan(
                create("s1", "Login"),
                create("s4", "Other"),
                wrong,
                create("s3", "After it", "s2"),
            )
        ]
    )
    result = await process(model, project, session)
    assert result.status == "succeeded"
    assert {step["id"]: step["status"] for step in result.steps} == {
        "s1": "succeeded",
        "s4": "succeeded",
        "s2": "failed",
        "s3": "skipped",
    }
    assert not await Task.objects.filter(title="After it").aexists()


async def test_an_invalid_plan_is_mended_once_and_never_an_event(
    project: Project, session: ChatSession
) -> None:
    model = ScriptedModel(plans=[plan(create("s1", "A", "s9")), plan(create("s1", "A"))])
    result = await process(model, project, session)
    assert result.status == "succeeded"
    asked = [given for verb, given in model.asked if verb == "plan"]
    assert asked[0] is None
    assert "s9" in asked[1].reasons[0]
    plans = [event for event in await log_of(session) if event["type"] == "plan"]
    assert len(plans) == 1


async def test_a_plan_that_stays_invalid_changes_nothing(
    project: Project, session: ChatSession
) -> None:
    model = ScriptedModel(plans=[plan(create("s1", "A"), create("s1", "B"))])
    result = await process(model, project, session)
    assert result.status == "succeeded"
    assert result.plan is not None
    assert [step["type"] for step in result.plan["steps"]] == ["answer"]
    assert not await Task.objects.filter(project=project).aexists()


async def test_a_dead_model_server_ends_the_run_with_an_error_and_keeps_what_was_done(
    project: Project, session: ChatSession
) -> None:
    model = ScriptedModel(
        plans=[plan(create("s1", "Login"))],
        answers=[["Half an ", ModelUnavailable("The model's server is away.")]],
    )
    result = await process(model, project, session)
    assert (result.status, result.code) == ("failed", "model_unavailable")
    log = await log_of(session)
    last = log[-1]
    assert last["type"] == "error"
    assert last["retryable"] is True
    assert last["error"] == "The model's server is away."
    assert last["partial"] == "Half an "
    failed = [
        event["progress"]["step"]
        for event in log
        if event["type"] == "progress" and event["progress"]["metadata"].get("phase") == "failed"
    ]
    assert "completion" in failed
    assert log[-3]["progress"]["step"] == "error"
    assert await Task.objects.filter(project=project, title="Login").aexists()


async def test_a_callback_that_raises_or_hangs_does_not_touch_the_run(
    project: Project, session: ChatSession
) -> None:
    async def raises(*args: Any) -> None:
        raise ValueError("the caller's own fault")

    model = ScriptedModel(plans=[plan(create("s1", "Login"))])
    result = await process(model, project, session, progress_callback=raises)
    assert result.status == "succeeded"


async def test_independent_steps_wait_for_nothing_and_chains_keep_their_order(
    project: Project, session: ChatSession
) -> None:
    steps = [create(f"s{n}", f"Task {n}", *([f"s{n - 1}"] if n > 1 else [])) for n in range(1, 6)]
    await process(ScriptedModel(plans=[plan(*steps)]), project, session)
    titles = [title async for title in Task.objects.values_list("title", flat=True)]
    assert titles == [f"Task {n}" for n in range(1, 6)]


async def test_a_message_without_a_session_opens_one(project: Project) -> None:
    model = ScriptedModel(analyses=[Analysis("greeting", "Hello", needs_tools=False)])
    result = await process(model, project)
    run = await Run.objects.select_related("session").aget(pk=result.run)
    assert run.session.project_id == project.pk
    assert run.session.title == "Do it"


async def test_the_memory_phase_keeps_what_the_model_noted(
    project: Project, session: ChatSession
) -> None:
    from agent.llm.base import MemoryNote

    model = ScriptedModel(
        analyses=[Analysis("statement", "A fact", needs_tools=False)],
        notes=[[MemoryNote("Django", "We use Django.", "decision")]],
    )
    await process(model, project, session)
    assert await Memory.objects.filter(project=project, title="Django").acount() == 1
    changes = [event for event in await log_of(session) if event["type"] == "change"]
    assert [change["change"]["action"] for change in changes] == ["created"]


async def test_while_the_model_withholds_its_answer_the_phase_is_announced_and_nothing_later(
    project: Project, session: ChatSession
) -> None:
    gate = asyncio.Event()
    model = ScriptedModel(plans=[plan(create("s1", "Login"))], gates={"analyze": gate})
    task = asyncio.create_task(process(model, project, session))
    while not model.asked:
        await asyncio.sleep(0.01)
    log = await log_of(session)
    assert log[-1]["progress"]["step"] == "analyzing"
    assert log[-1]["progress"]["metadata"] == {"phase": "started"}
    gate.set()
    assert (await task).status == "succeeded"
