"""The eight phases of a run, from a message to an answer that reports what really happened.

The phases report through the run's recorder; they know nothing of sockets, engines or viewers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any
from uuid import uuid4

from agent.change import Change
from agent.event_log import events, texts
from agent.event_log.log import Done
from agent.event_log.payloads import Answer
from agent.event_log.phases import Phase
from agent.llm.base import Context, MemoryBrief, Model, Outcome, StartOver, ToolSpec
from agent.models import Message, PlanRevision, PlanStep, Run
from agent.pipeline import context, remembering, replanning, reports
from agent.pipeline.answer import Rest, followed_by, said, write_answer
from agent.pipeline.composing import Composer
from agent.pipeline.drafting import Drafting
from agent.pipeline.execution import Execution, change_event, outcomes
from agent.pipeline.planner import Planner, tool_specs
from agent.pipeline.reading import Reader
from agent.pipeline.remembering import Exchange
from agent.pipeline.reports import with_left_out
from agent.plan import WORK, StepType
from agent.plans import open_points, store
from agent.plans.estimates import History
from agent.runs import approvals, ending, steering_rows
from agent.runs.approvals import Parked
from agent.runs.recorder import Finished, Recorder
from agent.support import database, raw_sql
from agent.support.counts import count
from agent.support.markdown import render
from agent.support.task_group import run_together
from agent.tools import switches

_LAST = (Phase.MEMORY, Phase.COMPLETION)  # these run concurrently


def begin(model: str, recorder: Recorder, history: History) -> list[events.Event]:
    """Begins a run inside the effect that claims it; returns the events of its first phase.

    `model`: its name. The model itself may not be open yet.
    """
    try:
        recorder.load(model, history)
    except database.CONNECTION_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001  (fails the run, not the claim: it would be repeated for ever)
        recorder.unreadable = error
        return []
    if recorder.finished(Phase.START):
        return []
    started = Finished("🧠 Started", f"Model: {model}", fields={"model": model})
    return recorder.begin_and_end(Phase.START, started, then=[Phase.CONTEXT])


async def execute(model: Model, recorder: Recorder) -> None:
    """Executes the remaining phases of a run that was claimed and begun, up to its `complete` event.

    Raises `Fenced` when the run was taken away, `Parked` when it waits for approval, and an
    `AgentError` that fails it.
    """
    if recorder.unreadable is not None:
        raise recorder.unreadable
    recorder.take_over()
    if recorder.finished_before and (recorder.resumed or recorder.run.retry_of_id):
        await reports.resumption(recorder)
    await _Run(model, recorder.run, recorder).all_phases()


class _Run:
    """The phases of one run. A phase that an earlier claim finished returns its stored result."""

    def __init__(self, model: Model, run: Run, recorder: Recorder) -> None:
        self.model = model
        self.run = run
        self.recorder = recorder
        self.parked = False
        self.problems = ""  # of the plan, if no valid one was found
        self._off: Collection[str] | None = None  # tools that are switched off
        self.execution: Execution | None = None  # begun with the end of the validation
        self.executed: PlanRevision | None = None  # by this claim
        self.drafting = Drafting(model, recorder)
        self._learned = asyncio.Event()  # the model has said what to remember
        self._settled = asyncio.Event()  # it is known whether the memory phase ends after the run
        self._is_behind = False  # it does
        self._completed = asyncio.Event()

    async def all_phases(self) -> None:
        recorder = self.recorder
        gathered = await recorder.phase(Phase.CONTEXT, self._gather, then=[Phase.ANALYZING])
        self.context = Context.from_json(gathered)
        analyzed = await recorder.phase(Phase.ANALYZING, self._analyze, then=[Phase.PLANNING])
        self._take_analysis(analyzed)
        reader = Reader(recorder)
        self.planner = Planner(
            self.model, self.run, self.context, self.analysis, reader, await self._tools()
        )
        self.composer = Composer(self.model, self.drafting, self.planner)
        planned = await recorder.phase(Phase.PLANNING, self._plan, then=[Phase.VALIDATION])
        self.planner.seen = planned.get("seen")
        self.planner.steered = planned.get("steered", [])
        self.planner.declined = planned.get("declined", "")
        self.context = replace(self.context, readings=tuple(reader.readings))
        checked = await recorder.phase(Phase.VALIDATION, lambda: self._validate(planned["plan"]))
        self.problems = checked.get("problems", "")
        self.drafting.end()
        if self.parked:
            raise Parked
        execution = self.execution or self._execution(await self._approved_plan())
        await recorder.phase(
            Phase.EXECUTION, lambda: self._execute(execution), execution.line(), _LAST
        )
        steps = await self._set_outcome()
        if recorder.finished(Phase.COMPLETION):  # by a version that ended the run in another commit
            await recorder.append(effect=lambda: Done(None, self._end_answered(steps)))
        else:
            await self._remember_and_answer(steps)

    # -- phases ------------------------------------------------------------------------------------

    async def _gather(self) -> Finished:
        project = self.run.session.project_id
        gathered, self._off = await database.call(
            lambda: (context.gather(self.run), switches.switched_off(project))
        )
        details = ", ".join(
            [
                count(len(gathered.history), "message"),
                count(len(gathered.memories), "memory", "memories"),
                count(len(gathered.tasks), "open task"),
            ]
        )
        titles = [memory.title for memory in gathered.memories]
        metadata = {"recalled": titles} if titles else {}
        return Finished("📚 Context gathered", details, gathered.as_json(), metadata=metadata)

    async def _tools(self) -> list[ToolSpec]:
        """Returns the tools that are switched on, as they were when this claim first read them."""
        if self._off is None:
            project = self.run.session.project_id
            self._off = await database.call(switches.switched_off, project)
        return tool_specs(self._off)

    async def _analyze(self) -> Finished:
        analysis = await self.model.analyze(self.context, await self._tools())
        if analysis.intent == "greeting":  # small models ask back: "How can I help you?"
            analysis = replace(analysis, question="")
        details = with_left_out(self.model, analysis.summary, "analyze")
        result = asdict(analysis)
        if not analysis.search:
            return Finished("🧠 Analysis complete", details, result)
        recall = partial(context.recall_again, self.run, self.context, analysis.search)
        result["memories"] = [asdict(brief) for brief in await database.call(recall)]
        return Finished("🧠 Analysis complete", details, result)

    def _take_analysis(self, result: Mapping[str, Any]) -> None:
        """Adopts the analysis, and the memories that were recalled for its words."""
        self.analysis = remembering.analysis_of(result)
        if "memories" in result:
            recalled = tuple(MemoryBrief(**item) for item in result["memories"])
            self.context = replace(self.context, memories=recalled)

    async def _plan(self) -> Finished:
        plan = await self.planner.make()
        steps = plan.get("steps")
        details = count(len(steps), "step") if isinstance(steps, list) else "No steps"
        result = {
            "plan": plan,
            "seen": self.planner.seen,
            "steered": self.planner.steered,
            "declined": self.planner.declined,
        }
        return Finished("📋 Plan created", with_left_out(self.model, details, "plan"), result)

    async def _validate(self, raw: Any) -> Finished:
        done = await self._done_steps()
        checked = await self.planner.check(raw, done)
        self.recorder.outlook.set_plan(checked.plan, done)

        def effect() -> list[events.Event]:
            is_first = self.recorder.is_fresh
            self.revision, plan_events = store.save(self.run, checked.plan, done, is_first=is_first)
            refused = "No valid plan was found with it." if checked.errors else ""
            return [*plan_events, *replanning.end_steering(self.planner, self.revision, refused)]

        said = reports.validated(checked)
        self.problems = said.result.get("problems", "")  # the effects of this phase need it already
        details = with_left_out(self.model, said.details, "plan")
        return replace(said, details=details, effect=effect, effect_after=self._begin_execution)

    def _begin_execution(self) -> list[events.Event]:
        """Begins to execute the validated plan, or parks the run, inside the effect that saves it."""
        approved = approvals.request_if_needed(self.run, self.revision)
        self.parked = not approved.value
        if self.parked:
            return list(approved.events)
        self.execution = self._execution(self.revision)
        begun = self.recorder.begin(Phase.EXECUTION, self.execution.line())
        return [begun, *self.execution.begin()]

    async def _done_steps(self) -> dict[str, PlanStep]:
        if self.recorder.is_fresh:  # nothing is executed yet
            return {}
        return await database.call(lambda: store.succeeded_steps(store.latest(self.run)))

    def _revision(self) -> PlanRevision:
        revision = store.latest(self.run)
        assert revision is not None, "a validated plan has a row"
        return revision

    async def _approved_plan(self) -> PlanRevision:
        """Returns the plan if it is approved or needs no approval; otherwise parks the run."""
        revision = await database.call(self._revision)
        ended = [
            step.key for step in revision.steps.all() if step.status not in PlanStep.UNFINISHED
        ]
        self.recorder.outlook.set_plan(store.as_plan(revision), ended)

        def effect() -> Done[bool]:
            if approvals.is_approved(revision):
                return Done(True)
            return approvals.request_if_needed(self.run, revision)

        if self.recorder.finished(Phase.EXECUTION) or await self.recorder.append(effect=effect):
            return revision
        raise Parked

    async def _context_now(self) -> Context:
        """Returns the context after the steps so far, with what was read before them."""
        now = await database.call(context.gather, self.run, self.context.history)
        return replace(now, readings=self.context.readings, after_steps=True)

    async def _execute(self, execution: Execution) -> Finished:
        while True:
            await self._execute_plan(execution)
            failed = bool(execution.failed) and not self.run.replanned
            if not failed and await self._end_execution(execution):
                self.executed = execution.revision
                return self._executed(execution)
            context = await self._context_now()
            if await replanning.replan(
                self.planner, execution, self.drafting, context, failed=failed
            ):
                execution = self._execution(await self._approved_plan())

    async def _execute_plan(self, execution: Execution) -> None:
        """Parks the run if a step would do what no approval showed, although it needs one."""
        await execution.execute()
        if execution.stopped and await self.recorder.append(
            effect=lambda: approvals.request_again(self.run, execution.revision, execution.asking)
        ):
            raise Parked

    def _execution(self, revision: PlanRevision) -> Execution:
        def end(execution: Execution) -> list[events.Event]:
            return list(self._end(execution).events)

        return Execution(self.recorder, revision, self.composer, on_last=end)

    def _end(self, execution: Execution) -> Done[bool]:
        """Ends the phase inside an effect; returns False if something was sent into the run before."""
        if steering_rows.is_open(self.run):
            return Done(False)
        return Done(True, self.recorder.end(Phase.EXECUTION, self._executed(execution), _LAST))

    def _executed(self, execution: Execution) -> Finished:
        return reports.executed(execution, self.problems)

    async def _end_execution(self, execution: Execution) -> bool:
        if self.recorder.finished(Phase.EXECUTION):  # with the last step
            return True
        ended: bool = await self.recorder.append(effect=lambda: self._end(execution))
        return ended

    async def _set_outcome(self) -> list[PlanStep]:
        """Sets what the answer is about; returns the steps of the plan that was executed."""
        done = self.executed
        if done is None:
            done = await database.call(self._revision)
        failed = await database.call(store.failed_before, done) if done.revision > 1 else []
        steps = list(done.steps.all())
        added = tuple(await database.call(steering_rows.words_of, self.run))
        self.context = replace(self.context, added=added)
        if reports.work_steps(steps):
            after = replace(await self._context_now(), added=added)
            self.context = replace(self.context, after=after)
        self.plan = store.as_plan(done)
        asks = any(step.type == StepType.ASK for step in steps)  # no longer, if it was answered
        self.outcome = Outcome(
            self.analysis.intent,
            self.analysis.question if asks else "",
            outcomes([*failed, *steps]),
            tuple(one.text for one in self.plan.assumptions),
            tuple(one.question for one in self.plan.questions),
        )
        return steps

    # -- memory and answer, concurrently -----------------------------------------------------------

    async def _remember_and_answer(self, steps: list[PlanStep]) -> None:
        text_steps = [step for step in steps if step.type not in WORK]

        async def remember() -> None:
            await self.recorder.phase(Phase.MEMORY, self._remember)
            self._learned.set()
            self._settled.set()

        async def answer() -> Finished:
            text, rest = await write_answer(self.recorder, self._answer(text_steps), text_steps)
            if not self._settled.is_set():
                await self.recorder.append(effect=lambda: Done(None, rest()))
                await self._wait_for_memory()
                return await self._save_answer(text, steps, list)
            return await self._save_answer(text, steps, rest)

        async def complete() -> None:
            await self.recorder.phase(Phase.COMPLETION, answer)
            self.recorder.pass_end()
            self._completed.set()

        await run_together(remember(), complete())

    async def _wait_for_memory(self) -> None:
        """Waits for the changes of the memory, which the summary counts, but not for the model."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._learned.wait(), remembering.GRACE)
        if self._learned.is_set():
            await self._settled.wait()
        else:
            self._is_behind = True

    def _answer(self, text_steps: Sequence[PlanStep]) -> AsyncIterator[str | StartOver]:
        """Returns the chunks of the answer. A question to the person stands in the plan already."""
        asked = [step.description for step in text_steps if step.type == StepType.ASK]
        if any(asked):
            return said(self.analysis.question or "\n\n".join(asked))
        answer = self.model.answer(self.context, self.analysis, self.outcome)
        return followed_by(answer, open_points.as_markdown(self.plan.questions))

    async def _remember(self) -> Finished:
        """Waits for the end of the run, if the model takes longer than the answer."""
        exchange = Exchange(self.run, self.context, self.analysis, self.outcome)
        learned = [await remembering.learn(self.model, exchange)]
        self._learned.set()
        if lost := await database.call(remembering.interrupted, self.run):
            self._is_behind = True  # after another call of the model
            self._settled.set()
            learned.append(await remembering.learn(self.model, lost))
        if self._is_behind:
            await self._completed.wait()

        saved: list[list[Change]] = []  # of each exchange

        def effect() -> list[events.Event]:
            saved[:] = [one.save() for one in learned]  # the effect may be repeated
            made = [
                change_event(one.exchange.run, change)
                for one, changes in zip(learned, saved, strict=True)
                for change in changes
            ]
            return [*made, *map(remembering.finished, learned[1:], saved[1:])]

        left_out = with_left_out(self.model, "", "consolidate")

        def words() -> tuple[str, str]:
            message, details = learned[0].words(saved[0])
            return message, ". ".join(filter(None, (details, left_out)))

        return Finished("💾 Memory", effect=effect, words=words)

    async def _save_answer(self, text: str, steps: list[PlanStep], rest: Rest) -> Finished:
        """`rest`: what is not yet written of the answer."""
        summary = with_left_out(self.model, reports.summary(steps, self.recorder.changed), "answer")
        role, key = Message.Author.AGENT, uuid4()
        answer = Message(pk=key, session=self.run.session, role=role, content=text)
        html = await asyncio.to_thread(render, text, str(key))  # a commit makes others wait

        def effect() -> list[events.Event]:
            raw_sql.insert(answer)
            return rest()

        def last_events() -> list[events.Event]:
            return [*ending.ended(self.run), self._complete(steps, answer, html)]

        end = ending.fields_of_end(Run.Status.SUCCEEDED, self.recorder.fence.attempt)
        return Finished(
            "🎉 Processing complete!",
            summary,
            fields={"answer": answer, "left_open": self._left_open(steps), **end},
            effect=effect,
            effect_after=last_events,
        )

    def _left_open(self, steps: Sequence[PlanStep]) -> str:
        asks = any(step.type == StepType.ASK for step in steps) or self.plan.questions
        return Run.LeftOpen.QUESTION if asks else ""

    def _end_answered(self, steps: list[PlanStep]) -> list[events.Event]:
        """Ends the run inside an effect, after its answer was saved; returns the events."""
        answer = raw_sql.get(Message, self.run.answer_id)
        ended = ending.end(self.run, Run.Status.SUCCEEDED)
        return [*ended, self._complete(steps, answer, render(answer.content, str(answer.pk)))]

    def _complete(self, steps: list[PlanStep], answer: Message, html: str) -> events.Event:
        """Returns the last event, inside the effect that ends the run."""
        run, was_parked = self.run, self.recorder.fence.attempt > 1
        duration_ms = ending.duration_ms(run) if was_parked else ending.worked_ms(run)
        statuses = [step.status for step in reports.work_steps(steps)]
        objects = [kind for kind, _ in self.recorder.changed]
        return events.Complete(
            run.pk,
            response=answer.content,
            message=Answer(id=str(answer.pk), role="assistant", content=answer.content, html=html),
            usage=self.model.usage.as_json(),
            duration_ms=duration_ms,
            remembers=self._is_behind,
            texts={"line": texts.done(duration_ms, statuses, objects, has_plan=not self.problems)},
        )
