"""Carries a plan out: every ready step at once, each step's effect exactly once. Decides nothing."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.utils import timezone
from pydantic import ValidationError

from agent import plan
from agent.change import Change
from agent.event_log import events, texts
from agent.event_log.log import Done
from agent.event_log.phases import Phase
from agent.exceptions import Fenced, PlanInvalid, ToolFailed
from agent.llm.base import StepOutcome
from agent.models import Approval, PlanRevision, PlanStep
from agent.plan import StepType
from agent.plans import store
from agent.plans.ordering import MAX_PARALLEL_STEPS, needs
from agent.plans.store import step_event
from agent.runs.recorder import Recorder
from agent.support import database, raw_sql
from agent.support.task_group import run_together
from agent.tools import registry
from agent.tools.references import object_id
from agent.tools.registry import Tool, ToolCall

logger = logging.getLogger(__name__)

# Seconds before a tool is tried again; twice as long each time.
PAUSE, LONGEST_PAUSE = 0.5, 30.0

Status = PlanStep.Status


class Execution:
    """One revision of a plan on its way. Its steps' rows are the journal of it."""

    def __init__(self, recorder: Recorder, revision: PlanRevision) -> None:
        self.recorder = recorder
        self.revision = revision
        self.steps = {step.key: step for step in revision.steps.all()}
        self.results = {
            key: step.result for key, step in self.steps.items() if step.status == Status.SUCCEEDED
        }
        self._needs: Mapping[str, list[str]] = {}
        self._slots = asyncio.Semaphore(MAX_PARALLEL_STEPS)

    async def carry_out(self) -> None:
        """Returns when every tool step has ended; a failed one skips those that depend on it.

        Raises PlanInvalid when the steps are not those of the plan that was validated.
        """
        if store.as_plan(self.revision).digest != self.revision.digest:
            raise PlanInvalid(["the plan is not the one that was validated"])
        waiting = [
            step
            for step in self.steps.values()
            if step.type == StepType.TOOL and step.status in PlanStep.UNFINISHED
        ]
        if len(waiting) > 1:
            self._needs = await database.call(self._order)
        ended = {step.key: asyncio.Event() for step in waiting}
        await run_together(*(self._in_turn(step, ended) for step in waiting))

    def _order(self) -> dict[str, list[str]]:
        resolve = partial(object_id, self.recorder.run.session.project_id)
        return needs(store.as_plan(self.revision).steps, resolve)

    @property
    def failed(self) -> list[PlanStep]:
        return [step for step in self.steps.values() if step.status == Status.FAILED]

    async def _in_turn(self, step: PlanStep, ended: Mapping[str, asyncio.Event]) -> None:
        for need in self._needs.get(step.key, ()):
            if need in ended:
                await ended[need].wait()
        try:
            if broken := self._broken_need(step):
                await self._skip(step, broken)
            else:
                async with self._slots:
                    await self._do(step)
        finally:
            ended[step.key].set()

    def _broken_need(self, step: PlanStep) -> PlanStep | None:
        """Returns a step that `step` depends on and that did not succeed."""
        for need in step.depends_on:
            other = self.steps[need]
            if other.type == StepType.TOOL and other.status != Status.SUCCEEDED:
                return other
        return None

    async def _do(self, step: PlanStep) -> None:
        await self._record_start(step)
        tool = registry.get(step.tool)
        try:
            if tool is None:
                raise ToolFailed(f"There is no tool {step.tool!r} any more.")
            arguments = self._arguments(step, tool)
            if tool.is_async:
                await self._call_out(step, tool, arguments)
            else:
                await self._change_rows(step, tool, arguments)
        except ToolFailed as error:
            await self._record_failure(step, str(error))
        except (Fenced, asyncio.CancelledError):
            raise
        except Exception:  # a tool is foreign code: its fault is one failed step, not a failed run
            logger.exception("The tool %s raised", step.tool)
            await self._record_failure(step, f"The tool {step.tool} is out of order.")

    def _arguments(self, step: PlanStep, tool: Tool) -> Any:
        try:
            filled = plan.fill(step.arguments, self.results)
            return tool.arguments.model_validate(filled)
        except LookupError as error:
            raise ToolFailed(
                f"An earlier step did not return what this one needs: {error}"
            ) from None
        except ValidationError as error:
            texts = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
            raise ToolFailed("; ".join(texts)) from None

    async def _change_rows(self, step: PlanStep, tool: Tool, arguments: Any) -> None:
        """The tool's rows, the step's row and all their events: one transaction."""

        def effect() -> Done[Any]:
            call, began = ToolCall.of(self.recorder.run, step.key), time.monotonic()
            result = tool.function(call, arguments).model_dump(mode="json")
            if time.monotonic() - began > tool.timeout:
                raise _too_slow(tool)  # nobody can stop a plain function; but nothing of it is kept
            self._check_approved(step, call.changes)
            changes = [self._change_event(change) for change in call.changes]
            return Done(result, [*changes, *self._succeed(step, result)])

        self.results[step.key] = await self.recorder.append(effect=effect)

    def _check_approved(self, step: PlanStep, changes: Iterable[Change]) -> None:
        """Refuses to delete what somebody who approved the plan was not shown: the board has moved."""
        gone = [change for change in changes if change.action == "deleted"]
        if not gone or (shown := self._shown(step)) is None:
            return
        for change in gone:
            if str(change.id) not in shown:
                title = (change.before or {}).get("title", "")
                raise ToolFailed(
                    f"It would delete “{title}” now, which is not what was approved; nothing was done."
                )

    def _shown(self, step: PlanStep) -> set[str] | None:
        """Returns the ids of what the step was to delete; None when that was not shown, or not asked."""
        approved = self.revision.approvals.filter(status=Approval.Status.APPROVED).first()
        effects = approved.effects if approved else []
        created = {
            one["id"] for effect in effects for one in effect["changes"] if not one["before"]
        }
        for effect in effects:
            if effect["step"] == step.key and not effect["note"]:
                ids = {one["id"] for one in effect["changes"] if one["action"] == "deleted"}
                return None if ids & created else ids  # what is made in the plan has another id now
        return None

    async def _call_out(self, step: PlanStep, tool: Tool, arguments: Any) -> None:
        call, returned = await self._try(step, tool, arguments)
        result = returned.model_dump(mode="json")
        changes = [self._change_event(change) for change in call.changes]
        self.results[step.key] = await self.recorder.append(
            effect=lambda: Done(result, [*changes, *self._succeed(step, result)])
        )

    async def _try(self, step: PlanStep, tool: Tool, arguments: Any) -> tuple[ToolCall, Any]:
        """Calls the tool until it answers, with the same key each time; what it refuses is final."""
        for left in range(tool.retries, -1, -1):
            call = ToolCall.of(self.recorder.run, step.key)
            call.report = _Report(self.recorder, step)
            try:
                async with asyncio.timeout(tool.timeout) as limit:
                    return call, await tool.function(call, arguments)
            except (ToolFailed, Fenced):
                raise
            except Exception as error:  # a tool is foreign code: whatever it is may pass
                if not left:
                    raise _too_slow(tool) if limit.expired() else error from None
                logger.info("The tool %s is tried again", tool.name, exc_info=True)
            await self._pause(step, tool, tool.retries - left)
        raise AssertionError("the last try returns or raises")

    async def _pause(self, step: PlanStep, tool: Tool, tries: int) -> None:
        """Waits longer each time, and not as long as others do that failed at the same moment."""
        seconds = min(PAUSE * 2**tries, LONGEST_PAUSE) * random.uniform(0.5, 1)
        details = f"Try {tries + 2} of {tool.retries + 1} in {seconds:.1f} s"
        said = self._progress(step, f"🔁 {tool.name} did not answer", details, {})
        await self.recorder.append(said)
        await asyncio.sleep(seconds)

    def _change_event(self, change: Any) -> events.Event:
        return change_event(self.recorder, change)

    # -- what is recorded --------------------------------------------------------------------------

    async def _record_start(self, step: PlanStep) -> None:
        started = {"phase": "started", **self.recorder.outlook.step_started(step.key)}

        def effect() -> Done[None]:
            step.status, step.started_at = Status.RUNNING, timezone.now()
            raw_sql.save(step, "status", "started_at")
            return Done(
                None,
                [
                    step_event(self.recorder.run.pk, step, self._line()),
                    self._progress(step, step.description, "", started),
                ],
            )

        await self.recorder.append(effect=effect)

    def _succeed(self, step: PlanStep, result: Any) -> list[events.Event]:
        step.status, step.result = Status.SUCCEEDED, result
        self.recorder.save_usage()
        return self._end(step, step.description, "", "finished")

    async def _record_failure(self, step: PlanStep, error: str) -> None:
        def effect() -> Done[None]:
            step.status, step.error = Status.FAILED, error
            return Done(None, self._end(step, f"❌ {step.description}", error, "failed"))

        await self.recorder.append(effect=effect)

    async def _skip(self, step: PlanStep, because: PlanStep) -> None:
        def effect() -> Done[None]:
            step.status = Status.SKIPPED
            step.error = f"Skipped, since “{because.description}” did not succeed."
            return Done(None, self._end(step, f"⏭️ {step.description}", step.error, "failed"))

        await self.recorder.append(effect=effect)

    def _end(self, step: PlanStep, message: str, details: str, phase: str) -> list[events.Event]:
        step.finished_at = timezone.now()
        raw_sql.save(step, "status", "result", "error", "finished_at")
        metadata = {"phase": phase, **self.recorder.outlook.step_ended(step.key)}
        if step.started_at:
            took = step.finished_at - step.started_at
            metadata["duration_ms"] = round(took.total_seconds() * 1000)
        return [
            step_event(self.recorder.run.pk, step, self._line()),
            self._progress(step, message, details, metadata),
        ]

    def _line(self) -> str:
        """Returns what the run does now, with all steps that call a tool."""
        return texts.executing([one for one in self.steps.values() if one.type == StepType.TOOL])

    def _progress(
        self, step: PlanStep, message: str, details: str, metadata: Mapping[str, Any]
    ) -> events.Event:
        return events.Progress(
            self.recorder.run.pk,
            Phase.EXECUTION,
            message,
            details,
            {**metadata, "step_id": step.key},
        )


