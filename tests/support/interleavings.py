"""Runs in this process that people steer, decide on and cancel at random moments, and what must hold of
their event logs. The engine, the database and the log are real; only the model is scripted.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.engine.runner import Runner
from agent.exceptions import ModelUnavailable, Refused, ToolFailed
from agent.llm.base import Analysis, Context, Revise, ToolSpec
from agent.models import Approval, ChatSession, Message, Run, Steering, Task
from agent.runs import approvals, ending, runs, steering
from agent.runs.runs import MessageRequest
from agent.runs.steering import Steer
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, log_of, plan, use
from tests.support.tools import having

Event = dict[str, Any]


class Whimsical(ScriptedModel):
    """Makes a plan of a few steps with titles of its own; sometimes an invalid one, or none."""

    def __init__(self, number: int) -> None:
        super().__init__(plans=[None])
        self.number, self.chance = number, random.Random(-number)
        self.plans = 0

    async def analyze(self, context: Context, tools: Sequence[ToolSpec] = ()) -> Analysis:
        await moment(self.chance)
        question = "Which one?" if self.chance.random() < 0.05 else ""
        return Analysis("command", "Do it", self.chance.random() < 0.9, question)

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        await moment(self.chance)
        self.plans += 1
        luck = self.chance.random()
        if luck < 0.03:
            raise ModelUnavailable("Away.")
        if luck < 0.10:
            return plan(create("s1", "Never", "s9"))
        if revise is not None and revise.plan and luck < 0.25:
            return dict(revise.plan)
        made = plan(*self._steps())
        if revise is not None and revise.added and luck < 0.35:
            made["declined"] = "It can't be planned."
        return made

    def _steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = []
        for number in range(self.chance.randint(1, 4)):
            needs = [step["id"] for step in steps if self.chance.random() < 0.4]
            tool = self.chance.choice(("create", "create", "create", "wait_here", "fail"))
            key = f"s{number + self.chance.choice((1, 1, 11))}"
            key = key if all(step["id"] != key for step in steps) else f"t{number}"
            title = f"plan {self.plans} of {self.number}, step {key}"
            steps.append(create(key, title, *needs) if tool == "create" else use(key, tool, *needs))
        return steps

    async def answer(self, *given: Any) -> Any:
        await moment(self.chance)
        yield "Done."
        await moment(self.chance)


async def moment(chance: random.Random, most: float = 0.006) -> None:
    """Lets others work for a moment."""
    await asyncio.sleep(chance.uniform(0, most) if chance.random() < 0.7 else 0)


@dataclass
class Case:
    """One run, and what people do to it. `number`: seeds the chance."""

    number: int
    session: ChatSession
    user: User
    sent: list[UUID] = field(default_factory=list)  # the client ids of what was sent into it

    async def play(self, *, dies: bool) -> None:
        """Has the run carried out while people meddle with it, until nothing of the session is left."""
        chance = random.Random(self.number)
        approval = "required" if chance.random() < 0.4 else "auto"
        run = await runs.start(self.session.pk, self.user, MessageRequest("Do it", None, approval))
        runner = Runner(Whimsical(self.number), {self.session.pk})
        meddling = asyncio.create_task(self._meddle(chance, run))
        deaths = chance.randint(0, 2) if dies else 0
        try:
            await self._carry_out(runner, chance, deaths, meddling)
        finally:
            meddling.cancel()

    async def _carry_out(
        self, runner: Runner, chance: random.Random, deaths: int, meddling: asyncio.Task[None]
    ) -> None:
        while not meddling.done() or await self._is_unfinished():
            work = asyncio.create_task(runner.execute(self.session.pk))
            if deaths and chance.random() < 0.5:
                deaths -= 1
                await moment(chance, 0.03)
                runner = await self._died(runner, work)
                continue
            await work
            if meddling.done():
                await self._decide(chance, "approve")
            else:
                await asyncio.sleep(0.001)
        meddling.result()

    async def _died(self, runner: Runner, work: asyncio.Task[None]) -> Runner:
        """Breaks the work off where it is, and returns another runner, which takes over the run."""
        tasks = [*runner._session_tasks.values(), *(task for _, task in runner._run_tasks.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await Run.objects.filter(session=self.session).aupdate(lease_until=None, claims=0)
        return Runner(runner._model, {self.session.pk})

    async def _is_unfinished(self) -> bool:
        return await Run.unfinished.filter(session=self.session).aexists()

    async def _meddle(self, chance: random.Random, run: Run) -> None:
        for _ in range(chance.randint(1, 5)):
            await moment(chance, 0.03)
            action = chance.choices((self._steer, self._decide, self._cancel), weights=(12, 8, 1))[
                0
            ]
            try:
                await action(chance, run)
            except Refused as refused:
                if refused.code not in ("not_active", "stale_plan", "queue_full"):
                    raise

    async def _steer(self, chance: random.Random, run: Run) -> None:
        client_id = uuid.UUID(int=chance.getrandbits(128), version=4)
        for _ in range(chance.choice((1, 1, 2))):  # a client sends again what it saw no answer to
            await steering.send(self.session.pk, run.pk, self.user, Steer("And this", client_id))
        self.sent.append(client_id)

    async def _decide(self, chance: random.Random, verb: Any = None) -> None:
        asked = Approval.objects.filter(run__session=self.session, status="requested")
        approval = await asked.select_related("plan").afirst()
        if approval is None:
            return
        which = (self.session.pk, approval.run_id, approval.plan.revision, self.user)
        if verb == "approve" or chance.random() < 0.6:
            await approvals.approve(*which)
        else:
            await approvals.reject(*which, chance.choice(("Not like this", "Not like this", "")))

    async def _cancel(self, chance: random.Random, run: Run) -> None:
        await ending.cancel(self.session.pk, run.pk, self.user)

    # -- afterwards --------------------------------------------------------------------------------

    async def damage(self) -> list[str]:
        """Returns what does not hold."""
        log = await log_of(self.session)
        found = [] if [e["seq"] for e in log] == list(range(1, len(log) + 1)) else ["a gap"]
        for run in dict.fromkeys(event["run"] for event in log):
            found += _outside_of_plan([event for event in log if event["run"] == run])
        found += await self._lost_or_doubled(log)
        found += await self._differing_tasks(log)
        return [f"{self.number}: {text}" for text in found]

    @sync_to_async
    def _lost_or_doubled(self, log: list[Event]) -> list[str]:
        found = []
        for client_id in self.sent:
            (message,) = Message.objects.filter(session=self.session, client_id=client_id)
            row = Steering.objects.filter(message=message).first()
            own = Run.objects.filter(message=message).count()
            ends = [
                event["steering"]["status"]
                for event in log
                if event["type"] == "steering" and event["steering"]["id"] == str(message.pk)
            ]
            shown = sum(
                event["type"] == "message" and event["message"]["id"] == str(message.pk)
                for event in log
            )
            ways = {
                None: (1, [], 1),  # too late
                "applied": (0, ["taken", "applied"], 0),
                "next": (1, ["taken", "next"], 1),
            }
            status = row.status if row else None
            if ways.get(status) != (own, ends, shown):
                found.append(f"{message.pk} is {status} with {own} runs, {ends}, {shown} messages")
        return found

    @sync_to_async
    def _differing_tasks(self, log: list[Event]) -> list[str]:
        """Compares the tasks with the steps that succeeded: none is missing, none is there twice."""
        titles = {
            (event["run"], step["id"]): step["arguments"].get("title")
            for event in log
            if event["type"] == "plan"
            for step in event["plan"]["steps"]
            if step["status"] == "pending"
        }
        made = Counter(
            event["change"]["after"]["title"] for event in log if event["type"] == "change"
        )
        tasks = Task.objects.filter(title__in=list(made)).values_list("title", flat=True)
        found = [] if Counter(tasks) == made else [f"{made} were told, {Counter(tasks)} are there"]
        if set(made) - set(titles.values()) and not titles:
            found.append("tasks without a plan")
        return found + [f"{title} twice" for title, number in made.items() if number > 1]


def _outside_of_plan(log: list[Event]) -> list[str]:
    """Returns the steps of one run that were carried out and were not in its last valid plan then, or not
    approved, or started although the plan was to be made anew.
    """
    found: list[str] = []
    steps: dict[str, Event] = {}
    statuses: dict[str, str] = {}
    revision, asked, approved = 0, 0, set[int]()
    still_open: set[str] = set()
    for event in log:
        if event["type"] == "plan":
            revision = event["plan"]["revision"]
            steps = {step["id"]: step for step in event["plan"]["steps"]}
            statuses = {key: step["status"] for key, step in steps.items()}
        elif event["type"] == "approval" and event["approval"]["status"] == "requested":
            asked = event["approval"]["plan_revision"]
        elif event["type"] == "approval" and event["approval"]["status"] == "approved":
            approved.add(event["approval"]["plan_revision"])
        elif event["type"] == "steering" and event["steering"]["status"] == "taken":
            still_open.add(event["steering"]["id"])
        elif event["type"] == "steering":
            still_open.discard(event["steering"]["id"])
        elif event["type"] == "step":
            key, status = event["step"]["id"], event["step"]["status"]
            is_begun = status == "running" and statuses.get(key) != "running"
            if key not in steps:
                found.append(f"step {key} is not in plan {revision}")
            elif is_begun and steps[key]["type"] == "tool":
                if statuses[key] != "pending":
                    found.append(f"step {key} of plan {revision} ran twice")
                if still_open:
                    found.append(f"step {key} of plan {revision} started before the new plan")
                if asked == revision and revision not in approved:
                    found.append(f"step {key} of plan {revision} started without approval")
            statuses[key] = status
        elif event["type"] == "change":
            title = event["change"]["after"]["title"]
            running = [key for key, status in statuses.items() if status == "running"]
            if title not in [steps[key]["arguments"].get("title") for key in running]:
                found.append(f"“{title}” is of no step of plan {revision} that ran")
    if still_open:
        found.append(f"{still_open} were never taken up")
    return found


def tools(chance: random.Random) -> ExitStack:
    """Has the tools of the plans, for as long as the block lasts."""

    async def wait(call: Any, given: Any) -> str:
        await moment(chance, 0.01)
        return "done"

    def fail(call: Any, given: Any) -> str:
        raise ToolFailed("No such page.")

    stack = ExitStack()
    stack.enter_context(having("wait_here", wait))
    stack.enter_context(having("fail", fail))
    return stack


async def played(cases: Sequence[Case], *, together: int = 8) -> list[str]:
    """Plays all cases, some at the same time; returns what does not hold of them."""
    limit = asyncio.Semaphore(together)

    async def one(case: Case) -> list[str]:
        async with limit:
            try:
                async with asyncio.timeout(60):
                    await case.play(dies=case.number % 3 == 0)
            except TimeoutError:
                return [f"{case.number}: did not end"]
            return await case.damage()

    with tools(random.Random(1)):
        results = await asyncio.gather(*map(one, cases))
    return [text for result in results for text in result]
