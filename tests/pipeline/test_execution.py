"""How a plan is carried out: at once, in order on the same object, in time, and tried again."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from agent.board import tasks
from agent.engine import local
from agent.exceptions import ToolFailed
from agent.models import ChatSession, PlanStep, Project, Run, Task
from agent.pipeline import execution
from agent.plans.ordering import MAX_PARALLEL_STEPS, needs
from agent.plans.parser import parse
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from agent.tools import registry
from agent.tools.registry import Arguments, ToolCall
from agent.tools.tasks import TaskMade
from tests.support.scripted_runs import create, ended, log_of, make_tasks, plan, result_of, use
from tests.support.tools import Flaky, Text, having

pytestmark = pytest.mark.django_db(transaction=True)

# Asked before every step elsewhere; here it is the carrying out that matters.
DO_IT = MessageRequest("Do it")


async def carried_out(session: ChatSession, user: User, *steps: dict[str, Any]) -> dict[str, Any]:
    """Returns the run's steps as they ended, by id."""
    async with local.executing(ScriptedModel(plans=[plan(*steps)])):
        run = await ended(await runs.start(session.pk, user, DO_IT))
    assert run.status == "succeeded"
    return {step.key: step async for step in PlanStep.objects.filter(plan__run=run)}


# -- at once ---------------------------------------------------------------------------------------


async def test_steps_that_do_not_need_each_other_are_at_work_at_the_same_time(
    session: ChatSession, alice: User
) -> None:
    """Each goes on only when all have begun: one after the other, they would wait for ever."""
    all_there = asyncio.Barrier(MAX_PARALLEL_STEPS)

    async def wait(call: ToolCall, given: Text) -> str:
        await all_there.wait()
        return "done"

    with having("wait_for_all", wait):
        steps = await carried_out(
            session, alice, *(use(f"s{n}", "wait_for_all") for n in range(MAX_PARALLEL_STEPS))
        )
    assert {step.status for step in steps.values()} == {"succeeded"}


async def test_no_more_than_so_many_are_at_work_at_once(session: ChatSession, alice: User) -> None:
    working, most = 0, 0

    async def work(call: ToolCall, given: Text) -> str:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(0.02)
        working -= 1
        return ""

    with having("work", work):
        await carried_out(session, alice, *(use(f"s{n}", "work") for n in range(20)))
    assert most == MAX_PARALLEL_STEPS


# -- in order on the same object -------------------------------------------------------------------


def waits(*steps: dict[str, Any], same: dict[str, str] | None = None) -> dict[str, list[str]]:
    """`same`: names of one object, by what they are called."""
    known = same or {}
    return needs(parse(plan(*steps)).steps, lambda _, name: known.get(name, name))


def status(key: str, task: Any, *more: str) -> dict[str, Any]:
    return use(key, "change_task_status", *more, task=task, status="blocked")


def test_steps_on_the_same_object_are_kept_in_the_order_of_the_plan() -> None:
    steps = [status("s1", "A"), status("s2", "B"), status("s3", "A")]
    assert waits(*steps) == {"s1": [], "s2": [], "s3": ["s1"]}


def test_an_id_and_a_title_may_mean_the_same_object() -> None:
    key = str(uuid4())
    steps = [status("s1", "A"), status("s2", key)]
    assert waits(*steps) == {"s1": [], "s2": []}
    assert waits(*steps, same={"A": key})["s2"] == ["s1"]


def test_what_a_result_will_name_may_be_any_object_of_its_kind() -> None:
    found = use("s1", "search_tasks", query="x")
    placeholder = result_of("s1", "tasks.0.task_id")
    steps = [
        found,
        status("s2", placeholder, "s1"),
        status("s3", "A"),
        use("s4", "delete_memory", memory="A"),
        use("s5", "update_task", "s1", task="B", depends_on=[placeholder]),
    ]
    assert waits(*steps) == {"s1": [], "s2": ["s1"], "s3": ["s2"], "s4": [], "s5": ["s1", "s3"]}


def test_lists_touch_all_that_they_name() -> None:
    many = use("s2", "create_tasks", tasks=[{"title": "X", "depends_on": ["A", "C"]}])
    steps = [status("s1", "A"), many, status("s3", "B"), status("s4", "C")]
    assert waits(*steps) == {"s1": [], "s2": ["s1"], "s3": [], "s4": ["s2"]}
    whole = use("s2", "update_task", "s0", task="B", depends_on=result_of("s0", "task_ids"))
    steps = [use("s0", "create_tasks", tasks=[{"title": "X"}]), status("s1", "A"), whole]
    assert waits(*steps)["s2"] == ["s0", "s1"]


def test_who_waits_already_in_whatever_way_does_not_wait_twice_or_in_a_circle() -> None:
    steps = [status("s1", "A", "s3"), status("s2", "A"), status("s3", "A", "s2")]
    assert waits(*steps) == {"s1": ["s3"], "s2": [], "s3": ["s2"]}


