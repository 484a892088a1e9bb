"""An approval binds what was shown: where a step would do anything else, it stops and asks again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.board import tasks
from agent.engine import local
from agent.event_log.payloads import EffectChange
from agent.exceptions import Refused, ToolFailed
from agent.memory import memories
from agent.models import ChatSession, Memory, PlanStep, Project, Run, Task
from agent.plans.approved_effects import ApprovedEffects
from agent.runs import approvals
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.approving import approved
from tests.support.scripted_runs import (
    create,
    ended,
    log_of,
    make_tasks,
    outcome,
    result_of,
    status,
    use,
)
from tests.support.steered_runs import ASK_FIRST
from tests.support.tools import Flaky, having

pytestmark = pytest.mark.django_db(transaction=True)

edit = sync_to_async(tasks.update_task)
complete = sync_to_async(tasks.update_tasks)


async def asked_again(session: ChatSession, run: Run) -> dict[str, Any]:
    """Returns the last request of approval, after checking that the run waits for it."""
    assert run.status == Run.Status.WAITING
    frames = [frame for frame in await log_of(session) if frame["type"] == "approval"]
    assert [frame["approval"]["status"] for frame in frames] == [
        "requested",
        "approved",
        "requested",
    ]
    frame: dict[str, Any] = frames[-1]
    return frame


def changes_of(frame: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Returns the title of each change that the request shows, and whether it is marked."""
    return [
        (change["title"], change.get("differs", False))
        for effect in frame["approval"]["effects"]
        for change in effect["changes"]
    ]


CLEAN_UP = [
    create("s1", "Clean up"),
    use("s2", "search_tasks", "s1", status=["completed"], limit=100),
    use("s3", "delete_tasks", "s2", tasks=result_of("s2", "task_ids")),
]


async def test_more_than_the_shown_deletions_ask_again_also_when_the_plan_creates_something(
    session: ChatSession, alice: User, project: Project
) -> None:
    made = await make_tasks(project, *(f"Old {number}" for number in range(9)), "Slots", "Login")
    await complete(tasks=made[:9], status="completed")
    run = await outcome(session, alice, MessageRequest("Clean up"), *CLEAN_UP)
    await complete(tasks=made[9:], status="completed")
    await approved(session, alice, run)
    frame = await asked_again(session, run)
    assert sorted(changes_of(frame)) == [
        ("Login", True),
        *((f"Old {number}", False) for number in range(9)),
        ("Slots", True),
    ]
    assert frame["approval"]["reason"] == (
        "The board has changed since the approval: 2 changes differ from what was approved."
    )
    marks = [effect["mark"] for effect in frame["text"]["effects"]]
    assert sorted(marks) == [""] * 9 + ["Differs from what was approved"] * 2
    assert await Task.objects.acount() == 12
    await approved(session, alice, run, revision=2)
    assert run.status == "succeeded"
    assert [task.title async for task in Task.objects.all()] == ["Clean up"]


async def test_more_than_the_shown_status_changes_ask_again(
    session: ChatSession, alice: User, project: Project
) -> None:
    made = await make_tasks(project, *(f"Task {number}" for number in range(10)))
    await complete(tasks=made[8:], status="blocked")
    steps = [
        use("s1", "search_tasks", status=["pending"], limit=100),
        use(
            "s2", "change_tasks_status", "s1", tasks=result_of("s1", "task_ids"), status="completed"
        ),
    ]
    run = await outcome(session, alice, MessageRequest("All done"), *steps)
    assert len(changes_of((await log_of(session))[-2])) == 8
    await complete(tasks=made[8:], status="pending")
    await approved(session, alice, run)
    marked = [title for title, differs in changes_of(await asked_again(session, run)) if differs]
    assert marked == ["Task 8", "Task 9"]
    assert not await Task.objects.filter(status="completed").aexists()


