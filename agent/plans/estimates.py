"""Estimates of the remaining time of runs that go on, by `past_durations`. No database writes.

While a run goes on, its finished parts say whether it is slower or faster than usual: see `bands.Pace`.
Time that a run waited for a person is not included. The remaining time of a run is unknown before its plan.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import reduce
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from agent.event_log.phases import Phase
from agent.models import Run
from agent.plan import WORK, Plan
from agent.plans import past_durations
from agent.plans.bands import NOTHING, Estimate, Pace
from agent.plans.ordering import MAX_PARALLEL_STEPS, needs
from agent.plans.past_durations import MODEL, TOOL, WITHOUT_MODEL, History, deviation, kind_of

# A phase or step is slow when it takes this many times the upper end of its range, but never before
# `SLOW_FLOOR` milliseconds: shorter delays only show that the machine is busy.
SLOW, SLOW_FLOOR = 1.5, 3_000

# These two run at the same time, after all others. The others run one after another.
_PARALLEL = (Phase.MEMORY, Phase.COMPLETION)


@dataclass(slots=True)
class RemainingTime:
    """The remaining time of one run. The run reports each start and end of a phase or step, and gets
    the estimates for that event's metadata. `uses_tools` is None until the message is analyzed.
    """

    history: History
    model: str
    project: UUID
    uses_tools: bool | None = None
    _started: dict[str, float] = field(default_factory=dict)  # phases and steps
    _finished: set[str] = field(default_factory=set)  # phases
    _tools: dict[str, str] = field(default_factory=dict)  # tool of each unfinished step of the plan
    _needs: Mapping[str, list[str]] | None = None  # None while there is no plan
    _paces: dict[str, Pace] = field(default_factory=dict)  # by kind

    def phase_started(self, phase: Phase) -> dict[str, Any]:
        self._begin(phase)
        return self._metadata(self._phase(phase))

    def usual(self, phase: Phase) -> Estimate | None:
        """Returns how long the phase takes, None if that is unknown."""
        return self._phase(phase)

    def phase_finished(self, phase: Phase) -> dict[str, Any]:
        self._finished.add(phase)
        if phase not in WITHOUT_MODEL:
            self._learn(MODEL, phase, self._phase(phase))
        return self._metadata()

    def skip(self, *phases: Phase) -> None:
        """Excludes phases that were finished before."""
        self._finished.update(phases)

    def set_plan(self, plan: Plan, finished: Collection[str] = ()) -> None:
        """Sets the plan that the run executes. `finished`: ids of its finished steps."""
        self._tools = {
            step.id: step.tool
            for step in plan.steps
            if step.type in WORK and step.id not in finished
        }
        self._needs = needs(plan.steps)

    def step_started(self, step: str) -> dict[str, Any]:
        self._begin(f"step:{step}")
        return self._metadata(self._tool(step))

    def step_ended(self, step: str, *, succeeded: bool = True) -> dict[str, Any]:
        """`succeeded`: its duration tells how fast the run is."""
        if succeeded and step in self._tools:
            self._learn(kind_of(self._tools[step]), f"step:{step}", self._tool(step))
        self._tools.pop(step, None)
        return self._metadata()

    def left(self) -> Estimate | None:
        """Returns the remaining time of the run; None if it is unknown for any part of the run."""
        open_phases = [phase for phase in Phase if phase not in self._finished]
        rests = {phase: self._rest(phase) for phase in open_phases}
        known = {phase: one for phase, one in rests.items() if one is not None}
        if len(known) < len(rests):
            return None
        last = reduce(Estimate.beside, (known.pop(one, NOTHING) for one in _PARALLEL))
        calls = [known.pop(phase) for phase in open_phases if phase in known and _calls(phase)]
        correlation = self._pace(MODEL).correlation
        asked = reduce(lambda one, other: one.then(other, correlation), [*calls, last])
        return reduce(Estimate.then, known.values(), asked)

    def _begin(self, name: str) -> None:
        self._started[name] = time.monotonic()

    def _elapsed(self, name: str) -> int:
        started = self._started.get(name)
        return 0 if started is None else round((time.monotonic() - started) * 1000)

    def _metadata(self, begun: Estimate | None = None) -> dict[str, Any]:
        metadata: dict[str, Any] = {}
        if self._needs is not None and (left := self.left()) is not None:
            metadata |= {"eta_ms": left.median_ms, "eta": left.as_json()}
        if begun is not None:
            metadata["slow_after_ms"] = max(SLOW_FLOOR, round(SLOW * begun.high_ms))
            metadata["usual"] = begun.as_json()
        return metadata

    def _phase(self, phase: Phase) -> Estimate | None:
        if phase == Phase.EXECUTION and self._needs is not None:
            return self._steps()
        return self.history.phase(phase, self.model, self.project, self.uses_tools)

    def _rest(self, phase: Phase) -> Estimate | None:
        whole = self._phase(phase)
        if whole is None or (phase == Phase.EXECUTION and self._needs is not None):
            return whole  # `_steps` is what is left already
        if not _calls(phase):
            return whole.minus(self._elapsed(phase))
        pace = self._pace(MODEL)
        if elapsed := self._elapsed(phase):
            group = (phase, self.model, self.project, self.uses_tools)
            return self.history.rest_of_phase(*group, elapsed, pace.factor)
        return whole.scaled(pace.factor, pace.width)

    def _pace(self, kind: str) -> Pace:
        if kind not in self._paces:
            self._paces[kind] = Pace(self.history.agreement(kind, self.model))
        return self._paces[kind]

    def _learn(self, kind: str, name: str, usual: Estimate | None) -> None:
        """Counts how much longer than usual a part took that ends now."""
        if usual is not None and (elapsed := self._elapsed(name)):
            self._pace(kind).add(deviation(elapsed, usual))

    def _tool(self, step: str) -> Estimate | None:
        """Returns None for steps without a tool: the completion phase includes their time."""
        tool = self._tools.get(step)
        return None if tool is None else self.history.tool(tool, self.model, self.project)

    def _steps(self) -> Estimate | None:
        """Returns the time until the last step ends. Steps run in parallel, so that it is no sum."""
        assert self._needs is not None, "called only when there is a plan"
        rests = {}
        for step, tool in self._tools.items():
            left = self._rest_of_step(step, tool)
            if left is None:
                return None
            rests[step] = left
        return _makespan(rests, self._needs, self._pace(TOOL).correlation)

    def _rest_of_step(self, step: str, tool: str) -> Estimate | None:
        pace = self._pace(kind_of(tool))
        if elapsed := self._elapsed(f"step:{step}"):
            group = (tool, self.model, self.project)
            return self.history.rest_of_tool(*group, elapsed, pace.factor)
        whole = self._tool(step)
        return None if whole is None else whole.scaled(pace.factor, pace.width)


def _calls(phase: Phase) -> bool:
    """Tells whether the phase calls the model."""
    return phase not in WITHOUT_MODEL


def _makespan(
    durations: Mapping[str, Estimate], needs: Mapping[str, list[str]], correlation: float
) -> Estimate:
    """Returns the time until the last step ends, if at most `MAX_PARALLEL_STEPS` run at once and
    steps start in the order of the plan. `correlation`: of two steps.
    """
    waiting = list(durations)
    ends: dict[str, Estimate] = {}
    running: list[tuple[int, str]] = []
    clock = 0
    while waiting or running:
        open_steps = {*waiting, *(step for _, step in running)}
        ready = [step for step in waiting if open_steps.isdisjoint(needs[step])]
        for step in ready[: MAX_PARALLEL_STEPS - len(running)]:
            before = (ends[other] for other in needs[step] if other in ends)
            start = _not_before(clock, reduce(Estimate.beside, before, NOTHING))
            ends[step] = start.then(durations[step], correlation)
            heappush(running, (ends[step].median_ms, step))
            waiting.remove(step)
        clock, _ = heappop(running)
    return reduce(Estimate.beside, ends.values(), NOTHING)


def _not_before(clock: int, start: Estimate) -> Estimate:
    """Returns the start of a step that had to wait for others to make room until `clock`."""
    late = max(0, clock - start.median_ms)
    return Estimate(start.low_ms + late, start.median_ms + late, start.high_ms + late)


def plan_estimate(run: Run, plan: Plan, finished: Collection[str] = ()) -> Estimate | None:
    """Returns the time that `run` needs from the approval of `plan` to its end. `finished`: ids of
    the plan's finished steps.
    """
    uses_tools = any(step.type in WORK for step in plan.steps)
    remaining = RemainingTime(
        past_durations.history(), run.model, run.session.project_id, uses_tools
    )
    remaining.skip(*(phase for phase in Phase if phase not in (Phase.EXECUTION, *_PARALLEL)))
    remaining.set_plan(plan, finished)
    return remaining.left()
