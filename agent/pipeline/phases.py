"""The eight phases of a run, from a message to an answer that reports what really happened.

The phases report through the run's recorder; they know nothing of sockets, engines or viewers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from agent.event_log import events
from agent.event_log.log import Done
from agent.event_log.phases import Phase
from agent.llm.base import Context, MemoryBrief, Model, Outcome, ToolSpec
from agent.models import PlanRevision, PlanStep, Run
from agent.pipeline import context, remembering, replanning, reports
from agent.pipeline.composing import Composer
from agent.pipeline.drafting import Drafting
from agent.pipeline.execution import Execution
from agent.pipeline.last_phases import LastPhases
from agent.pipeline.outcomes import outcomes
from agent.pipeline.outside import Outside
from agent.pipeline.planner import Planner, tool_specs
from agent.pipeline.reading import Reader
from agent.pipeline.remembering import Exchange
from agent.pipeline.reports import with_left_out
from agent.plan import Plan, StepType
from agent.plans import store
from agent.plans.past_durations import History
from agent.runs import approval_requests, steering_rows
from agent.runs.approval_requests import Parked
from agent.runs.recorder import Finished, Recorder
from agent.support import database, tracing
from agent.support.counts import count
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


async def execute(model: Model, recorder: Recorder, outside: Outside) -> None:
    """Executes the remaining phases of a run that was claimed and begun, up to its `complete` event.

    Raises `Fenced` when the run was taken away, `Parked` when it waits for approval, and an
    `AgentError` that fails it.
    """
    if recorder.unreadable is not None:
        raise recorder.unreadable
    recorder.take_over()
    if recorder.finished_before and (recorder.resumed or recorder.run.retry_of_id):
        await reports.resumption(recorder)
    await _Run(model, recorder.run, recorder, outside).all_phases()


class _Run:
    """The phases of one run. A phase that an earlier claim finished returns its stored result."""

    def __init__(self, model: Model, run: Run, recorder: Recorder, outside: Outside) -> None:
        self.model = model
        self.outside = outside
        self.run = run
        self.recorder = recorder
        self.parked = False
        self.problems = ""  # of the plan, if no valid one was found
        self._off: Collection[str] | None = None  # tools that are switched off
        self.execution: Execution | None = None  # begun with the end of the validation
        self.executed: PlanRevision | None = None  # by this claim
        self.drafting = Drafting(model, recorder)
        # What runs before have to remember; known once this claim has gathered the context.
        self._may_be_lost = True

    async def all_phases(self) -> None:
        recorder = self.recorder
        gathered = await recorder.phase(Phase.CONTEXT, self._gather, then=[Phase.ANALYZING])
        self.context = Context.from_json(gathered)
        analyzed = await recorder.phase(Phase.ANALYZING, self._analyze, then=[Phase.PLANNING])
        self._take_analysis(analyzed)
        reader = Reader(recorder, self.outside.title, self.outside.read)
        self.planner = Planner(
            self.model, self.run, self.context, self.analysis, reader, await self._tools()
        )
        self.composer = Composer(self.model, self.drafting, self.planner)
        planned = await recorder.phase(Phase.PLANNING, self._plan, then=[Phase.VALIDATION])
        self.planner.take_up(planned)
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
        last = await self._last_phases()
        if recorder.finished(Phase.COMPLETION):  # by a version that ended the run in another commit
            await recorder.append(effect=lambda: Done(None, last.end_answered()))
        else:
            await last.remember_and_answer()

    # -- phases ------------------------------------------------------------------------------------

    async def _gather(self) -> Finished:
        about, gathered = await self.outside.gather(self.run)
        self._off, self._may_be_lost = about.off, about.was_interrupted
        details = ", ".join(
            [
                count(len(gathered.history), "message"),
                count(len(gathered.memories), "memory", "memories"),
                context.open_tasks_in_words(gathered),
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
        recalled = await self.outside.recall_again(self.run, self.context, analysis.search)
        result["memories"] = [asdict(brief) for brief in recalled]
        return Finished("🧠 Analysis complete", details, result)

    def _take_analysis(self, result: Mapping[str, Any]) -> None:
        """Adopts the analysis, and the memories that were recalled for its words."""
        self.analysis = remembering.analysis_of(result)
        if "memories" in result:
            recalled = tuple(MemoryBrief(**item) for item in result["memories"])
            self.context = replace(self.context, memories=recalled)

    async def _plan(self) -> Finished:
        plan = await tracing.planning(self.planner.make)
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
        if tracing.tracer is not None:
            tracing.tell_plan(checked.plan, repaired=checked.repaired, problems=len(checked.errors))
        self.recorder.outlook.set_plan(checked.plan, done)

        def effect() -> list[events.Event]:
            is_first = self.recorder.is_fresh
            self.revision, plan_events = store.prepare(
                self.run, checked.plan, done, is_first=is_first
            )
            self.planner.keep_seen()
            refused = "No valid plan was found with it." if checked.errors else ""
            return [*plan_events, *replanning.end_steering(self.planner, self.revision, refused)]

        said = reports.validated(checked)
        self.problems = said.result.get("problems", "")  # the effects of this phase need it already
        details = with_left_out(self.model, said.details, "plan")
        return replace(said, details=details, effect=effect, effect_after=self._begin_execution)

    def _begin_execution(self) -> list[events.Event]:
        """Begins to execute the validated plan, or parks the run, and saves the plan, inside an effect."""
        left = self.recorder.outlook.left()  # the phase of the validation counts as ended
        if left is not None:
            self.revision.low_ms, self.revision.high_ms = left.low_ms, left.high_ms
        is_steered = approval_requests.read_setting(self.run)
        approved = approval_requests.request_if_needed(
            self.run, self.revision, is_steered=is_steered
        )
        self.parked = not approved.value
        begun = list(approved.events)
        if not self.parked:
            self.execution = self._execution(self.revision)
            begun.append(self.recorder.begin(Phase.EXECUTION, self.execution.line()))
            begun += self.execution.begin(is_steered=is_steered)
        store.insert(self.revision)
        return begun

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
            if approval_requests.is_approved(revision):
                return Done(True)
            is_steered = approval_requests.read_setting(self.run)
            return approval_requests.request_if_needed(self.run, revision, is_steered=is_steered)

        if self.recorder.finished(Phase.EXECUTION) or await self.recorder.append(effect=effect):
            return revision
        raise Parked

    async def _context_now(self) -> Context:
        """Returns the context after the steps so far, with what was read before them."""
        kinds = {kind for kind, _ in self.recorder.changed}
        return await self.outside.gather_again(self.run, self.context, kinds)

    async def _execute(self, execution: Execution) -> Finished:
        while True:
            await self._execute_plan(execution)
            failed = bool(execution.failed) and not self.run.replanned
            if not failed and await self._end_execution(execution):
                self.executed = execution.revision
                return self._executed(execution)
            context = await self._context_now()
            again = partial(
                replanning.replan, self.planner, execution, self.drafting, context, failed=failed
            )
            if await tracing.planning(again):
                execution = self._execution(await self._approved_plan())

    async def _execute_plan(self, execution: Execution) -> None:
        """Parks the run if a step would do what no approval showed, although it needs one."""
        await execution.execute()
        if execution.stopped and await self.recorder.append(
            effect=lambda: approval_requests.request_again(
                self.run, execution.revision, execution.asking
            )
        ):
            raise Parked

    def _execution(self, revision: PlanRevision) -> Execution:
        def end(execution: Execution, is_steered: bool) -> list[events.Event]:
            return list(self._end(execution, is_steered).events)

        return Execution(self.recorder, revision, self.composer, on_last=end)

    def _end(self, execution: Execution, is_steered: bool) -> Done[bool]:
        """Ends the phase inside an effect; returns False if something was sent into the run before."""
        if is_steered:
            return Done(False)
        return Done(True, self.recorder.end(Phase.EXECUTION, self._executed(execution), _LAST))

    def _executed(self, execution: Execution) -> Finished:
        return reports.executed(execution, self.problems)

    async def _end_execution(self, execution: Execution) -> bool:
        if self.recorder.finished(Phase.EXECUTION):  # with the last step
            return True
        ended: bool = await self.recorder.append(
            effect=lambda: self._end(execution, steering_rows.is_open(self.run))
        )
        return ended

    async def _last_phases(self) -> LastPhases:
        """Returns the last phases of the run, which know what was done."""
        done = self.executed
        if done is None:
            done = await database.call(self._revision)
        failed = await database.call(store.failed_before, done) if done.revision > 1 else []
        steps = list(done.steps.all())
        added: tuple[str, ...] = ()
        if self.planner.context.added or not self.recorder.is_fresh:
            added = tuple(await database.call(steering_rows.words_of, self.run))
        self.context = replace(self.context, added=added)
        if reports.work_steps(steps):
            after = replace(await self._context_now(), added=added)
            self.context = replace(self.context, after=after)
        plan = store.as_plan(done)
        return LastPhases(
            self.model,
            self.recorder,
            self.drafting,
            Exchange(self.run, self.context, self.analysis, self._outcome(plan, failed, steps)),
            plan,
            steps,
            self.outside.said,
            is_valid=not self.problems,
            may_be_lost=self._may_be_lost,
        )

    def _outcome(
        self, plan: Plan, failed: Sequence[PlanStep], steps: Sequence[PlanStep]
    ) -> Outcome:
        """`failed`: the steps of earlier revisions that failed."""
        asks = any(step.type == StepType.ASK for step in steps)  # no longer, if it was answered
        return Outcome(
            self.analysis.intent,
            self.analysis.question if asks else "",
            outcomes([*failed, *steps]),
            tuple(one.text for one in plan.assumptions),
            tuple(one.question for one in plan.questions),
        )
