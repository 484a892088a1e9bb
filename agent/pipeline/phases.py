"""The eight phases of a run, from a message to an answer about what really happened.

The phases report through the run's recorder and know nothing of sockets, engines or viewers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from agent.event_log import events, texts
from agent.event_log.log import Done
from agent.event_log.payloads import Answer
from agent.event_log.phases import Phase, register_step
from agent.exceptions import ModelError
from agent.llm.base import Analysis, Model, Outcome
from agent.memory import memories
from agent.models import Message, PlanRevision, PlanStep, Run
from agent.pipeline import context
from agent.pipeline.answer import write_answer
from agent.pipeline.execution import Execution, change_event, outcomes
from agent.pipeline.planner import Checked, Planner
from agent.plan import StepType
from agent.plans import store, validation
from agent.runs import approvals, ending
from agent.runs.approvals import Parked
from agent.runs.claiming import Claimed
from agent.runs.recorder import Finished, Recorder
from agent.support import database, raw_sql
from agent.support.counts import count
from agent.support.markdown import render
from agent.support.task_group import run_together

RESUMED = register_step("resumed")
REPLANNING = register_step("replanning")


async def execute(model: Model, claimed: Claimed, recorder: Recorder) -> None:
    """Carries out what is left of a claimed run, up to its `complete` event.

    Raises `Fenced` when the run was taken away, `Parked` when it waits for a person, and an
    `AgentError` that ends it.
    """
    await database.call(recorder.load, model.name)
    if (claimed.resumed or claimed.run.retry_of_id) and recorder.durations:
        await _say_what_was_done(claimed, recorder)
    await _Run(model, claimed.run, recorder).all_phases()


async def _say_what_was_done(claimed: Claimed, recorder: Recorder) -> None:
    revision = await database.call(store.latest, claimed.run)
    steps = [step for step in revision.steps.all() if step.tool] if revision else []
    done = sum(step.status == PlanStep.Status.SUCCEEDED for step in steps)
    message = "🔁 Resumed after a restart" if claimed.resumed else "🔁 Trying again"
    whole = len(steps) or len(recorder.durations)
    what = f"{done} of {count(whole, 'step')}" if steps else count(whole, "phase")
    details = f"{what} {'was' if whole == 1 else 'were'} already done"
    await recorder.progress(RESUMED, message, details)


class _Run:
    """The phases of one run. Each reads its result back when an earlier driver finished it."""

    def __init__(self, model: Model, run: Run, recorder: Recorder) -> None:
        self.model = model
        self.run = run
        self.recorder = recorder

    async def all_phases(self) -> None:
        recorder = self.recorder
        await recorder.phase(Phase.START, self._start)
        self.context = context.from_json(await recorder.phase(Phase.CONTEXT, self._gather))
        self.analysis = Analysis(**await recorder.phase(Phase.ANALYZING, self._analyze))
        self.planner = Planner(self.model, self.run, self.context, self.analysis)
        raw = await recorder.phase(Phase.PLANNING, self._plan)
        await recorder.phase(Phase.VALIDATION, lambda: self._validate(raw["plan"]))
        revision = await self._settled()
        line = texts.executing(_tool_steps(revision.steps.all()))
        await recorder.phase(Phase.EXECUTION, lambda: self._execute(revision), line)
        steps, failed = await database.call(self._what_became)
        self.outcome = Outcome(
            self.analysis.intent, self.analysis.question, outcomes([*failed, *steps])
        )
        await self._remember_and_answer(steps)
        await self._complete(steps)

    # -- what each phase does ----------------------------------------------------------------------

    async def _start(self) -> Finished:
        self.run.model = self.model.name

        def effect() -> list[events.Event]:
            raw_sql.save(self.run, "model")
            return []

        return Finished("🧠 Started", f"Model: {self.model.name}", effect=effect)

    async def _gather(self) -> Finished:
        found = await database.call(context.gather, self.run)
        details = ", ".join(
            [
                count(len(found.history), "message"),
                count(len(found.memories), "memory", "memories"),
                count(len(found.tasks), "open task"),
            ]
        )
        recalled = {"recalled": [one.title for one in found.memories]} if found.memories else {}
        return Finished("📚 Context gathered", details, found.as_json(), metadata=recalled)

    async def _analyze(self) -> Finished:
        analysis = await self.model.analyze(self.context)
        return Finished("🧠 Analysis complete", analysis.summary, asdict(analysis))

    async def _plan(self) -> Finished:
        plan = await self.planner.make()
        steps = plan.get("steps")
        details = count(len(steps), "step") if isinstance(steps, list) else "No steps"
        return Finished("📋 Plan created", details, {"plan": plan})

    async def _validate(self, raw: Any) -> Finished:
        kept = await self._kept()
        checked = await self.planner.check(raw, kept)
        return Finished(
            "✅ Plan validated",
            _verdict(checked),
            effect=lambda: store.save(self.run, checked.plan, kept)[1],
        )

    async def _kept(self) -> dict[str, PlanStep]:
        if self.run.attempt == 1:  # nobody has carried out anything yet
            return {}
        return await database.call(lambda: store.succeeded_steps(store.latest(self.run)))

    def _revision(self) -> PlanRevision:
        revision = store.latest(self.run)
        assert revision is not None, "a validated plan has a row"
        return revision

    async def _settled(self) -> PlanRevision:
        """Returns the plan when it needs nobody's word, or has it; otherwise parks the run."""
        revision, free = await database.call(self._look)
        ended = [
            step.key for step in revision.steps.all() if step.status not in PlanStep.UNFINISHED
        ]
        self.recorder.outlook.set_plan(store.as_plan(revision), ended)
        if free or await self.recorder.append(
            effect=lambda: approvals.request_if_needed(self.run, revision)
        ):
            return revision
        raise Parked

    def _look(self) -> tuple[PlanRevision, bool]:
        revision = self._revision()
        done = self.recorder.finished(Phase.EXECUTION)
        return revision, done or approvals.needs_no_approval(self.run, revision)

    async def _execute(self, revision: PlanRevision) -> Finished:
        execution = await self._carry_out(revision)
        if execution.failed and await self._replan(execution):
            execution = await self._carry_out(await self._settled())
        tools = _tool_steps(execution.steps.values())
        done = [step for step in tools if step.status == PlanStep.Status.SUCCEEDED]
        if not tools:
            return Finished("⚙️ No actions needed")
        if len(done) == len(tools):
            return Finished("⚙️ Plan executed", f"{len(tools)} of {len(tools)} steps succeeded")
        return Finished("⚙️ Plan executed in part", _tally(tools))

    async def _carry_out(self, revision: PlanRevision) -> Execution:
        execution = Execution(self.recorder, revision)
        await execution.carry_out()
        return execution

    async def _replan(self, execution: Execution) -> bool:
        """Has what is left planned anew, once in a run; tells whether there is another plan."""
        if self.run.replanned:
            return False
        failed = ", ".join(f"“{step.description}”" for step in execution.failed)
        started = {"phase": "started"}
        await self.recorder.progress(
            REPLANNING, "🔁 Planning again...", f"{failed} failed", started
        )
        plan, details = None, "Nothing better was found"
        try:
            plan = await self.planner.again(execution.revision)
        except ModelError as error:
            details = str(error)  # what was done stays done, and is told of
        kept = store.succeeded_steps(execution.revision)

        def effect() -> Done[None]:
            Run.objects.filter(pk=self.run.pk).update(replanned=True)
            told = store.save(self.run, plan, kept)[1] if plan else []
            number = count(len(plan.steps) - len(kept), "step") if plan else details
            ended = {"phase": "finished"}
            said = events.Progress(self.run.pk, REPLANNING, "🔁 Planned again", number, ended)
            return Done(None, [*told, said])

        await self.recorder.append(effect=effect)
        self.run.replanned = True
        return plan is not None

    def _what_became(self) -> tuple[list[PlanStep], list[PlanStep]]:
        """Returns the steps of the plan, and those that failed in the plan before it."""
        revision = self._revision()
        return list(revision.steps.all()), store.failed_before(revision)

    # -- memory and answer, side by side -----------------------------------------------------------

    async def _remember_and_answer(self, steps: list[PlanStep]) -> None:
        spoken = [step for step in steps if step.type != StepType.TOOL]

        async def remember() -> None:
            await self.recorder.phase(Phase.MEMORY, self._remember)
            remembered.set()

        async def answer() -> Finished:
            message = await write_answer(
                self.recorder, self.model.answer(self.context, self.analysis, self.outcome), spoken
            )
            await remembered.wait()  # what "complete" counts includes the memory
            return await self._answered(message, steps)

        remembered = asyncio.Event()
        await run_together(remember(), _void(self.recorder.phase(Phase.COMPLETION, answer)))

    async def _remember(self) -> Finished:
        try:
            notes = await self.model.consolidate(self.context, self.outcome)
        except ModelError as error:
            # The plan is carried out and the answer is being written: neither is lost for this.
            return Finished("💾 Memory not updated", str(error))

        def effect() -> list[events.Event]:
            changes = memories.consolidate(self.run, notes)
            return [change_event(self.recorder, change) for change in changes]

        details = f"{count(len(notes), 'note')} out of the exchange" if notes else ""
        message = "💾 Memory updated" if notes else "💾 Memory: no changes"
        return Finished(message, details, effect=effect)

    async def _answered(self, text: str, steps: list[PlanStep]) -> Finished:
        tally = await database.call(_summary, self.run, steps)

        def effect() -> list[events.Event]:
            message = Message(session=self.run.session, role=Message.Author.AGENT, content=text)
            raw_sql.insert(message)
            self.run.answer = message
            raw_sql.save(self.run, "answer")
            return []

        return Finished("🎉 Processing complete!", tally, effect=effect)

    async def _complete(self, steps: list[PlanStep]) -> None:
        def effect() -> Any:
            run = raw_sql.get(Run, self.run.pk)
            answer = raw_sql.get(Message, run.answer_id)  # the completion phase wrote it
            ended = ending.end(run, Run.Status.SUCCEEDED)
            duration_ms = ending.duration_ms(run)
            statuses = [step.status for step in _tool_steps(steps)]
            objects = [kind for kind, _ in _touched(run)]
            last = events.Complete(
                run.pk,
                response=answer.content,
                message=Answer(
                    id=str(answer.pk),
                    role="assistant",
                    content=answer.content,
                    html=render(answer.content),
                ),
                usage=self.model.usage.as_json(),
                duration_ms=duration_ms,
                texts={"line": texts.done(duration_ms, statuses, objects)},
            )
            return Done(None, [*ended, last])

        await self.recorder.append(effect=effect)