async def test_a_text_that_a_person_edited_meanwhile_is_not_overwritten(
    session: ChatSession, alice: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Login")
    step = use("s1", "update_task", task=str(task.pk), description="The model's text")
    run = await outcome(session, alice, ASK_FIRST, step)
    await edit(task=task, description="Alice's own text")
    await approved(session, alice, run)
    (change,) = (await asked_again(session, run))["approval"]["effects"][0]["changes"]
    assert change["differs"]
    assert change["before"] == {"description": "Alice's own text"}
    await task.arefresh_from_db()
    assert task.description == "Alice's own text"


async def test_an_edited_task_is_not_deleted_as_it_was_shown(
    session: ChatSession, alice: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Login")
    run = await outcome(session, alice, ASK_FIRST, use("s1", "delete_task", task=str(task.pk)))
    await edit(task=task, description="What we agreed on")
    await approved(session, alice, run)
    assert changes_of(await asked_again(session, run)) == [("Login", True)]
    assert await Task.objects.aexists()


async def test_a_memory_that_now_exists_is_not_revised_in_place_of_the_shown_new_one(
    session: ChatSession, alice: User, project: Project
) -> None:
    note = {"title": "Database", "content": "We use PostgreSQL.", "kind": "decision"}
    run = await outcome(session, alice, ASK_FIRST, use("s1", "create_memory", **note))
    own = {**note, "content": "We use SQLite."}
    await sync_to_async(memories.remember)(project_id=project.pk, **own)
    await approved(session, alice, run)
    assert changes_of(await asked_again(session, run)) == [("Database", True)]
    assert (await Memory.objects.aget()).content == "We use SQLite."


async def test_what_a_person_has_done_already_does_not_ask_again(
    session: ChatSession, alice: User, project: Project
) -> None:
    made = await make_tasks(project, "Login", "Slots", "Logo")
    keys = [str(task.pk) for task in made]
    steps = [use("s1", "change_tasks_status", tasks=keys, status="completed")]
    run = await outcome(session, alice, ASK_FIRST, *steps)
    await complete(tasks=made[:1], status="completed")
    await approved(session, alice, run)
    assert run.status == "succeeded"
    assert await Task.objects.filter(status="completed").acount() == 3


async def test_the_other_steps_go_on_and_those_that_depend_on_the_stopped_one_wait(
    session: ChatSession, alice: User, project: Project
) -> None:
    task, other = await make_tasks(project, "Login", "Log out")
    steps = [
        use("s1", "update_task", task=str(task.pk), description="The model's text"),
        create("s2", "After it", "s1"),
        create("s3", "Beside it"),
        use("s4", "update_task", "s3", task=result_of("s3", "task_id"), depends_on=[str(other.pk)]),
        use("s5", "delete_task", task="00000000-0000-4000-8000-000000000000"),
    ]
    steps[4]["arguments"] = {"task": str(other.pk)}
    run = await outcome(session, alice, ASK_FIRST, *steps)
    await edit(task=task, description="Alice's own text")
    await approved(session, alice, run)
    await asked_again(session, run)
    rows = PlanStep.objects.filter(plan__run=run, plan__revision=2)
    assert {step.key: step.status async for step in rows} == {
        "s1": "pending",
        "s2": "pending",
        "s3": "succeeded",
        "s4": "succeeded",
        "s5": "succeeded",
    }
    await approved(session, alice, run, revision=2)
    assert run.status == "succeeded"
    titles = [task.title async for task in Task.objects.order_by("title")]
    assert titles == ["After it", "Beside it", "Login"]


async def test_a_failed_step_stays_failed_and_is_reported_once(
    session: ChatSession, alice: User, project: Project
) -> None:
    task, gone = await make_tasks(project, "Login", "Log out")
    steps = [
        use("s1", "update_task", task=str(task.pk), description="The model's text"),
        use("s2", "update_task", task=str(gone.pk), description="More"),
    ]
    run = await outcome(session, alice, ASK_FIRST, *steps)
    await edit(task=task, description="Alice's own text")
    await sync_to_async(tasks.delete_task)(task=gone)
    await approved(session, alice, run)
    await asked_again(session, run)
    model = ScriptedModel(plans=[{"summary": "", "steps": steps}])
    await approvals.approve(session.pk, run.pk, 2, alice)
    async with local.executing(model) as runner:
        runner.wake(session.pk)
        assert (await ended(run)).status == "succeeded"
    (told,) = [argument for verb, argument in model.asked if verb == "answer"]
    assert [(step.id, step.status) for step in told.steps] == [
        ("s1", "succeeded"),
        ("s2", "failed"),
    ]


async def test_nobody_approves_the_difference_who_saw_only_the_first_request(
    session: ChatSession, alice: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Login")
    run = await outcome(session, alice, ASK_FIRST, use("s1", "delete_task", task=str(task.pk)))
    await edit(task=task, title="Sign-in")
    await approved(session, alice, run)
    with pytest.raises(Refused) as refused:
        await approvals.approve(session.pk, run.pk, 1, alice)
    assert refused.value.code == "stale_plan"


async def test_the_second_request_can_be_rejected(
    session: ChatSession, alice: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Login")
    run = await outcome(session, alice, ASK_FIRST, use("s1", "delete_task", task=str(task.pk)))
    await edit(task=task, title="Sign-in")
    await approved(session, alice, run)
    await approvals.reject(session.pk, run.pk, 2, alice, "")
    await status(run, "cancelled")
    assert await Task.objects.aexists()


async def test_what_was_shown_is_done_also_when_it_came_out_of_a_result_or_was_just_made(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login page")
    steps = [
        use("s1", "search_tasks", query="login"),
        use("s2", "delete_task", "s1", task=result_of("s1", "tasks.0.task_id")),
        create("s3", "Draft"),
        use("s4", "update_task", "s3", task=result_of("s3", "task_id"), priority="high"),
        use("s5", "delete_task", "s4", task=result_of("s4", "task_id")),
    ]
    run = await outcome(session, alice, MessageRequest("Delete them"), *steps)
    await make_tasks(project, "Another")  # moves what the plan creates to another place
    await approved(session, alice, run)
    assert run.status == "succeeded"
    assert [task.title async for task in Task.objects.all()] == ["Another"]


async def test_what_an_earlier_step_made_is_known_after_a_second_approval(
    session: ChatSession, alice: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Login")
    steps = [
        create("s1", "Draft"),
        use("s2", "update_task", "s1", task=str(task.pk), description="The model's text"),
        use("s3", "delete_task", "s2", task=result_of("s1", "task_id")),
    ]
    run = await outcome(session, alice, ASK_FIRST, *steps)
    await edit(task=task, description="Alice's own text")
    await approved(session, alice, run)
    assert changes_of(await asked_again(session, run)) == [("Login", True), ("Draft", False)]
    await approved(session, alice, run, revision=2)
    assert run.status == "succeeded"
    assert [row.title async for row in Task.objects.all()] == ["Login"]


def test_a_resumed_run_knows_what_its_finished_steps_created() -> None:
    def deletion(key: str) -> EffectChange:
        before = {"id": key, "title": "Draft", "position": 0}
        what: Any = {"object": "task", "id": key, "action": "deleted", "title": "Draft"}
        return {**what, "before": before, "after": None}

    shown: EffectChange = {
        **deletion("temporary"),
        "action": "created",
        "before": None,
        "after": deletion("temporary")["before"],
    }
    effects: Any = [
        {"step": "s1", "changes": [shown], "note": ""},
        {"step": "s2", "changes": [deletion("temporary")], "note": ""},
    ]
    resumed = ApprovedEffects(effects, {"s1": ["real"], "s2": []})
    assert resumed.differing("s2", [deletion("real"), deletion("other")]) == [False, True]


async def test_a_step_that_is_listed_before_what_it_depends_on_is_done_as_it_was_shown(
    session: ChatSession, alice: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Login")
    steps = [
        use("s1", "update_task", "s3", task=str(task.pk), priority="high"),
        use("s2", "update_task", task=str(task.pk), priority="low"),
        create("s3", "Draft"),
    ]
    run = await outcome(session, alice, ASK_FIRST, *steps)
    await approved(session, alice, run)
    assert run.status == "succeeded"
    assert (await Task.objects.aget(title="Login")).priority == "high"


async def test_an_edit_of_the_rest_tries_no_failed_step_again(
    session: ChatSession, alice: User, project: Project
) -> None:
    (task,) = await make_tasks(project, "Login")
    send = Flaky(ToolFailed("It is not known whether it was sent."))
    changed = use("s1", "update_task", task=str(task.pk), description="The model's text")
    steps = [changed, use("s2", "send_it"), create("s3", "After it", "s2")]
    with having("send_it", send, "outgoing", idempotent=False):
        run = await outcome(session, alice, ASK_FIRST, *steps)
        await edit(task=task, description="Alice's own text")
        await approved(session, alice, run)
        await asked_again(session, run)
        other = {**changed, "arguments": {"task": str(task.pk), "priority": "high"}}
        await approvals.edit(session.pk, run.pk, 2, alice, [other, *steps[1:]])
        plans = [frame["plan"] for frame in await log_of(session) if frame["type"] == "plan"]
        kept = {step["id"]: step["status"] for step in plans[-1]["steps"]}
        assert kept == {"s1": "pending", "s2": "failed", "s3": "skipped"}
        await approved(session, alice, run, revision=3)
    assert len(send.keys) == 1
    assert (await Task.objects.aget()).priority == "high"
