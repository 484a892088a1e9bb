"""A run's own recorder: commits what the driver of one run does, as the driver does it.

Every method may raise `Fenced`: the run belongs to somebody else, leave at once.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from agent.event_log import events, log
from agent.event_log.events import STARTED, Phase
from agent.event_log.log import Done
from agent.llm.base import Usage
from agent.models import PhaseResult
from agent.plans import estimates
from agent.plans.estimates import Outlook
from agent.runs.runs import Claimed
from agent.support import raw_sql


@dataclass(frozen=True, slots=True)
class Finished:
    """How a phase ended: what it says, what a resumed run reads back, what commits with it."""

    message: str
    details: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    # Rows that belong to the result, written in the same transaction; returns their events.
    effect: Callable[[], Sequence[events.Event]] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)  # told with it


class Recorder:
    """Records for one claimed run."""

    def __init__(self, claimed: Claimed, usage: Usage) -> None:
        self.run = claimed.run
        self.fence = claimed.fence
        self.usage = usage
        self.open: list[Phase] = []  # started and not finished, for the report of a failure
        self.durations: dict[str, int] = {}  # milliseconds of each finished phase
        self.outlook: Outlook  # made by `load`
        self._ledger: dict[str, Mapping[str, Any]] = {}
        self._counted: Mapping[str, int] | None = None  # what is known to be kept of `usage`

    def load(self, model: str) -> None:
        """Reads back what earlier drivers of the run finished; `model` drives it now."""
        project = self.run.session.project_id
        self.outlook = Outlook(estimates.history(), model, project)
        for row in raw_sql.select(PhaseResult, "run_id = %s ORDER BY started_at, id", self.run.pk):
            self.durations[row.phase] = row.duration_ms
            self._keep(Phase(row.phase), row.result)

    def _keep(self, phase: Phase, result: Mapping[str, Any]) -> None:
        self._ledger[phase] = result
        self.outlook.skip(phase)
        if phase == Phase.ANALYZING:
            self.outlook.uses_tools = result["needs_tools"] and not result["question"]

    def finished(self, phase: Phase) -> bool:
        return phase in self._ledger

    async def append(self, *new: events.Event, effect: log.Effect[Any] | None = None) -> Any:
        return await log.append(self.run.session_id, new, fence=self.fence, effect=effect)

    async def progress(
        self,
        step: str,
        message: str,
        details: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """The progress callback: returns when the step is committed and on its way to the viewers."""
        await self.append(events.progress(self.run.pk, step, message, details, metadata))

    async def phase(
        self, phase: Phase, work: Callable[[], Awaitable[Finished]]
    ) -> Mapping[str, Any]:
        """Does `work` between the phase's `started` and `finished`, once; returns its result.

        The result and the rows of `Finished.effect` commit with the `finished` event. A phase that
        an earlier driver finished is not done again.
        """
        if phase in self._ledger:
            return self._ledger[phase]
        began, clock = timezone.now(), time.monotonic()
        self.open.append(phase)
        started = {"phase": "started", **self.outlook.phase_started(phase)}
        await self.progress(phase, *STARTED[phase], started)
        finished = await work()
        took = round((time.monotonic() - clock) * 1000)

        def keep() -> Done[Mapping[str, int]]:
            told = finished.effect() if finished.effect else ()
            kept = PhaseResult(
                run=self.run,
                phase=phase,
                result=finished.result,
                started_at=began,
                duration_ms=took,
            )
            raw_sql.insert(kept)
            return Done(self.count(), [*told, self._said(phase, finished, took)])

        self._counted = await self.append(effect=keep)
        self.open.remove(phase)
        self.durations[phase] = took
        self._keep(phase, finished.result)
        return finished.result

    def count(self) -> Mapping[str, int]:
        """Keeps what the run used so far, inside an effect; something was finished: no poison."""
        used = self.usage.as_json()
        if used != self._counted:
            self.run.usage, self.run.claims = used, 0
            raw_sql.save(self.run, "usage", "claims")
        return used

    def forget(self, *phases: Phase) -> None:
        """Has `phases` done anew; inside an effect, or before one."""
        for phase in phases:
            self._ledger.pop(phase, None)
            self.outlook.repeat(phase)

    def _said(self, phase: Phase, finished: Finished, took: int) -> events.Event:
        expected = self.outlook.phase_finished(phase)
        metadata = {"phase": "finished", "duration_ms": took, **expected, **finished.metadata}
        return events.progress(self.run.pk, phase, finished.message, finished.details, metadata)

    def failures(self, reason: str) -> list[events.Event]:
        """Returns a `failed` for each phase that is still open, the innermost first."""
        return [
            events.progress(
                self.run.pk, phase, f"❌ {_NAMES[phase]} failed", reason, {"phase": "failed"}
            )
            for phase in reversed(self.open)
        ]


_NAMES = {
    Phase.START: "Starting",
    Phase.CONTEXT: "Gathering the context",
    Phase.ANALYZING: "Analyzing the request",
    Phase.PLANNING: "Planning",
    Phase.VALIDATION: "Validating the plan",
    Phase.EXECUTION: "Carrying out the plan",
    Phase.MEMORY: "Updating the memory",
    Phase.COMPLETION: "Writing the answer",
}
