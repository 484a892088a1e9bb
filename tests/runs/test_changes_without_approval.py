"""A run changes at most five existing objects that nobody approved, in all of its plans together."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.models import Approval, ChatSession, Project, Run, Task
from agent.runs import approvals
from agent.testing import ScriptedModel
from tests.support.scripted_runs import make_tasks, plan, result_of, use
from tests.support.tools import having
from tests.support.untrusted_runs import begun, continued

pytestmark = pytest.mark.django_db(transaction=True)


def done(key: str, made: list[Task]) -> dict[str, Any]:
    keys = [str(task.pk) for task in made]
    return use(key, "change_tasks_status", tasks=keys, status="completed")


def failing(key: str, task: Task) -> dict[str, Any]:
    return use(key, "move_task", task=str(task.pk), before=str(task.pk))


async def reasons(run: Run) -> list[str]:
    return [row.reason async for row in Approval.objects.filter(run=run, status="requested")]


async def test_the_changes_of_an_earlier_plan_of_the_run_count(
    session: ChatSession, alice: User, project: Project
) -> None:
    made = await make_tasks(project, *"ABCDEFGHIJ")
    first = plan(done("s1", made[:5]), failing("s2", made[0]))
    model = ScriptedModel(plans=[first, plan(done("s3", made[5:]))])
    run = await begun(session, alice, model)
    assert await reasons(run) == ["Changes 5 tasks, after 5 that were changed before."]
    assert await Task.objects.filter(status="completed").acount() == 5
    await approvals.approve(session.pk, run.pk, 3, alice)
    await continued(session, run, model)
    assert await Task.objects.filter(status="completed").acount() == 10


async def test_what_was_approved_does_not_count(
    session: ChatSession, alice: User, project: Project
) -> None:
    made = await make_tasks(project, *"ABCDEFGHIJ")
    first = plan(done("s1", made[:8]), failing("s2", made[0]))
    model = ScriptedModel(plans=[first, plan(done("s3", made[8:]))])
    run = await begun(session, alice, model)
    assert await reasons(run) == ["Changes 8 tasks."]
    await approvals.approve(session.pk, run.pk, 1, alice)
    await continued(session, run, model)
    assert run.status == "succeeded"


async def test_a_step_that_the_dry_run_could_not_try_asks_when_it_changes_many(
    session: ChatSession, alice: User, project: Project
) -> None:
    """Only the result of another step makes it possible."""
    outer, inner, *others = await make_tasks(project, *"ABCDEFGH")
    await Task.objects.filter(pk=outer.pk).aupdate(parent=inner)
    keys = [str(task.pk) for task in (*others, outer)]
    await Task.objects.filter(pk=inner.pk).aupdate(parent=None)
    steps = [
        use("s1", "look_up"),
        use(
            "s2", "update_task", "s1", task=str(inner.pk), parent="", title=result_of("s1", "text")
        ),
        use("s3", "update_tasks", "s2", tasks=keys, parent=str(inner.pk)),
    ]
    await Task.objects.filter(pk=inner.pk).aupdate(parent=others[0])
    with having("look_up", lambda call, given: "Found", "reads"):
        run = await begun(session, alice, ScriptedModel(plans=[plan(*steps)]))
    assert await reasons(run) == ["Changes 6 tasks, after 1 that were changed before."]
    assert not await Task.objects.filter(parent=inner).exclude(pk=outer.pk).aexists()


# -- async tools, whose changes nobody sees --------------------------------------------------------


@pytest.mark.parametrize(
    ("alters", "steps", "reason"),
    [
        (1, 6, "May change 6 tasks or memories."),
        (None, 1, "It is not known how many tasks or memories the plan changes."),
        (6, 1, "May change 6 tasks or memories."),
    ],
)
async def test_async_tools_that_may_change_more_than_five_objects_ask_first(
    session: ChatSession, alice: User, alters: int | None, steps: int, reason: str
) -> None:
    called: list[str] = []
    with having("sync_up", lambda call, given: called.append(given.text), alters=alters):
        model = ScriptedModel(plans=[plan(*(use(f"s{n}", "sync_up") for n in range(steps)))])
        run = await begun(session, alice, model)
        assert await reasons(run) == [reason]
        assert called == []
        await approvals.approve(session.pk, run.pk, 1, alice)
        await continued(session, run, model)
    assert run.status == "succeeded"
    assert len(called) == steps


async def test_async_tools_that_may_change_five_objects_do_not_ask(
    session: ChatSession, alice: User
) -> None:
    with having("sync_up", lambda call, given: "", alters=1):
        steps = [use(f"s{n}", "sync_up") for n in range(5)]
        run = await begun(session, alice, ScriptedModel(plans=[plan(*steps)]))
    assert run.status == "succeeded"
    assert await reasons(run) == []


async def test_an_async_tool_counts_with_what_an_earlier_plan_of_the_run_changed(
    session: ChatSession, alice: User, project: Project
) -> None:
    made = await make_tasks(project, *"ABCD")
    first = plan(done("s1", made), failing("s2", made[0]))
    called: list[str] = []
    with having("sync_up", lambda call, given: called.append(given.text), alters=2):
        model = ScriptedModel(plans=[first, plan(use("s3", "sync_up"))])
        run = await begun(session, alice, model)
        asked = ["May change 2 tasks or memories, after 4 that were changed before."]
        assert await reasons(run) == asked
        assert called == []
        await approvals.approve(session.pk, run.pk, 3, alice)
        await continued(session, run, model)
    assert called == [""]


async def test_what_an_async_tool_may_have_changed_counts_for_the_steps_after_it(
    session: ChatSession, alice: User, project: Project
) -> None:
    made = await make_tasks(project, *"ABC")
    with having("sync_up", lambda call, given: "", alters=3):
        first = plan(use("s1", "sync_up"), failing("s2", made[0]))
        model = ScriptedModel(plans=[first, plan(done("s3", made))])
        run = await begun(session, alice, model)
    assert await reasons(run) == ["Changes 3 tasks, after 3 that were changed before."]
    assert not await Task.objects.filter(status="completed").aexists()
