"""A waiting plan is made anew with comments on its steps."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.engine import local
from agent.exceptions import Refused
from agent.models import ChatSession, Run
from agent.runs import approvals
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, ended, log_of, outcome, plan, status
from tests.support.steered_runs import ASK_FIRST, revisions, titles

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = (create("s1", "Login"), create("s2", "Logout"))
COMMENTS = [
    approvals.StepComment(step="s2", text=" Call it Sign-out.\n"),
    approvals.StepComment(step="s1", text="It is urgent."),
]


async def test_the_prompt_of_the_new_plan_names_each_step_and_its_comment(
    session: ChatSession, alice: User
) -> None:
    run = await outcome(session, alice, ASK_FIRST, *STEPS)
    model = ScriptedModel(plans=[plan(create("s1", "Sign-out"))])
    async with local.executing(model):
        await approvals.reject(session.pk, run.pk, 1, alice, "Only one task.", COMMENTS)
        await run.arefresh_from_db()
        await status(run, "waiting")
        await approvals.approve(session.pk, run.pk, 2, alice)
        await ended(run)
    (revise,) = revisions(model)
    assert revise is not None
    assert revise.by_person
    assert revise.reasons == (
        "Only one task.",
        "step s2 (Create “Logout”): Call it Sign-out.",
        "step s1 (Create “Login”): It is urgent.",
    )
    assert await titles() == ["Sign-out"]


async def test_the_log_keeps_the_comments(session: ChatSession, alice: User) -> None:
    run = await outcome(session, alice, ASK_FIRST, *STEPS)
    await approvals.reject(session.pk, run.pk, 1, alice, "", COMMENTS)
    await run.arefresh_from_db()
    assert run.status == "queued"  # not cancelled, though there is no other reason
    told = next(e for e in reversed(await log_of(session)) if e["type"] == "approval")
    assert told["approval"]["comments"] == [
        {"step": "s2", "text": "Call it Sign-out."},
        {"step": "s1", "text": "It is urgent."},
    ]
    assert told["text"]["comments"] == [
        "Step 2, Create “Logout”: Call it Sign-out.",
        "Step 1, Create “Login”: It is urgent.",
    ]


@pytest.mark.parametrize(
    ("comments", "code"),
    [
        ([("s9", "x")], "invalid_frame"),
        ([("s1", " ")], "invalid_frame"),
        ([("s1", "a\0b")], "invalid_frame"),
        ([("s1", "x"), ("s1", "y")], "invalid_frame"),
        ([("s1", "x" * 2_001)], "too_large"),
    ],
    ids=["unknown step", "empty", "no text", "two on one step", "long"],
)
async def test_a_comment_that_is_not_valid_decides_nothing(
    session: ChatSession, alice: User, comments: Any, code: str
) -> None:
    run = await outcome(session, alice, ASK_FIRST, *STEPS)
    said = [approvals.StepComment(step=step, text=text) for step, text in comments]
    with pytest.raises(Refused) as refused:
        await approvals.reject(session.pk, run.pk, 1, alice, "", said)
    assert refused.value.code == code
    assert await Run.objects.filter(pk=run.pk, status="waiting").aexists()


async def test_a_rejection_without_any_reason_cancels_the_run(
    session: ChatSession, alice: User
) -> None:
    run = await outcome(session, alice, ASK_FIRST, *STEPS)
    await approvals.reject(session.pk, run.pk, 1, alice, " ", [])
    assert (await ended(run)).status == "cancelled"
