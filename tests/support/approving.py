"""Approves the plans of runs, and executes runs until they wait again or are over."""

from __future__ import annotations

from django.contrib.auth.models import User

from agent.engine import local
from agent.models import Approval, ChatSession, Run
from agent.runs import approvals
from agent.testing import ScriptedModel


async def approved(session: ChatSession, user: User, run: Run, revision: int = 1) -> Run:
    """Approves the plan and executes it until the run waits again or is over."""
    await approvals.approve(session.pk, run.pk, revision, user)
    return await executed(session, run)


async def executed(session: ChatSession, run: Run) -> Run:
    async with local.executing(ScriptedModel()) as runner:
        runner.wake(session.pk)
        while run.status in (Run.Status.WAITING, Run.Status.QUEUED, Run.Status.RUNNING):
            await run.arefresh_from_db()
            if run.status == Run.Status.WAITING and await is_asked(run):
                break
    return run


async def is_asked(run: Run) -> bool:
    return await run.approvals.filter(status=Approval.Status.REQUESTED).aexists()
