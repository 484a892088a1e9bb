"""Executes a plan: all ready steps concurrently, each step's effect exactly once. Decides nothing."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import cached_property, partial
from typing import Any

from pydantic import ValidationError

from agent import plan
from agent.change import Change
from agent.event_log import events
from agent.event_log.log import Done
from agent.exceptions import Fenced, PlanInvalid, QuotaReached, ToolFailed
from agent.models import PlanRevision, PlanStep, Task
from agent.pipeline.approval_check import ApprovalCheck, Unapproved
from agent.pipeline.composing import Composer
from agent.pipeline.step_records import StepRecords
from agent.plan import WORK, StepType
from agent.plans import approval_policy, composition, filling, store
from agent.plans.composition import LEFT_OUT
from agent.plans.ordering import MAX_PARALLEL_STEPS, needs
from agent.runs import steering_rows
from agent.runs.approval_requests import Asking
from agent.runs.recorder import Recorder
from agent.support import database, metrics, tracing
from agent.support.invalid import message
from agent.support.task_group import run_together
from agent.tools import calling, references, registry, switches
from agent.tools.references import object_id
from agent.tools.registry import Tool, ToolCall

logger = logging.getLogger(__name__)

# Seconds before the first retry of a tool, doubled for each further one, and their limit.
PAUSE, MAX_PAUSE = 0.5, 30.0

# Of a tool that is not idempotent and was called before the run's process ended.
_UNKNOWN = "{} was interrupted, and it is not known whether it took effect. It is not called again."

Status = PlanStep.Status


class Execution:
    """The execution of one revision of a plan. The state is in the steps' rows."""

    def __init__(
        self,
        recorder: Recorder,
        revision: PlanRevision,
        composer: Composer,
        on_last: Callable[[Execution, bool], list[events.Event]] | None = None,
    ) -> None:
        """`on_last`: called inside the effect of the last step, if all steps succeed, with whether something
        was sent into the run that no plan was made with; returns events.
        """
        self.recorder = recorder
        self.revision = revision
        self._composer = composer
        self._on_last = on_last
        self.steps = {step.key: step for step in revision.steps.all()}
        self.results = {
            key: step.result for key, step in self.steps.items() if step.status == Status.SUCCEEDED
        }
        self.stopped: set[str] = set()  # steps that would do what no approval showed
        self.asking: dict[str, Asking] = {}  # those of them that a person has to decide on
        self.held: set[str] = set()  # steps that wait for a plan with what was sent into the run
        self._given: dict[str, dict[str, Any]] = {}  # by step, its arguments without placeholders
        self._approval = ApprovalCheck(recorder, revision, self.steps)
        self._off: Collection[str] = ()  # tools that are switched off
        self._begun: set[str] = set()  # started by `begin`
        self._records = StepRecords(recorder, self.steps.values())
        self._needs: Mapping[str, list[str]] = {}
        self._limit = asyncio.Semaphore(MAX_PARALLEL_STEPS)

    def begin(self, *, is_steered: bool) -> list[events.Event]:
        """Starts the only step inside an effect, before that saves the plan; returns its events. Several are
        put in order first. `is_steered`: the plan is to be made anew before.
        """
        waiting = self._waiting()
        if is_steered or len(waiting) != 1:
            return []
        (step,) = waiting
        if self._unmet_need(step) or self._approval.asks_first(step):
            return []
        self._begun = {step.key}
        return self._records.start(step)

    async def execute(self) -> None:
        """Executes the unfinished steps; the steps that depend on a failed one are skipped.

        A step that would do what no approval showed, although it needs one, stays pending, as do the
        steps that depend on it; they are `stopped`. Once something was sent into the run, no step starts:
        those that are left stay pending; they are `held`.

        Raises PlanInvalid when the steps are not those of the validated plan.
        """
        if store.as_plan(self.revision).digest != self.revision.digest:
            raise PlanInvalid(["the plan has changed since its validation"])
        waiting = self._waiting()
        if self._approval.may_exist:
            await self._approval.load()
            project = self.recorder.run.session.project_id
            self._off = await database.call(switches.switched_off, project)
        if len(waiting) > 1:
            self._needs = await database.call(self._order)
        ended = {step.key: asyncio.Event() for step in waiting}
        await run_together(*(self._execute_in_order(step, ended) for step in waiting))

    def _waiting(self) -> list[PlanStep]:
        return [step for step in self.work_steps if step.status in PlanStep.UNFINISHED]

    def _order(self) -> dict[str, list[str]]:
        resolve = partial(object_id, self.recorder.run.session.project_id)
        return needs(store.as_plan(self.revision).steps, resolve)

    @property
    def work_steps(self) -> list[PlanStep]:
        """The steps of the plan that are carried out here; the others are words."""
        return self._records.work_steps

    def line(self) -> str:
        """Returns what the run does now, with all steps that call a tool."""
        return self._records.line()

    @property
    def failed(self) -> list[PlanStep]:
        return [step for step in self.steps.values() if step.status == Status.FAILED]

    async def _execute_in_order(self, step: PlanStep, ended: Mapping[str, asyncio.Event]) -> None:
        for need in self._needs.get(step.key, ()):
            if need in ended:
                await ended[need].wait()
        try:
            cause = self._unmet_need(step)
            if cause and (kept := self._kept_with(cause)) is not None:
                kept.add(step.key)
            elif cause:
                await self._skip(step, cause)
            else:
                async with self._limit:
                    await self._execute(step)
                _measure(step)
        finally:
            ended[step.key].set()

    def _unmet_need(self, step: PlanStep) -> PlanStep | None:
        """Returns a dependency of `step` that did not succeed."""
        for need in step.depends_on:
            other = self.steps[need]
            if other.type in WORK and other.status != Status.SUCCEEDED:
                return other
        return None

    def _kept_with(self, cause: PlanStep) -> set[str] | None:
        """Returns the set of pending steps that `cause` is in."""
        return next((kept for kept in (self.stopped, self.held) if cause.key in kept), None)

    def _is_to_wait(self, step: PlanStep) -> bool:
        """Tells inside an effect whether the plan is to be made anew before `step` starts. A step that was
        started before a crash goes on.
        """
        return step.status == Status.PENDING and steering_rows.is_open(self.recorder.run)

    async def _may_start(self, step: PlanStep) -> bool:
        """Starts the step, unless the plan is to be made anew before."""

        def effect() -> Done[bool]:
            waits = self._is_to_wait(step)
            return Done(not waits, () if waits else self._records.start(step))

        return step.key in self._begun or await self.recorder.append(effect=effect)

    async def _execute(self, step: PlanStep) -> None:
        was_running = step.status == Status.RUNNING
        try:
            work = await self._prepared(step)
            if not await self._may_start(step):
                self.held.add(step.key)
                return
            tool = registry.get(step.tool)
            is_resumed = was_running and step.key not in self._begun
            if is_resumed and tool is not None and not tool.idempotent:
                raise ToolFailed(_UNKNOWN.format(tool.name))
            await (work() if tracing.tracer is None else self._traced(step, work()))
        except QuotaReached as error:  # fails the run: no other plan has more room
            await self._record_failure(step, str(error))
            raise
        except ToolFailed as error:
            await self._record_failure(step, str(error))
        except Unapproved as unapproved:
            await self._record_stop(step, unapproved.asking)
        except (Fenced, asyncio.CancelledError):
            raise
        except Exception:  # an error in a tool fails its step, not the run
            logger.exception("The tool %s failed in run %s", step.tool, self.recorder.run.pk)
            await self._record_failure(
                step, f"{step.tool} failed: unexpected error (see server log)."
            )

    async def _traced(self, step: PlanStep, work: Awaitable[None]) -> None:
        name, given = step.tool or str(step.type), self._given.get(step.key, {})
        with tracing.tool(name, f"s{step.position}", given) as span:
            await work
            tracing.tell_result(span, self.results.get(step.key))

    async def _prepared(self, step: PlanStep) -> Callable[[], Awaitable[None]]:
        """Returns the work of a step whose turn it is. Raises ToolFailed, and Unapproved for a step
        that has to be approved with the arguments that it has now.
        """
        if step.type == StepType.COMPOSE:
            return partial(self._compose, step)
        tool = registry.get(step.tool)
        if tool is None:
            raise ToolFailed(f"The tool {step.tool!r} no longer exists.")
        if tool.name in self._off:  # since the plan was validated
            raise ToolFailed(f"Not executed: {switches.refusal(tool.name)}.")
        filled = self._filled(step)
        if self._approval.asks_first(step) or composition.sources(
            store.as_step(step), self._plan_steps
        ):
            filled = await database.call(self._checked, step, tool, filled)
        if self._approval.asks_first(step):
            reason = approval_policy.reason_for_arguments(store.as_step(step))
            raise Unapproved(Asking(reason, filled))
        self._approval.check_call(step, tool, filled)
        self._given[step.key] = filled
        return partial(self._work_of(tool), step, tool, _arguments(tool, filled))

    def _work_of(self, tool: Tool) -> Callable[[PlanStep, Tool, Any], Awaitable[None]]:
        if tool.is_async:
            return self._call_async
        return self._read if tool.reads else self._change_rows

    def _filled(self, step: PlanStep) -> dict[str, Any]:
        try:
            filled: dict[str, Any] = plan.fill(step.arguments, self.results)
        except LookupError as error:
            raise ToolFailed(f"A value from an earlier step is missing: {error}") from None
        return filled

    @cached_property
    def _plan_steps(self) -> dict[str, plan.Step]:
        return {key: store.as_step(step) for key, step in self.steps.items()}

    def _checked(self, step: PlanStep, tool: Tool, filled: dict[str, Any]) -> dict[str, Any]:
        """Returns filled arguments, checked like those of a plan, with what they mean. Raises ToolFailed."""
        project = self.recorder.run.session.project
        problems = filling.problems(
            store.as_step(step),
            filled,
            self._plan_steps,
            self.results,
            project,
            self._composer.seen,
        )
        if problems:
            raise ToolFailed("; ".join(problems))
        return dict(references.resolved(project.pk, tool, filled, with_titles=True))

    async def _compose(self, step: PlanStep) -> None:
        result = await self._composer.compose(store.as_step(step), self.results)
        await self._save(step, result, details=result.get(LEFT_OUT, ""))

    async def _read(self, step: PlanStep, tool: Tool, arguments: Any) -> None:
        """Reads outside of the commit, which others wait for."""
        call = ToolCall.of(self.recorder.run, step.key)
        call.progress = reports = self._records.new_reports(step, self.recorder.report)
        try:
            result = await calling.read(tool, call, arguments)
        except asyncio.CancelledError:
            reports.drop()
            raise
        await self._save(step, result)

    async def _change_rows(self, step: PlanStep, tool: Tool, arguments: Any) -> None:
        """Commits the tool's rows, the step's row and their events in one transaction."""

        def effect() -> Done[Any]:
            call, started = ToolCall.of(self.recorder.run, step.key), time.monotonic()
            if not self._approval.is_given:  # an approval shows the text that is replaced
                call.locked = self._refuse_unread(step)
            call.progress = self._records.new_reports(step)
            result = calling.call_plain(tool, call, arguments)
            if time.monotonic() - started > tool.timeout:
                # Too late to stop the function, but its effect is rolled back.
                raise calling.too_slow(tool)
            self._approval.check(step, call.changes, self._given[step.key])
            step.created = [str(one.id) for one in call.changes if one.action == "created"]
            return Done(result, self._succeed(step, result, call.changes))

        self.results[step.key] = await self.recorder.append(effect=effect)

    def _refuse_unread(self, step: PlanStep) -> dict[str, Task]:
        left = {key: now for (_, key), now in self.recorder.changed.items()}
        return filling.refuse_unread(
            store.as_step(step),
            self._given[step.key],
            self._plan_steps,
            self.results,
            self.recorder.run.session.project,
            self._composer.seen,
            left,
        )

    async def _call_async(self, step: PlanStep, tool: Tool, arguments: Any) -> None:
        call, result = await self._call_with_retries(step, tool, arguments)
        self._approval.told(step, call.changes)
        await self._save(step, result, call.changes)

    async def _call_with_retries(
        self, step: PlanStep, tool: Tool, arguments: Any
    ) -> tuple[ToolCall, Any]:
        """Calls the tool, with retries that have the same idempotency key. `ToolFailed` is final."""
        for left in range(tool.retries, -1, -1):
            call = ToolCall.of(self.recorder.run, step.key)
            call.progress = reports = self._records.new_reports(step, self.recorder.report)
            try:
                async with asyncio.timeout(tool.timeout) as limit:
                    return call, await calling.call_async(tool, call, arguments)
            except (ToolFailed, Fenced):
                raise
            except asyncio.CancelledError:
                reports.drop()
                raise
            except Exception as error:  # any error may be temporary
                if not left:
                    raise calling.too_slow(tool) if limit.expired() else error from None
                logger.info("Retrying the tool %s", tool.name, exc_info=True)
                reason = (
                    calling.late(tool) if limit.expired() else f"failed with {type(error).__name__}"
                )
            await self._pause(step, tool, tool.retries - left + 1, reason)
        raise AssertionError("the last call returns or raises")

    async def _pause(self, step: PlanStep, tool: Tool, failures: int, reason: str) -> None:
        """Waits longer each time, with jitter, so that calls that failed together retry apart."""
        seconds = min(PAUSE * 2 ** (failures - 1), MAX_PAUSE) * random.uniform(0.5, 1)
        details = f"Attempt {failures + 1} of {tool.retries + 1} in {seconds:.1f} s: it {reason}"
        await self.recorder.append(*self._records.retry(step, tool, seconds, details))
        self._records.add_pause(step, seconds, details)
        await asyncio.sleep(seconds)

    # -- recording ---------------------------------------------------------------------------------

    async def _save(
        self, step: PlanStep, result: Any, changes: Iterable[Change] = (), details: str = ""
    ) -> None:
        """Commits the result of a step that has worked outside of the commit."""
        self.results[step.key] = await self.recorder.append(
            effect=lambda: Done(result, self._succeed(step, result, changes, details))
        )

    def _succeed(
        self, step: PlanStep, result: Any, changes: Iterable[Change], details: str = ""
    ) -> list[events.Event]:
        ended = self._records.succeed(step, result, changes, details)
        others = [one for one in self.work_steps if one is not step]
        # A step in the same commit does not count yet: if its effect fails, this one is repeated.
        if self._on_last and all(one.key in self.results for one in others):
            ended += self._on_last(self, self._records.is_steered)
        return ended

    async def _record_failure(self, step: PlanStep, error: str) -> None:
        await self.recorder.append(effect=lambda: Done(None, self._records.fail(step, error)))

    async def _record_stop(self, step: PlanStep, asking: Asking) -> None:
        """Takes the start of a step back, if it was started."""
        self.stopped.add(step.key)
        self.asking[step.key] = asking
        self._approval.forget(step.key)
        if step.status != Status.PENDING:
            await self.recorder.append(effect=lambda: Done(None, self._records.take_back(step)))

    async def _skip(self, step: PlanStep, cause: PlanStep) -> None:
        await self.recorder.append(effect=lambda: Done(None, self._records.skip(step, cause)))


def _measure(step: PlanStep) -> None:
    """Measures a step whose end is committed, if it called a tool."""
    is_over = step.status in (Status.SUCCEEDED, Status.FAILED)
    if is_over and registry.get(step.tool) and step.started_at and step.finished_at:
        took = (step.finished_at - step.started_at).total_seconds()
        metrics.TOOL_SECONDS.observe(took, step.tool, step.status)


def _arguments(tool: Tool, filled: Mapping[str, Any]) -> Any:
    try:
        return tool.arguments.model_validate(filled)
    except ValidationError as error:
        texts = [f"{'.'.join(map(str, item['loc']))}: {message(item)}" for item in error.errors()]
        raise ToolFailed("; ".join(texts)) from None