async def test_writes_to_one_task_happen_in_the_order_of_the_plan(
    session: ChatSession, alice: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Login")
    titles = [f"Login {n}" for n in range(5)]
    steps = [
        use(f"s{n}", "update_task", task=str(task.pk), title=title)
        for n, title in enumerate(titles)
    ]
    await carried_out(session, alice, *steps)
    changes = [
        e["change"]["after"]["title"] for e in await log_of(session) if e["type"] == "change"
    ]
    assert changes == titles


# -- in time ---------------------------------------------------------------------------------------


async def test_a_tool_that_takes_too_long_is_left_and_its_step_fails(
    session: ChatSession, alice: User
) -> None:
    left = asyncio.Event()

    async def hang(call: ToolCall, given: Text) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return ""

    with having("hang", hang, timeout=0.05):
        steps = await carried_out(session, alice, use("s1", "hang"))
    assert left.is_set()
    assert (steps["s1"].status, steps["s1"].error) == ("failed", "hang took longer than 0.05 s.")


async def test_of_a_plain_tool_that_took_too_long_nothing_is_kept(
    session: ChatSession, alice: User, project: Project
) -> None:
    class Nothing(Arguments):
        pass

    def dawdle(call: ToolCall, arguments: Nothing) -> TaskMade:
        """Takes its time."""
        task, change = tasks.create_task(project_id=call.project_id, title="Slow")
        call.changes.append(change)
        return TaskMade(task_id=str(task.pk), number=f"#{task.number}", title=task.title)

    dawdle.__annotations__["arguments"] = Nothing
    dawdle.__annotations__["call"] = ToolCall
    dawdle.__annotations__["return"] = TaskMade
    registry.add(registry.make(dawdle, "writes", alters=0, timeout=0))
    try:
        steps = await carried_out(session, alice, {**use("s1", "dawdle"), "arguments": {}})
    finally:
        registry.remove("dawdle")
    assert (steps["s1"].status, steps["s1"].error) == ("failed", "dawdle took longer than 0 s.")
    assert not await Task.all_objects.aexists()


# -- tried again -----------------------------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "PAUSE", 0.01)


async def test_a_tool_that_may_be_tried_again_is_with_the_same_key(
    session: ChatSession, alice: User, soon: None
) -> None:
    flaky = Flaky(ConnectionError("reset"), TimeoutError(), None)
    with having("fetch", flaky, retries=2):
        steps = await carried_out(session, alice, use("s1", "fetch"))
    assert (steps["s1"].status, steps["s1"].result) == ("succeeded", {"text": "at last"})
    run = await Run.objects.aget()
    assert flaky.keys == [f"{run.pk}:s1"] * 3
    told = [e["progress"] for e in await log_of(session) if e["type"] == "progress"]
    again = [one for one in told if one["message"] == "🔁 Retrying fetch"]
    numbers, reasons = zip(*(one["details"].split(" in ") for one in again), strict=True)
    assert numbers == ("Attempt 2 of 3", "Attempt 3 of 3")
    assert [one.partition(": ")[2] for one in reasons] == [
        "it failed with ConnectionError",
        "it failed with TimeoutError",
    ]
    assert all(set(one["metadata"]) == {"step_id", "gives_up_at"} for one in again)
    started = next(
        one
        for one in told
        if one["metadata"].get("phase") == "started" and "step_id" in one["metadata"]
    )
    assert (
        started["timestamp"]
        < started["metadata"]["gives_up_at"]
        < again[0]["metadata"]["gives_up_at"]
    )


async def test_it_is_given_up_after_so_many_times(
    session: ChatSession, alice: User, soon: None
) -> None:
    flaky = Flaky(*[ConnectionError("reset")] * 9)
    with having("fetch", flaky, retries=2):
        steps = await carried_out(session, alice, use("s1", "fetch"))
    assert len(flaky.keys) == 3
    assert (steps["s1"].status, steps["s1"].error) == (
        "failed",
        "fetch failed: unexpected error (see server log).",
    )


async def test_what_a_tool_refuses_is_final_and_without_retries_all_is(
    session: ChatSession, alice: User, soon: None
) -> None:
    refusing, broken = Flaky(ToolFailed("There is no such page.")), Flaky(ConnectionError())
    with having("fetch", refusing, retries=5), having("send", broken):
        steps = await carried_out(session, alice, use("s1", "fetch"), use("s2", "send"))
    assert len(refusing.keys) == len(broken.keys) == 1
    assert steps["s1"].error == "There is no such page."


def test_a_plain_tool_is_never_tried_again() -> None:
    def write(call: ToolCall, arguments: Text) -> TaskMade:
        """Writes."""
        raise NotImplementedError

    write.__annotations__ = {"call": ToolCall, "arguments": Text, "return": TaskMade}
    with pytest.raises(ValueError, match="only an async function"):
        registry.make(write, "writes", retries=1)


# -- what depends on a failed step -----------------------------------------------------------------


async def test_a_skipped_step_says_which_one_it_needed(session: ChatSession, alice: User) -> None:
    with having("fail", Flaky(ToolFailed("No."))):
        steps = await carried_out(
            session,
            alice,
            use("s1", "fail"),
            create("s2", "After it", "s1"),
            create("s3", "After that", "s2"),
            create("s4", "Free"),
        )
    assert [step.status for step in steps.values()] == ["failed", "skipped", "skipped", "succeeded"]
    assert steps["s2"].error == "Skipped because “fail s1” did not succeed."
    assert steps["s3"].error == "Skipped because “Create “After it”” did not succeed."
