"""Messages about many tasks and in prose, carried out whole: from the message to the rows on the board."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import transaction

from agent.board import tasks as board
from agent.engine import local
from agent.llm.base import COMPLETED_TASKS, OPEN_TASKS, Revise
from agent.models import ChatSession, Project, Run, Task
from agent.runs import approvals, runs, steering
from agent.runs.steering import Steer
from agent.testing import ScriptedModel
from chat.views import EXAMPLES
from tests.support.scripted_runs import make_tasks, plan, use

pytestmark = pytest.mark.django_db(transaction=True)


async def said(session: ChatSession, user: User, message: str) -> Run:
    """Returns the run of `message` when it waits or is over."""
    run = await runs.start(session.pk, user, runs.MessageRequest(message))
    return await settled(run)


async def settled(run: Run) -> Run:
    while run.status in (Run.Status.QUEUED, Run.Status.RUNNING):
        await run.arefresh_from_db()
    return run


@sync_to_async
def complete(tasks: list[Task]) -> None:
    with transaction.atomic():
        board.update_tasks(tasks=tasks, status="completed")


@sync_to_async
def answer_of(run: Run) -> str:
    run = Run.objects.select_related("answer").get(pk=run.pk)
    return run.answer.content if run.answer else run.error


@sync_to_async
def titles(**wanted: str) -> list[str]:
    return list(Task.objects.filter(**wanted).values_list("title", flat=True))


async def test_a_task_of_a_large_board_is_found_by_its_number_and_its_title(
    session: ChatSession, alice: User, project: Project
) -> None:
    names = [f"Old {n}" for n in range(OPEN_TASKS)]
    await make_tasks(project, *names, "Send the newsletter", "Send the press kit", "Paint it")
    async with local.executing():
        for message in ("Finish #101", "Start “Send the press kit”, then block paint it."):
            assert (await said(session, alice, message)).status == Run.Status.SUCCEEDED
        assert await titles(status="completed") == ["Send the newsletter"]
        assert await titles(status="in_progress") == ["Send the press kit"]
        assert await titles(status="blocked") == ["Paint it"]
        missing = await answer_of(await said(session, alice, "Finish #999"))
        assert "There is no task “#999” on the board." in missing
        by_words = await answer_of(await said(session, alice, "Finish the gardening"))
        assert "I see only the first 100 open tasks" in by_words
        assert "Name another one by its number or its whole title." in by_words


async def test_many_tasks_are_deleted_once_a_person_has_seen_which(
    session: ChatSession, alice: User, project: Project
) -> None:
    made = await make_tasks(project, *(f"Old {n}" for n in range(COMPLETED_TASKS - 1)), "New")
    await complete(made[:-1])
    async with local.executing():
        run = await said(session, alice, "Delete all completed tasks")
        assert run.status == Run.Status.WAITING
        asked = await run.approvals.aget()
        shown = [change["title"] for effect in asked.effects for change in effect["changes"]]
        assert sorted(shown) == sorted(f"Old {n}" for n in range(COMPLETED_TASKS - 1))
        assert len(await titles()) == COMPLETED_TASKS
        await approvals.approve(session.pk, run.pk, 1, alice)
        await run.arefresh_from_db()
        run = await settled(run)
    assert run.status == Run.Status.SUCCEEDED
    assert await titles() == ["New"]
    assert f"Deleted {COMPLETED_TASKS - 1} tasks" in await answer_of(run)


async def test_what_a_message_did_is_undone_by_the_next_one_and_told(
    session: ChatSession, alice: User
) -> None:
    async with local.executing():
        await said(session, alice, "Tasks: alpha, beta")
        await said(session, alice, "Rename alpha to Gamma")
        by_number = await said(session, alice, "Undo the last change of #1")
        assert sorted(await titles()) == ["Alpha", "Beta"]
        history = await said(session, alice, "What changed in #1?")
        await said(session, alice, "Rename beta to Delta")
        run = await said(session, alice, "Undo that")
    assert run.status == Run.Status.SUCCEEDED
    assert sorted(await titles()) == ["Alpha", "Beta"]
    assert await answer_of(run) == "Undone, by these changes:\n\n- Changed task “Beta”: title"
    assert "- Changed task “Alpha”: title" in await answer_of(by_number)
    assert "updated by alice (title: Alpha)" in await answer_of(history)


async def test_when_several_tasks_fit_the_person_is_asked_and_nothing_changes(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login page", "Test the login")
    async with local.executing():
        run = await said(session, alice, "Mark the login task as done")
    asked = await answer_of(run)
    assert "Login page" in asked
    assert "Test the login" in asked
    assert await titles(status="pending") == ["Login page", "Test the login"]


async def test_a_model_that_names_several_is_told_which_and_to_ask_instead(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login page", "Test the login")
    asks = {
        "summary": "",
        "steps": [
            {
                "id": "s1",
                "type": "ask",
                "tool": None,
                "description": "Which one?",
                "arguments": {},
                "depends_on": [],
            }
        ],
    }
    wrong = use("s1", "change_task_status", task="the login task", status="completed")
    model = ScriptedModel(plans=[plan(wrong), asks])
    async with local.executing(model):
        await said(session, alice, "Mark the login task as done")
    revise = [given for verb, given in model.asked if verb == "plan"][1]
    assert isinstance(revise, Revise)
    (reason,) = revise.reasons
    assert "“Login page” (" in reason
    assert "“Test the login” (" in reason
    assert "type ask" in reason
    assert len(await titles(status="pending")) == 2


async def test_the_first_click_makes_its_tasks_and_their_dependency(
    session: ChatSession, alice: User, project: Project
) -> None:
    async with local.executing():
        for example in EXAMPLES:
            run = await said(session, alice, example)
            assert run.status == Run.Status.SUCCEEDED
            assert "Which one do you mean" not in await answer_of(run)
    booking = await Task.objects.aget(title="Patients book and cancel a slot")
    needed = booking.depends_on.values_list("title", flat=True)
    assert [title async for title in needed] == ["Doctors publish free slots"]


async def test_a_question_back_is_answered_by_a_number_after_a_restart(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login page", "Test the login")
    async with local.executing():
        await said(session, alice, "Mark the login task as done")
    async with local.executing():
        await said(session, alice, "the second one")
    assert await titles(status="completed") == ["Test the login"]


async def test_the_order_of_the_board_is_changed_by_a_message(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login", "Slots", "Docs")
    async with local.executing():
        await said(session, alice, "Move the docs before slots")
        assert await titles() == ["Login", "Docs", "Slots"]
        await said(session, alice, "Move slots to the top, then mark login and the docs as done")
    assert await titles() == ["Slots", "Login", "Docs"]
    assert await titles(status="completed") == ["Login", "Docs"]


async def test_a_circle_of_dependencies_is_refused(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Booking", "Reminder")
    async with local.executing():
        await said(session, alice, "The reminder depends on booking")
        run = await said(session, alice, "Booking depends on the reminder")
    assert "form a circle" in await answer_of(run)
    booking = await Task.objects.aget(title="Booking")
    assert not await booking.depends_on.aexists()


async def test_what_is_sent_into_a_run_is_planned_behind_its_steps(
    session: ChatSession, alice: User
) -> None:
    order = runs.MessageRequest("Create a task “Login”", approval="required")
    async with local.executing():
        run = await settled(await runs.start(session.pk, alice, order))
        more = Steer("Also create a task “Logout” and mark it as in progress")
        await steering.send(session.pk, run.pk, alice, more)
        await run.arefresh_from_db()
        await settled(run)
        assert run.status == "waiting"
        await approvals.approve(session.pk, run.pk, 2, alice)
        await run.arefresh_from_db()
        await settled(run)
    assert await titles(status="in_progress") == ["Logout"]
    assert await titles(status="pending") == ["Login"]
    last = await run.plans.alatest("revision")
    needs = [step.depends_on async for step in last.steps.all()]
    assert needs == [[], ["s1"], ["s1", "s2"]]
    assert "“Login”" in await answer_of(run)


async def test_what_it_does_not_understand_of_that_is_the_next_message(
    session: ChatSession, alice: User
) -> None:
    order = runs.MessageRequest("Create a task “Login”", approval="required")
    async with local.executing():
        run = await settled(await runs.start(session.pk, alice, order))
        more = Steer("Think about the colours first")
        await steering.send(session.pk, run.pk, alice, more)
        await run.arefresh_from_db()
        await settled(run)
        await approvals.approve(session.pk, run.pk, 2, alice)
        follower = await settled(await session.runs.aget(number=2))
    assert await titles() == ["Login"]
    assert follower.approval == "required"  # as of the message that it was sent after
    assert follower.status == "succeeded"  # it changes nothing
    row = await run.steering.aget()
    assert (row.status, row.message_id) == ("next", follower.message_id)
