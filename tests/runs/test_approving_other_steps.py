"""A person approves other steps than those of the plan: what nobody was shown is asked about again."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.models import Approval, ChatSession, Project, Run, Task
from agent.runs import approvals
from tests.support.approving import approved, executed
from tests.support.scripted_runs import (
    create,
    log_of,
    make_tasks,
    outcome,
    use,
)
from tests.support.steered_runs import ASK_FIRST
from tests.support.tools import having

pytestmark = pytest.mark.django_db(transaction=True)


async def decided(session: ChatSession, user: User, run: Run, *steps: dict[str, Any]) -> list[str]:
    """Approves `steps` in place of the plan; returns the statuses of the run that follow in the log."""
    before = len(await log_of(session))
    await approvals.approve_edited(session.pk, run.pk, 1, user, steps)
    await run.arefresh_from_db()
    frames = (await log_of(session))[before:]
    return [frame["status"] for frame in frames if frame["type"] == "run"]


async def test_other_steps_with_effects_that_nobody_was_shown_ask_again(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, *"ABC")
    run = await outcome(session, alice, ASK_FIRST, use("s1", "delete_task", task="A"))
    other = use("s1", "delete_tasks", tasks=["A", "B", "C"])
    assert await decided(session, alice, run, other) == ["waiting"]
    assert run.status == Run.Status.WAITING
    approval = await Approval.objects.select_related("plan").aget(status="requested")
    (effect,) = approval.effects
    assert (approval.plan.revision, len(effect["changes"])) == (2, 3)
    assert (await approved(session, alice, run, 2)).status == "succeeded"
    assert not await Task.objects.aexists()


@pytest.mark.parametrize(
    "steps",
    [
        [use("s1", "delete_task", task="A"), create("s2", "New")],
        [{**use("s1", "delete_tasks", tasks=["A"]), "description": "As shown"}],
    ],
)
async def test_other_steps_that_do_only_what_was_shown_are_approved(
    session: ChatSession, alice: User, project: Project, steps: list[dict[str, Any]]
) -> None:
    await make_tasks(project, *"AB")
    plan = [use("s1", "delete_task", task="A"), create("s2", "New")]
    run = await outcome(session, alice, ASK_FIRST, *plan)
    await decided(session, alice, run, *steps)
    assert (await executed(session, run)).status == "succeeded"
    assert not await Task.objects.filter(title="A").aexists()


async def test_another_letter_is_shown_before_it_is_sent(session: ChatSession, alice: User) -> None:
    sent: list[str] = []
    with having("send_it", lambda call, given: sent.append(given.text), "outgoing"):
        run = await outcome(session, alice, ASK_FIRST, use("s1", "send_it", text="Hello"))
        assert await decided(session, alice, run, use("s1", "send_it", text="Pay")) == ["waiting"]
    assert (run.status, sent) == (Run.Status.WAITING, [])
