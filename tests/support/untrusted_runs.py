"""Runs whose steps take untrusted data, up to where a person is asked and beyond; and what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User

from agent.engine import local
from agent.models import Approval, ChatSession, Run
from agent.runs import approvals, runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.scripted_runs import log_of, plan
from tests.support.tools import having


class Outside:
    """What is outside of the project: a page that can be fetched, and the mails that were sent."""

    def __init__(self) -> None:
        self.page = "Nothing of interest."
        self.sent: list[str] = []

    def fetch(self, call: Any, given: Any) -> str:
        return self.page

    def send(self, call: Any, given: Any) -> str:
        self.sent.append(given.text)
        return "sent"


@contextmanager
def outside() -> Iterator[Outside]:
    world = Outside()
    with (
        having("send_mail", world.send, "outgoing"),
        having("fetch_page", world.fetch, "reads"),
    ):
        yield world


def model_of(*steps: dict[str, Any], compositions: Any = (), **turns: Any) -> ScriptedModel:
    return ScriptedModel(plans=[plan(*steps)], compositions=compositions, **turns)


async def begun(
    session: ChatSession, user: User, model: Any, message: str = "Do it", **request: Any
) -> Run:
    """Returns the run when it waits or is over."""
    async with local.executing(model):
        run = await runs.start(session.pk, user, MessageRequest(message, **request))
        await settled(run)
    return run


async def settled(run: Run) -> None:
    async with asyncio.timeout(30):
        while True:
            await run.arefresh_from_db()
            asked = run.approvals.filter(status=Approval.Status.REQUESTED)
            if run.status not in Run.UNFINISHED:
                return
            if run.status == Run.Status.WAITING and await asked.aexists():
                return
            await asyncio.sleep(0.01)


async def continued(session: ChatSession, run: Run, model: Any) -> Run:
    """Executes the run, on which a person has decided, until it waits again or is over."""
    async with local.executing(model) as runner:
        runner.wake(session.pk)
        await settled(run)
    return run


async def approved(session: ChatSession, user: User, run: Run, model: Any) -> Run:
    """Approves what the run shows now."""
    shown = await run.approvals.select_related("plan").aget(status=Approval.Status.REQUESTED)
    await approvals.approve(session.pk, run.pk, shown.plan.revision, user)
    return await continued(session, run, model)


async def asked(session: ChatSession, run: Run) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Returns the last request of approval, and the arguments of the plan that it shows, by step."""
    assert run.status == Run.Status.WAITING, run.status
    frames = await log_of(session)
    request = [frame for frame in frames if frame["type"] == "approval"][-1]["approval"]
    assert request["status"] == "requested"
    shown = [frame for frame in frames if frame["type"] == "plan"][-1]["plan"]
    assert request["plan_revision"] == shown["revision"]
    return request, {step["id"]: step["arguments"] for step in shown["steps"]}
