"""Runs in this process that a message is sent into while a step of their plan works."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User

from agent.engine import local
from agent.llm.base import Analysis, Context, Outcome, Revise, ToolSpec
from agent.models import ChatSession, PlanStep, Run, Task
from agent.runs import runs, steering
from agent.runs.runs import MessageRequest
from agent.runs.steering import Steer
from agent.testing import ScriptedModel
from tests.support.scripted_runs import (
    create,
    log_of,
    plan,
    use,
)
from tests.support.tools import having

DO_IT = MessageRequest("Do it")
ASK_FIRST = MessageRequest("Do it", approval="required")
MORE = Steer("Make it Second instead")


class Listening(ScriptedModel):
    """Keeps what was added to the message in each prompt."""

    def __init__(self, **turns: Any) -> None:
        super().__init__(**turns)
        self.added: list[tuple[str, tuple[str, ...]]] = []

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        self.added.append(("plan", context.added))
        return await super().plan(context, analysis, tools, revise)

    def answer(self, context: Context, analysis: Analysis, outcome: Outcome) -> Any:
        self.added.append(("answer", (context.after or context).added))
        return super().answer(context, analysis, outcome)


class Gate:
    """A tool that waits until it is opened."""

    def __init__(self) -> None:
        self.opened, self.begun = asyncio.Event(), asyncio.Event()

    async def __call__(self, call: Any, given: Any) -> str:
        self.begun.set()
        await self.opened.wait()
        return "done"


FIRST = plan(use("s1", "wait_here"), create("s2", "First", "s1"))
SECOND = plan(create("s3", "Second", "s1"))
SECOND_ALONE = plan(create("s1", "Second"))


async def steered(
    session: ChatSession,
    user: User,
    model: ScriptedModel,
    *steer: Steer,
    order: Any = DO_IT,
    sender: User | None = None,
) -> Run:
    """Returns the run when it is over or waits; each message is sent while its first step runs.

    `sender`: of the messages into the run, if it is not `user`.
    """
    gate = Gate()
    with having("wait_here", gate):
        async with local.executing(model):
            run = await runs.start(session.pk, user, order)
            await asyncio.wait_for(gate.begun.wait(), 20)
            for one in steer:
                assert (await steering.send(session.pk, run.pk, sender or user, one)).pk == run.pk
            gate.opened.set()
            return await over_or_waiting(run)


async def over_or_waiting(run: Run) -> Run:
    while run.status in (Run.Status.QUEUED, Run.Status.RUNNING):
        await run.arefresh_from_db()
        await asyncio.sleep(0.01)
    return run


async def titles() -> list[str]:
    return [
        title async for title in Task.objects.order_by("number").values_list("title", flat=True)
    ]


async def told(session: ChatSession) -> list[dict[str, Any]]:
    return [event for event in await log_of(session) if event["type"] == "steering"]


async def steps_of(run: Run, revision: int) -> dict[str, str]:
    rows = PlanStep.objects.filter(plan__run=run, plan__revision=revision)
    return {step.key: step.status async for step in rows}


def revisions(model: ScriptedModel) -> list[Revise | None]:
    return [given for verb, given in model.asked if verb == "plan"]
