"""The recorder of one claimed run: writes its phases, progress and usage to the event log.

Every method that writes may raise `Fenced`: the run was taken away, so stop executing it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from agent.event_log import events, log
from agent.event_log.log import Done, Fence
from agent.event_log.phases import PART, STARTED, Phase, is_part
from agent.event_log.texts import DOING
from agent.llm.base import Usage
from agent.llm.writing import Writing
from agent.models import PhaseResult
from agent.plans import approval_policy
from agent.plans.estimates import RemainingTime
from agent.plans.past_durations import History
from agent.runs import ending, model_calls, updates
from agent.runs.claiming import Claimed
from agent.runs.updates import Updates
from agent.support import raw_sql, tracing

# Events of progress that a run may report before the first of them is committed.
MAX_UNCOMMITTED = 8


@dataclass(frozen=True, slots=True)
class Finished:
    """How a phase ended: its texts, and the result that a resumed run reads back."""

    message: str
    details: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)  # of the run, saved with the result
    # Writes rows in the same transaction as the result; returns their events.
    effect: Callable[[], Sequence[events.Event]] | None = None
    # The message and the details, where only the effect tells them.
    words: Callable[[], tuple[str, str]] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)  # of the progress event
    # The same, but its events follow the `finished` one: ends or parks the run, or begins a phase.
    effect_after: Callable[[], Sequence[events.Event]] | None = None
    sub_steps: Sequence[Mapping[str, Any]] = ()  # of a reading


@dataclass(frozen=True, slots=True)
class _Begun:
    """A phase that has started: its row, the monotonic clock of its start, and its `started` event."""

    row: PhaseResult
    clock: float
    event: events.Event


@dataclass(frozen=True, slots=True)
class _Ending:
    """The end of a phase, to be saved: its row, its `finished` event, and the phases that follow."""

    row: PhaseResult
    finished: Finished
    event: events.Progress
    following: Mapping[Phase, _Begun]


@dataclass(slots=True)
class _Written:
    """What one effect has written. It counts after the commit: the effect may be repeated."""

    begun: dict[Phase, _Begun] = field(default_factory=dict)
    ended: dict[Phase, PhaseResult] = field(default_factory=dict)
    events: Sequence[events.Event] = ()
    usage: Mapping[str, int] | None = None
    calls: list[Writing] = field(default_factory=list)
    late: list[PhaseResult] = field(default_factory=list)  # rows that are not yet inserted


class Recorder:
    """Writes for one claimed run. `load` comes first."""

    def __init__(self, claimed: Claimed, usage: Usage) -> None:
        self.run = claimed.run
        self.fence = claimed.fence
        self.resumed = claimed.resumed
        self._unsaved = claimed.unsaved
        self.usage = usage
        # Whether nothing of the run was done before, by another claim or by the run that it retries.
        self.is_fresh = self.run.attempt == 1 and self.run.retry_of_id is None
        self.open: dict[Phase, _Begun] = {}  # started and not finished
        self._written = _Written()  # by the effect that is being committed
        self.unreadable: Exception | None = None  # the error of `load`
        self.finished_before = 0  # phases that earlier claims finished
        self.durations: dict[str, int] = {}  # milliseconds of each finished phase
        # By kind and id, how the run has left each object that it changed; None: deleted.
        self.changed: dict[tuple[str, UUID], Mapping[str, Any] | None] = {}
        self.overwritten: set[UUID] = set()  # objects whose texts the run has replaced
        self.outlook: RemainingTime
        self.updates = Updates()
        self._results: dict[str, Mapping[str, Any]] = {}
        # The results of the parts of phases, by their names.
        self._kept: dict[str, Mapping[str, Any]] = {}
        self._saved_usage: Mapping[str, int] | None = None  # `usage` as it was last saved
        self._uncommitted: deque[asyncio.Future[Any]] = deque()  # of progress, oldest first

    def load(self, model: str, history: History) -> None:
        """Reads back what earlier claims did. `model` names the model used now."""
        self.outlook = RemainingTime(history, model, self.run.session.project_id)
        if self.is_fresh:
            return
        for row in raw_sql.select(PhaseResult, "run_id = %s ORDER BY started_at, id", self.run.pk):
            if is_part(row.phase):
                self._kept[row.phase] = row.result
                continue
            self.durations[row.phase] = row.duration_ms
            self._results[row.phase] = row.result
            self._expect(Phase(row.phase), row.result)
        self.finished_before = len(self.durations)
        if self.finished(Phase.ANALYZING) and not self.finished(Phase.PLANNING):
            self.usage.set(model_calls.used(self.run.pk, self.usage.as_json()))
        self._count_changes(ending.events_of(self.run, events.Change))
        self.updates = updates.of_log(self.run)

    def begin_and_end(
        self, phase: Phase, finished: Finished, then: Sequence[Phase] = ()
    ) -> list[events.Event]:
        """Reports a phase that takes no time, inside the effect that claims the run; returns the events.

        `take_over` has to follow the commit.
        """
        self._written = _Written()
        begun = self.open[phase] = self._begin(phase)
        self._written.events = [begun.event, *self.end(phase, finished, then)]
        return self._written.events

    def take_over(self) -> None:
        """Counts what the claim has written, after its commit."""
        self._count(self._written)

    def _expect(self, phase: Phase, result: Mapping[str, Any]) -> None:
        """Has the estimates count the phase as finished, with this result."""
        self.outlook.skip(phase)
        if phase == Phase.ANALYZING:
            self.outlook.uses_tools = result["needs_tools"] and not result["question"]

    def finished(self, phase: Phase) -> bool:
        return phase in self._results

    async def append(self, *new: events.Event, effect: log.Effect[Any] | None = None) -> Any:
        """Returns the effect's value once the events are committed. Waits for earlier progress first."""
        work = self._append(new, effect)
        return await (work if tracing.tracer is None else tracing.within(work, "commit"))

    async def _append(self, new: Sequence[events.Event], effect: log.Effect[Any] | None) -> Any:
        while self._uncommitted:
            await self._uncommitted.popleft()
        if effect is None:
            value = await log.append(self.run.session_id, new, fence=self.fence)
            self.updates.count(new)
            return value

        def recorded() -> Done[tuple[Any, _Written]]:
            self._written = written = _Written()
            done = effect()
            written.events = done.events
            return Done((done.value, written), done.events)

        value, written = await log.append(
            self.run.session_id, new, fence=self.fence, effect=recorded
        )
        self.updates.count(new)
        self._count(written)
        return value

    def _count(self, written: _Written) -> None:
        """Takes over what an effect has written, after its commit."""
        for phase, row in written.ended.items():
            del self.open[phase]
            self.durations[phase] = row.duration_ms
            self._results[phase] = row.result
        self.open.update(written.begun)
        self._count_changes(one for one in written.events if isinstance(one, events.Change))
        self.updates.count(written.events)
        self._saved_usage = written.usage or self._saved_usage
        for call in written.calls:
            with contextlib.suppress(ValueError):  # a commit at the same time had it too
                self.usage.unsaved.remove(call)

    def _count_changes(self, changes: Iterable[events.Change]) -> None:
        self.changed |= {(change.object, change.id): change.after for change in changes}
        self.overwritten |= set(filter(None, map(approval_policy.overwritten, changes)))

    async def progress(
        self,
        step: str,
        message: str,
        details: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """The progress callback: tells of work inside a phase. Returns at once, unless `MAX_UNCOMMITTED`
        earlier calls wait for their commit. Viewers see an event only after its commit.
        """
        event = events.Progress(self.run.pk, step, message, details, dict(metadata or {}))
        future = log.submit(self.run.session_id, [event], fence=self.fence)
        self.updates.count([event])
        self._uncommitted.append(future)
        while self._uncommitted and (
            self._uncommitted[0].done() or len(self._uncommitted) > MAX_UNCOMMITTED
        ):
            await self._uncommitted.popleft()

    def report(self, event: events.Event) -> bool:
        """As `progress`, for an event, without waiting: returns False, and submits nothing, while
        `MAX_UNCOMMITTED` earlier ones wait for their commit.
        """
        while self._uncommitted and self._uncommitted[0].done():
            self._uncommitted.popleft()
        if len(self._uncommitted) > MAX_UNCOMMITTED:
            return False
        future = log.submit(self.run.session_id, [event], fence=self.fence)
        self.updates.count([event])
        self._uncommitted.append(future)
        return True

    async def phase(
        self,
        phase: Phase,
        work: Callable[[], Awaitable[Finished]],
        line: str = "",
        then: Sequence[Phase] = (),
    ) -> Mapping[str, Any]:
        """Runs `work` between the phase's `started` and `finished` events; returns its result.

        The result and the rows of `Finished.effect` commit with the `finished` event, and with them
        the `started` events of the phases `then`, whose work begins at once. A phase that an earlier
        claim finished is not run again: its stored result is returned. `line`: what the run does
        meanwhile, when the phase alone does not say it.
        """
        if phase in self._results:
            return self._results[phase]
        doing = self._do(phase, work, line, then)
        if tracing.tracer is not None:
            doing = tracing.within(doing, f"phase {phase}", samurai__phase=str(phase))
        await doing
        return self._results[phase]

    async def _do(
        self,
        phase: Phase,
        work: Callable[[], Awaitable[Finished]],
        line: str,
        then: Sequence[Phase],
    ) -> None:
        if phase not in self.open:
            begun = self._begin(phase, line)
            await self.append(begun.event)
            self.open[phase] = begun
        finished = await work()
        if phase not in self._results:  # `end` was not called
            ending = self._ending(phase, finished, then)
            await self.append(effect=lambda: Done(None, self._save(ending)))

    def end(
        self, phase: Phase, finished: Finished, then: Sequence[Phase] = (), *, late: bool = False
    ) -> list[events.Event]:
        """Ends a phase inside an effect of its work, instead of after it; returns the events. `late`: its
        row is written with that of the phase that the effect ends next.
        """
        return self._save(self._ending(phase, finished, then), late=late)

    def begin(self, phase: Phase, line: str = "") -> events.Event:
        """Begins a phase inside the effect that ends another; returns its `started` event."""
        begun = self._written.begun[phase] = self._begin(phase, line)
        return begun.event

    def kept(self, step: str) -> dict[str, Mapping[str, Any]]:
        """Returns the results of the parts of `step` that are finished, by their ids, in order."""
        parts = (name.partition(PART) for name in self._kept)
        return {key: self._kept[f"{step}{PART}{key}"] for name, _, key in parts if name == step}

    async def part(
        self, step: str, key: str, message: str, work: Callable[[], Awaitable[Finished]]
    ) -> Mapping[str, Any]:
        """As `phase`, for a part of a phase: the piece `key` of a registered progress step."""
        row = PhaseResult(run=self.run, phase=f"{step}{PART}{key}", started_at=timezone.now())
        if row.phase in self._kept:
            return self._kept[row.phase]
        clock, metadata = time.monotonic(), {"phase": "started", "step_id": key}
        await self.append(events.Progress(self.run.pk, step, message, "", metadata))
        finished = await work()
        row.result, row.sub_steps = finished.result, list(finished.sub_steps)
        row.duration_ms = round((time.monotonic() - clock) * 1000)
        ended = {"phase": "finished", "step_id": key, "duration_ms": row.duration_ms}
        event = events.Progress(
            self.run.pk, step, finished.message, finished.details, {**ended, **finished.metadata}
        )

        def effect() -> Done[None]:
            raw_sql.insert(row)
            self.save_usage()
            return Done(None, [*(finished.effect() if finished.effect else ()), event])

        await self.append(effect=effect)
        self._kept[row.phase] = finished.result
        return finished.result

    def pass_end(self) -> None:
        """Lets this process write about the run after its end, as long as nobody else does."""
        self.fence = Fence(self.run.pk, self.fence.attempt + 1)

    def _begin(self, phase: Phase, line: str = "") -> _Begun:
        row = PhaseResult(run=self.run, phase=phase, started_at=timezone.now())
        started = {"phase": "started", **self.outlook.phase_started(phase)}
        if (usual := started.get("usual")) is not None:
            row.low_ms, row.high_ms = usual["low_ms"], usual["high_ms"]
        told = {"line": line} if line else None
        event = events.Progress(self.run.pk, phase, STARTED[phase], "", started, texts=told)
        return _Begun(row, time.monotonic(), event)

    def _ending(self, phase: Phase, finished: Finished, then: Sequence[Phase]) -> _Ending:
        row = self.open[phase].row
        row.result = finished.result
        row.duration_ms = round((time.monotonic() - self.open[phase].clock) * 1000)
        self._expect(phase, finished.result)  # before the estimates of the phases `then`
        event = self._finished_event(row, finished)
        following = {other: self._begin(other) for other in then if other not in self._results}
        return _Ending(row, finished, event, following)

    def _save(self, ending: _Ending, *, late: bool = False) -> list[events.Event]:
        row, finished = ending.row, ending.finished
        self._written.ended[Phase(row.phase)] = row
        self._written.begun |= ending.following
        before = finished.effect() if finished.effect else ()
        event = ending.event
        if finished.words:
            message, details = finished.words()
            event = replace(event, message=message, details=details)
        self._written.late.append(row)
        if not late:
            raw_sql.insert(*self._written.late)
            self._written.late.clear()
            self.save_usage(soon=row.phase == Phase.ANALYZING, **finished.fields)
        after = finished.effect_after() if finished.effect_after else ()
        started = [begun.event for begun in ending.following.values()]
        return [*before, event, *after, *started]

    def save_usage(self, *, soon: bool = False, **fields: Any) -> None:
        """Saves the usage so far and other `fields` of the run, inside an effect, and resets the claims:
        the run makes progress. `soon`: the next phase saves it. If it cannot, `load` counts the kept calls.
        """
        self._save_calls()
        used = self.usage.as_json()
        is_new = used != (self._written.usage or self._saved_usage)
        may_wait = soon and self.run.claims == 0 and settings.SAMURAI_KEEP_PROMPTS_DAYS > 0
        if is_new and not may_wait:
            self._written.usage = used
            fields |= {"usage": used, "claims": 0}
        for name, value in fields.items():
            setattr(self.run, name, value)
        if names := dict.fromkeys((*self._unsaved, *fields)):
            raw_sql.save(self.run, *names)
            self._unsaved.clear()

    def _save_calls(self) -> None:
        new = [call for call in self.usage.unsaved if call not in self._written.calls]
        model_calls.save(self.run.pk, new)
        self._written.calls += new

    def _finished_event(self, row: PhaseResult, finished: Finished) -> events.Progress:
        phase = Phase(row.phase)
        metadata = {
            "phase": "finished",
            "duration_ms": row.duration_ms,
            **self.outlook.phase_finished(phase),
            **finished.metadata,
        }
        return events.Progress(self.run.pk, phase, finished.message, finished.details, metadata)

    def failures(self, reason: str) -> list[events.Event]:
        """Returns a `failed` event for each phase that is still open, the innermost first."""
        return [
            events.Progress(
                self.run.pk, phase, f"❌ {DOING[phase]} failed", reason, {"phase": "failed"}
            )
            for phase in reversed(list(self.open))
        ]
