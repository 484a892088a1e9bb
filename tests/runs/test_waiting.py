"""What waits for whom: plans, questions and failures, for those who may decide."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.engine import local
from agent.exceptions import ModelUnavailable
from agent.llm.base import Analysis
from agent.models import ApprovalMode, ChatSession, Membership, Project, Run
from agent.runs import runs, waiting
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, outcome, plan, process, status

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = MessageRequest("Do it", approval=ApprovalMode.REQUIRED)
QUESTION = {"question": "Which provider?", "choices": ["Stripe"]}


@sync_to_async
def waits(user: User) -> list[str]:
    """Returns what waits for the user, in words; the count says the same number."""
    found = [run.left_open or run.status for run in waiting.runs_for(User.objects.get(pk=user.pk))]
    assert waiting.counts([user.pk]) == {user.pk: len(found)}
    return found


@sync_to_async
def join(project: Project, user: User, role: str) -> None:
    Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})


async def test_a_plan_waits_for_everybody_who_may_decide(
    project: Project, session: ChatSession, alice: User, bob: User
) -> None:
    run = await outcome(session, alice, ASKED, create("s1", "Login"))
    assert run.status == "waiting"
    assert await waits(alice) == ["waiting"]
    assert await waits(bob) == []
    await join(project, bob, "viewer")
    assert await waits(bob) == []
    await join(project, bob, "editor")
    assert await waits(bob) == ["waiting"]


async def test_a_question_waits_for_whoever_asked_until_the_next_message(
    project: Project, session: ChatSession, alice: User, bob: User
) -> None:
    await join(project, bob, "editor")
    asks = {**plan(create("s1", "Payment")), "questions": [QUESTION]}
    await process(ScriptedModel(plans=[asks]), project, session)
    assert await waits(alice) == ["question"]
    assert await waits(bob) == []
    await runs.start(session.pk, alice, MessageRequest("Stripe"))
    assert await waits(alice) == []


async def test_a_step_that_only_asks_is_a_question(
    project: Project, session: ChatSession, alice: User
) -> None:
    unclear = Analysis("command", "Unclear", needs_tools=False, question="Which one?")
    await process(ScriptedModel(analyses=[unclear]), project, session)
    assert await waits(alice) == ["question"]


async def test_an_answer_without_a_question_waits_for_nobody(
    project: Project, session: ChatSession, alice: User
) -> None:
    await process(ScriptedModel(plans=[plan(create("s1", "Payment"))]), project, session)
    assert await waits(alice) == []


async def test_a_failure_waits_until_it_is_dismissed(
    project: Project, session: ChatSession, alice: User
) -> None:
    await process(ScriptedModel(analyses=[ModelUnavailable("Away.")]), project, session)
    assert await waits(alice) == ["failure"]
    run = await Run.objects.aget(session=session)
    await waiting.dismiss(session.pk, run.pk)
    assert await waits(alice) == []


async def test_who_loses_the_project_has_nothing_to_do_in_it(
    project: Project, session: ChatSession, alice: User, bob: User
) -> None:
    await join(project, bob, "editor")
    model = ScriptedModel(analyses=[ModelUnavailable("Away.")])

    async with local.executing(model):
        run = await runs.start(session.pk, bob, MessageRequest("Do it"))
        await status(run, "failed")
    assert await waits(bob) == ["failure"]
    await join(project, bob, "viewer")
    assert await waits(bob) == []
    await Membership.objects.all().adelete()
    assert await waits(bob) == []


async def test_counting_takes_one_query_for_any_number_of_people(
    session: ChatSession, alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    await outcome(session, alice, ASKED, create("s1", "Login"))

    def count() -> None:
        with django_assert_num_queries(1):
            assert waiting.counts([alice.pk, bob.pk]) == {alice.pk: 1, bob.pk: 0}
        with django_assert_num_queries(0):
            assert waiting.counts([]) == {}

    await sync_to_async(count)()