def _tool_steps(steps: Iterable[PlanStep]) -> list[PlanStep]:
    return [step for step in steps if step.type == StepType.TOOL]


async def _void(awaitable: Awaitable[Any]) -> None:
    await awaitable


def _verdict(checked: Checked) -> str:
    if checked.errors:
        number = count(len(checked.errors), "problem")
        return f"No valid plan was found; nothing is changed ({number})"
    tools = [step for step in checked.plan.steps if step.type == StepType.TOOL]
    if not tools:
        return "Nothing is changed: the answer is the whole plan"
    deleted = len(validation.destructive_steps(tools))
    what = f"{count(deleted, 'step')} of {len(tools)} delete" if deleted else "nothing is deleted"
    if deleted == 1:
        what = f"1 step of {len(tools)} deletes"
    return f"Every step is possible, {what}" + (", mended once" if checked.mended else "")


def _tally(tools: list[PlanStep]) -> str:
    counted = {
        status: sum(step.status == status for step in tools)
        for status in (
            PlanStep.Status.SUCCEEDED,
            PlanStep.Status.FAILED,
            PlanStep.Status.SKIPPED,
        )
    }
    return ", ".join(f"{number} {status}" for status, number in counted.items() if number)


def _summary(run: Run, steps: list[PlanStep]) -> str:
    """Returns what was done, counted from the rows and the log: "3 steps, 2 tasks, 1 memory"."""
    touched = _touched(run)
    parts = [count(len(steps), "step")]
    if tasks := sum(kind == "task" for kind, _ in touched):
        parts.append(count(tasks, "task"))
    if memories := sum(kind == "memory" for kind, _ in touched):
        parts.append(count(memories, "memory", "memories"))
    failed = sum(step.status == PlanStep.Status.FAILED for step in steps)
    return ", ".join(parts) + (f", {failed} failed" if failed else "")


def _touched(run: Run) -> set[tuple[str, UUID]]:
    """Returns kind and id of each object that the run changed."""
    return {(change.object, change.id) for change in ending.events_of(run, events.Change)}
