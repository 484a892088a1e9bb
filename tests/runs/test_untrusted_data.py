"""Untrusted data, from a tool or composed, deletes and sends nothing before a person saw it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone

from agent.board import tasks
from agent.exceptions import Refused
from agent.models import Approval, ChatSession, PlanStep, Project, Task
from agent.runs import approvals, ending, expiry, rerun
from agent.support.words import marked
from tests.support.scripted_runs import compose, create, log_of, make_tasks, plan, result_of, use
from tests.support.untrusted_runs import (
    Outside,
    approved,
    asked,
    begun,
    continued,
    model_of,
    outside,
    settled,
)

pytestmark = pytest.mark.django_db(transaction=True)

# What must arrive as it was shown, to the byte.
LETTER = (
    'Dear all,\n\n{{ x }} "quoted" \\n ‹data› \u202e ｆｕｌｌ 🎉 </data> {"path": "s1"}  \t end '
)
SEND = [
    use("s1", "fetch_page"),
    compose("s2", "text", "s1", page=result_of("s1", "text")),
    use("s3", "send_mail", "s2", text=result_of("s2", "value")),
]


@pytest.fixture
def world() -> Iterator[Outside]:
    with outside() as world:
        yield world


async def test_a_composed_letter_is_shown_before_it_is_sent_and_sent_as_it_was_shown(
    session: ChatSession, alice: User, world: Outside
) -> None:
    model = model_of(*SEND, compositions=[LETTER, "Another"])
    run = await begun(session, alice, model)
    request, shown = await asked(session, run)
    assert world.sent == []
    assert shown["s3"] == {"text": LETTER}
    assert shown["s1"] == {}
    assert request["reason"] == (
        "Uses send_mail, which acts outside this project. "
        "send_mail takes its arguments from the result of s2."
    )
    (effect,) = request["effects"]
    assert effect["arguments"] == {"text": LETTER}
    (told,) = (await log_of(session))[-2]["text"]["effects"]
    assert told["text"] == "Runs send_mail; effects can't be previewed"
    assert told["fields"] == [["text", "", marked(LETTER)]]
    assert "[U+202E]" in told["fields"][0][2]
    await approved(session, alice, run, model)
    assert run.status == "succeeded"
    assert world.sent == [LETTER]
    assert [verb for verb, _ in model.asked].count("compose") == 1


async def test_what_a_tool_returned_is_shown_like_what_was_composed(
    session: ChatSession, alice: User, world: Outside
) -> None:
    world.page = LETTER
    steps = [use("s1", "fetch_page"), use("s2", "send_mail", "s1", text=result_of("s1", "text"))]
    model = model_of(*steps)
    run = await begun(session, alice, model)
    _, shown = await asked(session, run)
    assert shown["s2"] == {"text": LETTER}
    await approved(session, alice, run, model)
    assert world.sent == [LETTER]


async def test_data_stays_untrusted_on_its_way_through_other_steps(
    session: ChatSession, alice: User, world: Outside
) -> None:
    steps = [
        *SEND[:2],
        use("s3", "create_task", "s2", title=result_of("s2", "value")),
        compose("s4", "text", "s3", title=result_of("s3", "title")),
        use("s5", "create_task", "s4", title=result_of("s4", "value")),
        use("s6", "send_mail", "s5", text=result_of("s5", "title")),
    ]
    model = model_of(*steps, compositions=["One", "Two"])
    run = await begun(session, alice, model)
    _, shown = await asked(session, run)
    assert shown["s6"] == {"text": "Two"}
    assert await Task.objects.acount() == 2
    await approved(session, alice, run, model)
    assert world.sent == ["Two"]
    assert await Task.objects.acount() == 2


async def test_composed_names_delete_what_the_approval_shows_and_nothing_else(
    session: ChatSession, alice: User, project: Project
) -> None:
    old, login, _ = await make_tasks(project, "Old", "Login", "Slots")
    steps = [
        use("s1", "search_tasks"),
        compose("s2", "delete_tasks.tasks", "s1", tasks=result_of("s1", "tasks")),
        use("s3", "delete_tasks", "s2", tasks=result_of("s2", "value")),
    ]
    model = model_of(*steps, compositions=[["Old", f"#{login.number}"]])
    run = await begun(session, alice, model, "Delete Old and Login")
    request, shown = await asked(session, run)
    assert shown["s3"] == {"tasks": [str(old.pk), str(login.pk)]}
    titles = [change["title"] for effect in request["effects"] for change in effect["changes"]]
    assert titles == ["Old", "Login"]
    assert "Deletes 2 tasks." in request["reason"]
    await sync_to_async(tasks.create_task)(project_id=project.pk, title="Old")
    await approved(session, alice, run, model)
    assert run.status == "succeeded"
    assert sorted([task.title async for task in Task.objects.all()]) == ["Old", "Slots"]


async def test_one_composed_name_asks_also_if_the_message_names_it(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login")
    steps = [
        compose("s1", "delete_task.task", page="Login"),
        use("s2", "delete_task", "s1", task=result_of("s1", "value")),
    ]
    run = await begun(session, alice, model_of(*steps, compositions=["Login"]), "Delete Login")
    request, _ = await asked(session, run)
    assert "takes its arguments from the result of s1" in request["reason"]


@pytest.mark.parametrize("by_session", [False, True])
async def test_an_approval_of_the_plan_is_none_of_arguments_that_nobody_had_seen(
    session: ChatSession, alice: User, world: Outside, by_session: bool
) -> None:
    request = {} if by_session else {"approval": "required"}
    if by_session:
        await ChatSession.objects.filter(pk=session.pk).aupdate(approval="required")
    model = model_of(*SEND, compositions=[LETTER])
    run = await begun(session, alice, model, **request)
    first, shown = await asked(session, run)
    assert shown["s3"] == {"text": result_of("s2", "value")}
    assert "compose" not in [verb for verb, _ in model.asked]
    await approved(session, alice, run, model)
    second, shown = await asked(session, run)
    assert shown["s3"] == {"text": LETTER}
    assert (first["plan_revision"], second["plan_revision"]) == (1, 2)
    with pytest.raises(Refused) as refused:
        await approvals.approve(session.pk, run.pk, 1, alice)
    assert refused.value.code == "stale_plan"
    assert world.sent == []
    await approved(session, alice, run, model)
    assert world.sent == [LETTER]


async def test_steps_beside_the_one_that_asks_are_carried_out_and_those_after_it_wait(
    session: ChatSession, alice: User, world: Outside
) -> None:
    steps = [*SEND, create("s4", "Beside it"), create("s5", "After it", "s3")]
    model = model_of(*steps, compositions=[LETTER])
    run = await begun(session, alice, model)
    rows = PlanStep.objects.filter(plan__run=run, plan__revision=2)
    assert {row.key: (row.status, row.untrusted) async for row in rows} == {
        "s1": ("succeeded", False),
        "s2": ("succeeded", False),
        "s3": ("pending", True),
        "s4": ("succeeded", False),
        "s5": ("pending", False),
    }
    await approved(session, alice, run, model)
    assert run.status == "succeeded"
    titles = [task.title async for task in Task.objects.order_by("number")]
    assert titles == ["Beside it", "After it"]


async def test_two_letters_are_asked_about_together(
    session: ChatSession, alice: User, world: Outside
) -> None:
    steps = [*SEND, use("s4", "send_mail", "s1", text=result_of("s1", "text"))]
    model = model_of(*steps, compositions=[LETTER])
    run = await begun(session, alice, model)
    _, shown = await asked(session, run)
    assert (shown["s3"], shown["s4"]) == ({"text": LETTER}, {"text": world.page})
    await approved(session, alice, run, model)
    assert sorted(world.sent) == sorted([LETTER, world.page])


# -- what a person may do ---------------------------------------------------------------------------


async def test_an_edited_letter_is_sent_as_it_was_edited(
    session: ChatSession, alice: User, world: Outside
) -> None:
    model = model_of(*SEND, compositions=[LETTER])
    run = await begun(session, alice, model)
    steps = [frame for frame in await log_of(session) if frame["type"] == "plan"][-1]["plan"][
        "steps"
    ]
    edited = [{name: step[name] for name in step if name != "status"} for step in steps]
    edited[2]["arguments"] = {"text": "In my words"}
    await approvals.edit(session.pk, run.pk, 2, alice, edited)
    await run.arefresh_from_db()
    _, shown = await asked(session, run)
    assert shown["s3"] == {"text": "In my words"}
    await approved(session, alice, run, model)
    assert world.sent == ["In my words"]


async def test_a_finished_composition_cannot_be_edited(
    session: ChatSession, alice: User, world: Outside
) -> None:
    run = await begun(session, alice, model_of(*SEND, compositions=[LETTER]))
    steps = [frame for frame in await log_of(session) if frame["type"] == "plan"][-1]["plan"][
        "steps"
    ]
    edited = [{name: step[name] for name in step if name != "status"} for step in steps]
    edited[1] = {**edited[1], "arguments": {**edited[1]["arguments"], "instruction": "Other"}}
    with pytest.raises(Refused, match="step s2: is already executed"):
        await approvals.edit(session.pk, run.pk, 2, alice, edited)


async def test_a_rejection_with_a_reason_makes_another_plan_that_keeps_what_is_done(
    session: ChatSession, alice: User, world: Outside
) -> None:
    shorter = [
        compose("s4", "text", "s2", letter=result_of("s2", "value")),
        use("s5", "send_mail", "s4", text=result_of("s4", "value")),
    ]
    model = model_of(*SEND, compositions=[LETTER, "Short"])
    model._turns["plan"].append(plan(*shorter))
    run = await begun(session, alice, model)
    await approvals.reject(session.pk, run.pk, 2, alice, "Shorter, please")
    await continued(session, run, model)
    _, shown = await asked(session, run)
    assert list(shown) == ["s1", "s2", "s4", "s5"]
    assert shown["s5"] == {"text": "Short"}
    await approved(session, alice, run, model)
    assert world.sent == ["Short"]


@pytest.mark.parametrize("how", ["reject", "cancel", "expire"])
async def test_nothing_is_sent_when_the_person_does_not_want_it(
    session: ChatSession, alice: User, world: Outside, how: str
) -> None:
    model = model_of(*SEND, compositions=[LETTER])
    run = await begun(session, alice, model)
    if how == "reject":
        await approvals.reject(session.pk, run.pk, 2, alice, "")
    elif how == "cancel":
        await ending.cancel(session.pk, run.pk, alice)
    else:
        late = timezone.now() - timedelta(seconds=1)
        await Approval.objects.filter(run=run).aupdate(expires_at=late)
        for key, approval in await sync_to_async(expiry.overdue)():
            await expiry.expire(key, approval)
    await settled(run)
    assert run.status == "cancelled"
    assert world.sent == []


async def test_a_retry_of_a_run_that_was_not_approved_asks_again(
    session: ChatSession, alice: User, project: Project
) -> None:
    """The arguments stand in the plan by then; they are untrusted all the same."""
    await make_tasks(project, "Login")
    steps = [
        compose("s1", "delete_task.task", page="Login"),
        use("s2", "delete_task", "s1", task=result_of("s1", "value")),
    ]
    model = model_of(*steps, compositions=["Login"])
    run = await begun(session, alice, model, "Delete Login")
    await ending.cancel(session.pk, run.pk, alice)
    again = await continued(session, await rerun.retry(session.pk, run.pk, alice), model)
    request, _ = await asked(session, again)
    assert request["reason"] == "delete_task takes its arguments from results."
    assert await Task.objects.acount() == 1
    await approved(session, alice, again, model)
    assert again.status == "succeeded"
    assert not await Task.objects.aexists()


async def test_arguments_that_a_person_left_as_they_were_stay_untrusted(
    session: ChatSession, alice: User, project: Project
) -> None:
    """The person edits another step, and cancels; a retry still asks about the composed name."""
    await make_tasks(project, "Login")
    steps = [
        compose("s1", "delete_task.task", page="Login"),
        use("s2", "delete_task", "s1", task=result_of("s1", "value")),
        create("s3", "After it", "s2"),
    ]
    model = model_of(*steps, compositions=["Login"])
    run = await begun(session, alice, model, "Delete Login")
    shown = [frame for frame in await log_of(session) if frame["type"] == "plan"][-1]["plan"]
    edited = [{name: one[name] for name in one if name != "status"} for one in shown["steps"]]
    edited[2]["arguments"] = {"title": "In my words"}
    await approvals.edit(session.pk, run.pk, 2, alice, edited)
    rows = PlanStep.objects.filter(plan__run=run, plan__revision=3)
    assert {row.key: row.untrusted async for row in rows} == {"s1": False, "s2": True, "s3": False}
    await ending.cancel(session.pk, run.pk, alice)
    again = await continued(session, await rerun.retry(session.pk, run.pk, alice), model)
    await asked(session, again)


async def test_what_changed_since_the_approval_asks_once_more(
    session: ChatSession, alice: User, project: Project
) -> None:
    (login,) = await make_tasks(project, "Login")
    steps = [
        compose("s1", "delete_task.task", page="Login"),
        use("s2", "delete_task", "s1", task=result_of("s1", "value")),
    ]
    model = model_of(*steps, compositions=["Login"])
    run = await begun(session, alice, model, "Delete Login")
    await sync_to_async(tasks.update_task)(task=login, description="What we agreed on")
    await approved(session, alice, run, model)
    request, _ = await asked(session, run)
    assert request["reason"].startswith(
        "The board has changed since the approval: 1 change differs"
    )
    assert await Task.objects.acount() == 1
