"""A step that composes: one call of the model with its inputs alone, whose value later steps take."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.engine import local
from agent.exceptions import ModelTimeout
from agent.llm.base import Composition
from agent.models import ChatSession, Memory, PlanStep, Project, Run, Task
from agent.runs import rerun, runs, steering
from agent.runs.runs import MessageRequest
from agent.runs.steering import Steer
from agent.testing import ScriptedModel
from tests.support.scripted_runs import (
    compose,
    create,
    ended,
    log_of,
    make_tasks,
    plan,
    result_of,
    use,
)
from tests.support.tools import having
from tests.support.untrusted_runs import approved, asked, begun

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "Buy milk. Call Ann."
TWO = [{"title": "Buy milk"}, {"title": "Call Ann", "description": "By phone"}]
TO_TASKS = [
    use("s1", "fetch_page", text="https://example.com"),
    compose("s2", "create_tasks.tasks", "s1", page=result_of("s1", "text"), tone="short"),
    use("s3", "create_tasks", "s2", tasks=result_of("s2", "value")),
]


async def carried_out(
    session: ChatSession, user: User, model: ScriptedModel, message: str = "Do it"
) -> Run:
    with having("fetch_page", lambda call, given: PAGE, "reads"):
        async with local.executing(model):
            return await ended(await runs.start(session.pk, user, MessageRequest(message)))


async def steps_of(run: Run) -> dict[str, PlanStep]:
    return {step.key: step async for step in PlanStep.objects.filter(plan__run=run)}


def composed(model: ScriptedModel) -> list[Composition]:
    return [argument for verb, argument in model.asked if verb == "compose"]


async def test_a_page_is_read_and_tasks_are_made_of_it(session: ChatSession, alice: User) -> None:
    model = ScriptedModel(plans=[plan(*TO_TASKS)], compositions=[TWO])
    run = await carried_out(session, alice, model)
    assert run.status == "succeeded"
    tasks = {task.title: task.description async for task in Task.objects.all()}
    assert tasks == {"Buy milk": "", "Call Ann": "By phone"}
    (asked,) = composed(model)
    assert asked.instruction == "Write create_tasks.tasks"
    assert asked.inputs == {"page": PAGE, "tone": "short"}
    steps = await steps_of(run)
    assert steps["s2"].result == {"value": TWO}
    assert steps["s3"].arguments == {"tasks": result_of("s2", "value")}
    assert run.usage["calls"] == len(model.asked)


async def test_a_text_flows_through_several_compositions(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login", "Slots")
    steps = [
        use("s1", "search_tasks"),
        compose("s2", "text", "s1", tasks=result_of("s1", "tasks")),
        compose("s3", "create_memory.content", "s2", summary=result_of("s2", "value")),
        use(
            "s4",
            "create_memory",
            "s3",
            title="State",
            kind="note",
            content=result_of("s3", "value"),
        ),
    ]
    model = ScriptedModel(plans=[plan(*steps)], compositions=["Two tasks are open", "Zwei offen"])
    run = await carried_out(session, alice, model)
    assert run.status == "succeeded"
    assert (await Memory.objects.aget()).content == "Zwei offen"
    first, second = composed(model)
    assert [task["title"] for task in first.inputs["tasks"]] == ["Login", "Slots"]
    assert second.inputs == {"summary": "Two tasks are open"}


async def test_the_titles_of_all_open_tasks_are_translated(
    session: ChatSession, alice: User, project: Project
) -> None:
    made = await make_tasks(project, "Login", "Slots")
    steps = [
        use("s1", "search_tasks", limit=100),
        compose("s2", "edit_tasks.tasks", "s1", tasks=result_of("s1", "tasks")),
        use("s3", "edit_tasks", "s2", tasks=result_of("s2", "value")),
    ]
    value = [
        {"task": f"#{made[0].number}", "title": "Anmeldung"},
        {"task": "Slots", "title": "Termine"},
    ]
    model = ScriptedModel(plans=[plan(*steps)], compositions=[value])
    run = await begun(session, alice, model)
    request, _ = await asked(session, run)
    assert request["reason"] == "Overwrites the texts of 2 tasks."
    await approved(session, alice, run, model)
    assert run.status == "succeeded"
    titles = [task.title async for task in Task.objects.order_by("number")]
    assert titles == ["Anmeldung", "Termine"]


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (ModelTimeout("The model did not answer."), "The model did not answer."),
        ("no list", "The model composed no valid value: value: Input should be a valid list"),
        ([{"title": ""}], "The model composed no valid value: value.0.title: "),
        ([{"title": "x", "owner": "y"}], "The model composed no valid value: value.0.owner: "),
        ([{"$from": "s1", "path": "text"}], 'must not contain "$from"'),
        (None, "The model composed no valid value: value: Input should be a valid list"),
    ],
)
async def test_a_composition_that_fails_or_does_not_fit_fails_its_step_alone(
    session: ChatSession, alice: User, turn: Any, error: str
) -> None:
    steps = [*TO_TASKS, create("s4", "Beside it")]
    run = await carried_out(
        session, alice, ScriptedModel(plans=[plan(*steps)], compositions=[turn])
    )
    assert run.status == "succeeded"
    found = await steps_of(run)
    assert {key: step.status for key, step in found.items()} == {
        "s1": "succeeded",
        "s2": "failed",
        "s3": "skipped",
        "s4": "succeeded",
    }
    assert error in found["s2"].error
    assert [task.title async for task in Task.objects.all()] == ["Beside it"]


async def test_a_failed_composition_is_planned_again_once(
    session: ChatSession, alice: User
) -> None:
    again = [
        TO_TASKS[0],
        {**TO_TASKS[1], "id": "s4"},
        use("s5", "create_tasks", "s4", tasks=result_of("s4", "value")),
    ]
    again[1]["arguments"] = {**again[1]["arguments"], "instruction": "Only tasks"}
    model = ScriptedModel(plans=[plan(*TO_TASKS), plan(*again)], compositions=["none", TWO])
    run = await carried_out(session, alice, model)
    assert run.status == "succeeded"
    assert await Task.objects.acount() == 2
    assert len(composed(model)) == 2


async def test_a_finished_composition_is_not_asked_for_again_after_a_crash(
    session: ChatSession, alice: User
) -> None:
    """The first process ends during the call of the tool that takes the value."""
    reached, calls = asyncio.Event(), []

    async def post(call: Any, given: Any) -> str:
        calls.append(given.text)
        reached.set()
        if len(calls) == 1:
            await asyncio.Event().wait()
        return "posted"

    steps = [
        compose("s1", "text", about="x"),
        use("s2", "note_down", "s1", text=result_of("s1", "value")),
    ]
    model = ScriptedModel(plans=[plan(*steps)], compositions=["Once", "Twice"])
    with having("note_down", post, alters=0):
        async with local.executing(model):
            run = await runs.start(session.pk, alice, MessageRequest("Do it"))
            await asyncio.wait_for(reached.wait(), 20)
        assert (await Run.objects.aget(pk=run.pk)).status == "running"
        async with local.executing(model) as runner:
            runner.wake(session.pk)
            assert (await ended(run)).status == "succeeded"
    assert calls == ["Once", "Once"]
    assert len(composed(model)) == 1


async def test_a_retry_keeps_what_was_composed(session: ChatSession, alice: User) -> None:
    model = ScriptedModel(
        plans=[plan(*TO_TASKS)], compositions=[TWO], answers=[ModelTimeout("Late"), ["Done."]]
    )
    run = await carried_out(session, alice, model)
    assert run.status == "failed"
    async with local.executing(model):
        assert (await ended(await rerun.retry(session.pk, run.pk, alice))).status == "succeeded"
    assert len(composed(model)) == 1
    assert await Task.objects.acount() == 2


async def test_the_log_tells_the_step_its_value_and_who_takes_it(
    session: ChatSession, alice: User
) -> None:
    model = ScriptedModel(plans=[plan(*TO_TASKS)], compositions=[TWO])
    await carried_out(session, alice, model)
    frames = await log_of(session)
    (told,) = [frame for frame in frames if frame["type"] == "plan"]
    step = told["plan"]["steps"][1]
    assert (step["type"], step["tool"]) == ("compose", None)
    assert told["text"]["steps"][1]["arguments"] == [
        ["instruction", "Write create_tasks.tasks"],
        ["inputs", "page text of step 1, tone short"],
        ["returns", "create_tasks.tasks"],
    ]
    ends = [f for f in frames if f["type"] == "step" and f["step"]["id"] == "s2"]
    assert [frame["step"]["status"] for frame in ends] == ["running", "succeeded"]
    assert ends[1]["step"]["result"] == {"value": TWO}
    assert ends[1]["text"]["note"] == "2 items"
    (outcome,) = [argument for verb, argument in model.asked if verb == "answer"]
    assert [step.id for step in outcome.steps] == ["s1", "s2", "s3"]


async def test_what_was_sent_into_the_run_while_a_value_is_composed_changes_the_plan_after_it(
    session: ChatSession, alice: User
) -> None:
    """The finished value is kept, and the step that would have taken it does not start."""
    writing = asyncio.Event()
    other = use("s4", "create_memory", "s2", title="x", kind="note", content="Written down")
    model = ScriptedModel(
        plans=[plan(*TO_TASKS), plan(other)], compositions=[TWO], gates={"compose": writing}
    )
    with having("fetch_page", lambda call, given: PAGE, "reads"):
        async with local.executing(model):
            run = await runs.start(session.pk, alice, MessageRequest("Do it"))
            async with asyncio.timeout(20):
                while not composed(model):
                    await asyncio.sleep(0.01)
            await steering.send(session.pk, run.pk, alice, Steer("Only note it down"))
            writing.set()
            assert (await ended(run)).status == "succeeded"
    assert not await Task.objects.aexists()
    assert (await Memory.objects.aget()).content == "Written down"
    assert len(composed(model)) == 1
    rows = PlanStep.objects.filter(plan__run=run, plan__revision=2)
    assert {row.key: row.status async for row in rows} == {
        "s1": "succeeded",
        "s2": "succeeded",
        "s4": "succeeded",
    }
