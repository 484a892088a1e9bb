"""A plan that stays invalid after its repair: the run says so, does nothing and asks nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.engine import local
from agent.models import Approval, ChatSession, Run
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from chat import fold
from chat.transcript import Exchange
from tests.support.scripted_runs import create, ended, log_of, outcome, plan, use

pytestmark = pytest.mark.django_db(transaction=True)

INVALID = plan(use("s1", "delete_task", task="No such task"))


async def ran(session: ChatSession, user: User, *plans: dict[str, Any], approval: str) -> Run:
    async with local.executing(ScriptedModel(plans=list(plans))):
        run = await runs.start(session.pk, user, MessageRequest("Do it", approval=approval))
        while run.status in (Run.Status.QUEUED, Run.Status.RUNNING):
            await run.arefresh_from_db()
    return run


async def shown(session: ChatSession) -> Exchange:
    frames = await log_of(session)
    return fold.fold(enumerate(map(json.dumps, frames), 1)).exchanges[0]


@pytest.mark.parametrize("approval", ["required", ""])
async def test_no_valid_plan_asks_for_no_approval_and_says_that_nothing_was_done(
    session: ChatSession, alice: User, approval: str
) -> None:
    run = await ran(session, alice, INVALID, INVALID, approval=approval)
    assert run.status == Run.Status.SUCCEEDED
    assert not await Approval.objects.aexists()
    exchange = await shown(session)
    phases = {phase.step: phase for phase in exchange.phases}
    assert phases["validation"].state == "failed"
    assert phases["validation"].message == "No valid plan was found"
    assert "There is no task “No such task”" in phases["validation"].details
    assert phases["execution"].message == "Nothing was done"
    assert exchange.line.startswith("Nothing was done: no valid plan was found · ")
    assert exchange.mark == "partly"


async def test_a_plan_that_is_valid_after_its_repair_is_approved_as_ever(
    session: ChatSession, alice: User
) -> None:
    run = await ran(session, alice, INVALID, plan(create("s1", "Docs")), approval="required")
    assert run.status == Run.Status.WAITING
    assert (await shown(session)).mark == "waiting"


@pytest.mark.parametrize(
    "step",
    [
        {"id": "s1", "type": "answer", "description": "Answer", "depends_on": []},
        use("s1", "search_tasks", query="docs"),
    ],
)
async def test_a_plan_that_changes_nothing_asks_for_no_approval(
    session: ChatSession, alice: User, step: dict[str, Any]
) -> None:
    run = await outcome(session, alice, MessageRequest("Look", approval="required"), step)
    await ended(run)
    assert run.status == Run.Status.SUCCEEDED
    assert not await Approval.objects.aexists()