def _too_slow(tool: Tool) -> ToolFailed:
    return ToolFailed(f"{tool.name} took longer than {tool.timeout:g} s.")


class _Report:
    """A tool's own progress: at most 10 a second, and nothing said twice in a row."""

    PAUSE = 0.1

    def __init__(self, recorder: Recorder, step: PlanStep) -> None:
        self.recorder, self.step = recorder, step
        self.last: tuple[str, str] | None = None
        self.free_at = 0.0

    async def __call__(self, message: str, details: str = "") -> None:
        clock = asyncio.get_running_loop().time()
        if (message, details) == self.last or clock < self.free_at:
            return
        self.last, self.free_at = (message, details), clock + self.PAUSE
        await self.recorder.progress(Phase.EXECUTION, message, details, {"step_id": self.step.key})


def change_event(recorder: Recorder, change: Any) -> events.Event:
    user = recorder.run.created_by
    return events.Change(
        recorder.run.pk,
        object=change.object,
        id=change.id,
        action=change.action,
        before=change.before,
        after=change.after,
        by=user.get_username() if user else None,
    )


def outcomes(steps: Iterable[PlanStep]) -> tuple[StepOutcome, ...]:
    return tuple(
        StepOutcome(
            id=step.key,
            type=step.type,
            tool=step.tool,
            description=step.description,
            status=step.status,
            arguments=step.arguments,
            result=step.result,
            error=step.error,
        )
        for step in steps
    )
