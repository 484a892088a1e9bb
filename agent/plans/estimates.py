"""How long things take: medians with a band, from the latest successful runs. None while too few tell.

A question is answered by the first of these that has `MIN_SAMPLES`, from the specific to the general:

- a phase: runs of this kind (they use tools, or only answer) by this model in this project; such runs
  by this model; all runs by this model. Only for phases that ask no model: all runs. What another
  model needs says nothing;
- a tool: this model in this project; this model; any model; any tool.

What a person was waited for is in none of these: phases and steps are timed while they work.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import reduce
from heapq import heappop, heappush
from math import hypot
from statistics import quantiles
from typing import Any
from uuid import UUID

from django.db.models import F

from agent.event_log.events import Phase
from agent.models import PhaseResult, PlanStep, Run
from agent.plan import Plan, StepType
from agent.plans.ordering import MAX_PARALLEL_STEPS, needs

# With fewer there is no estimate: chance would speak.
MIN_SAMPLES = 5
# Phases that are looked at, eight a run: older runs tell of older models, servers and machines.
LATEST = 8 * 250
# Seconds that a process keeps `LATEST` phases; it reads when a run is taken up, never for an event.
# Fewer are read faster, and sooner again; `FEW`, for each run: the first ones count at once.
KEPT_FOR, FEW = 60.0, 8 * 2 * MIN_SAMPLES
# A phase or step is slow when it takes this many times the upper end of its band; and never before
# `SLOW_FLOOR` milliseconds, below which a busy machine is all that it tells.
SLOW, SLOW_FLOOR = 1.5, 3_000

_ASK_NO_MODEL = frozenset((Phase.START, Phase.CONTEXT, Phase.EXECUTION))
# The others follow each other; these two work side by side, after them.
_SIDE_BY_SIDE = (Phase.MEMORY, Phase.COMPLETION)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Milliseconds: of ten runs, one is faster than `low_ms` and one slower than `high_ms`."""

    low_ms: int
    median_ms: int
    high_ms: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    def then(self, other: Estimate) -> Estimate:
        """One after the other. That both are unusually slow is rarer than that one of them is."""
        median = self.median_ms + other.median_ms
        below = hypot(self.median_ms - self.low_ms, other.median_ms - other.low_ms)
        above = hypot(self.high_ms - self.median_ms, other.high_ms - other.median_ms)
        return Estimate(max(0, round(median - below)), median, round(median + above))

    def beside(self, other: Estimate) -> Estimate:
        """Both at the same time."""
        return _each(max, self, other)

    def less(self, elapsed: int) -> Estimate:
        """What is left of it after `elapsed` milliseconds."""
        return _each(lambda ms: max(0, ms - elapsed), self)


def _each(function: Any, *estimates: Estimate) -> Estimate:
    """Applies `function` to the lower ends, to the medians and to the upper ends."""
    ends = zip(*((one.low_ms, one.median_ms, one.high_ms) for one in estimates), strict=True)
    return Estimate(*(function(*same) for same in ends))


NOTHING = Estimate(0, 0, 0)


# -- what was ------------------------------------------------------------------------------------------

Key = tuple[str | bool | UUID | None, ...]


class History:
    """Durations by what they are of. Estimates are made when they are first asked for."""

    def __init__(self, size: int) -> None:
        self.old_at = time.monotonic() + (0 if size < FEW else KEPT_FOR * size / LATEST)
        self._samples: dict[Key, list[int]] = defaultdict(list)
        self._made: dict[Key, Estimate | None] = {}

    def add_phase(
        self, phase: str, model: str, project: UUID, uses_tools: bool, took_ms: int
    ) -> None:
        for key in (
            ("phase", phase, uses_tools, model, project),
            ("phase", phase, uses_tools, model),
            ("phase", phase, model),
            ("phase", phase),
        ):
            self._samples[key].append(took_ms)

    def add_tool(self, tool: str, model: str, project: UUID, took_ms: int) -> None:
        for key in (
            ("tool", tool, model, project),
            ("tool", tool, model),
            ("tool", tool),
            ("tool",),
        ):
            self._samples[key].append(took_ms)

    def phase(
        self, phase: Phase, model: str, project: UUID, uses_tools: bool | None
    ) -> Estimate | None:
        """`uses_tools`: None when that is not known yet."""
        keys: list[Key] = [("phase", phase, model)]
        if uses_tools is not None:
            kind: Key = ("phase", phase, uses_tools, model)
            keys = [(*kind, project), kind, *keys]
        if phase in _ASK_NO_MODEL:
            keys.append(("phase", phase))
        return self._first(keys)

    def tool(self, tool: str, model: str, project: UUID) -> Estimate | None:
        return self._first(
            [("tool", tool, model, project), ("tool", tool, model), ("tool", tool), ("tool",)]
        )

    def _first(self, keys: Iterable[Key]) -> Estimate | None:
        return next((found for key in keys if (found := self._of(key)) is not None), None)

    def _of(self, key: Key) -> Estimate | None:
        if key not in self._made:
            self._made[key] = _estimate(self._samples.get(key, ()))
        return self._made[key]


def _estimate(samples: Collection[int]) -> Estimate | None:
    if len(samples) < MIN_SAMPLES:
        return None
    tenths = quantiles(samples, n=10, method="inclusive")
    return Estimate(round(tenths[0]), round(tenths[4]), round(tenths[8]))


def _load() -> History:
    # The latest by their keys, which are in the order of writing: no index of their own is needed.
    # A retried run has the phases of the former one; they count once.
    phases = list(
        PhaseResult.objects.filter(run__status=Run.Status.SUCCEEDED, run__retry_of=None)
        .order_by("-pk")
        .values_list("run", "phase", "run__model", "run__session__project", "duration_ms")[:LATEST]
    )
    steps = PlanStep.objects.filter(type=StepType.TOOL, plan__run__in={row[0] for row in phases})
    with_tools = set(steps.values_list("plan__run", flat=True))
    history = History(len(phases))
    for run, phase, model, project, took in phases:
        history.add_phase(phase, model, project, run in with_tools, took)
    done = steps.filter(status=PlanStep.Status.SUCCEEDED, started_at__lte=F("finished_at"))
    for tool, model, project, began, ended in done.values_list(
        "tool", "plan__run__model", "plan__run__session__project", "started_at", "finished_at"
    ):
        assert began is not None, "the filter compares it"
        assert ended is not None, "likewise"
        history.add_tool(tool, model, project, round((ended - began).total_seconds() * 1000))
    return history


_lock = threading.Lock()
_kept: History | None = None


def history() -> History:
    """Returns what this process knows, read anew when it is old."""
    global _kept
    with _lock:
        if _kept is None or time.monotonic() >= _kept.old_at:
            _kept = _load()
        return _kept


def clear_cache() -> None:
    """Has the next question read the rows."""
    global _kept
    _kept = None


# -- what is left --------------------------------------------------------------------------------------


@dataclass(slots=True)
class RemainingTime:
    """What is left of one run, as it goes: told of each beginning and end, it returns the metadata
    of the event that tells of it. `uses_tools` and `plan` are known when the run has come so far."""

    history: History
    model: str
    project: UUID
    uses_tools: bool | None = None
    _began: dict[str, float] = field(default_factory=dict)  # of phases and steps
    _ended: set[str] = field(default_factory=set)
    _tools: dict[str, str] = field(default_factory=dict)  # of the plan: the tool of each step
    _needs: Mapping[str, list[str]] | None = None  # None while there is no plan

    def phase_started(self, phase: Phase) -> dict[str, Any]:
        self._begin(phase)
        return self._metadata(self._phase(phase))

    def phase_finished(self, phase: Phase) -> dict[str, Any]:
        self._ended.add(phase)
        return self._metadata()

    def skip(self, *phases: Phase) -> None:
        """They were finished before."""
        self._ended.update(phases)

    def repeat(self, *phases: Phase) -> None:
        """They are to be done anew."""
        self._ended.difference_update(phases)

    def take(self, plan: Plan, ended: Collection[str] = ()) -> None:
        """The run carries `plan` out; its steps `ended` are over."""
        self._tools = {
            step.id: step.tool
            for step in plan.steps
            if step.type == StepType.TOOL and step.id not in ended
        }
        self._needs = needs(plan.steps)

    def step_started(self, step: str) -> dict[str, Any]:
        self._begin(f"step:{step}")
        return self._metadata(self._tool(step))

    def step_ended(self, step: str) -> dict[str, Any]:
        self._tools.pop(step, None)
        return self._metadata()

    def left(self) -> Estimate | None:
        """Returns how long the run still works; None when that is not known of every part of it."""
        following = [phase for phase in Phase if phase not in _SIDE_BY_SIDE]
        parts = [self._rest(phase) for phase in following if phase not in self._ended]
        sides = [self._rest(phase) for phase in _SIDE_BY_SIDE if phase not in self._ended]
        if None in parts or None in sides:
            return None
        last = reduce(Estimate.beside, (side for side in sides if side), NOTHING)
        return reduce(Estimate.then, (part for part in parts if part), NOTHING).then(last)

    def _begin(self, what: str) -> None:
        self._began[what] = time.monotonic()

    def _elapsed(self, what: str) -> int:
        began = self._began.get(what)
        return 0 if began is None else round((time.monotonic() - began) * 1000)

    def _metadata(self, begun: Estimate | None = None) -> dict[str, Any]:
        found = {}
        if (left := self.left()) is not None:
            found["eta_ms"] = left.median_ms
        if begun is not None:
            found["slow_after_ms"] = max(SLOW_FLOOR, round(SLOW * begun.high_ms))
        return found

    def _phase(self, phase: Phase) -> Estimate | None:
        if phase == Phase.EXECUTION and self._needs is not None:
            return self._steps()
        return self.history.phase(phase, self.model, self.project, self.uses_tools)

    def _rest(self, phase: Phase) -> Estimate | None:
        whole = self._phase(phase)
        if whole is None or (phase == Phase.EXECUTION and self._needs is not None):
            return whole  # the steps count what passed of them
        return whole.less(self._elapsed(phase))

    def _tool(self, step: str) -> Estimate | None:
        """Of a step in words nothing is known but how long the whole answer takes."""
        tool = self._tools.get(step)
        return None if tool is None else self.history.tool(tool, self.model, self.project)

    def _steps(self) -> Estimate | None:
        """Returns how long the steps that are left take: not their sum, since they work side by side."""
        assert self._needs is not None, "asked for when there is a plan"
        rest = {}
        for step in list(self._tools):
            whole = self._tool(step)
            if whole is None:
                return None
            rest[step] = whole.less(self._elapsed(f"step:{step}"))
        return Estimate(
            *(
                _makespan({step: getattr(one, end) for step, one in rest.items()}, self._needs)
                for end in ("low_ms", "median_ms", "high_ms")
            )
        )


def _makespan(took: Mapping[str, int], needs: Mapping[str, list[str]]) -> int:
    """Returns when the last step ends, at most `MAX_PARALLEL_STEPS` of them at work, in the order of the plan."""
    waiting = list(took)
    running: list[tuple[int, str]] = []
    clock = 0
    while waiting or running:
        open_steps = {*waiting, *(step for _, step in running)}
        ready = [step for step in waiting if open_steps.isdisjoint(needs[step])]
        for step in ready[: MAX_PARALLEL_STEPS - len(running)]:
            heappush(running, (clock + took[step], step))
            waiting.remove(step)
        clock, _ = heappop(running)
    return clock


def plan_estimate(run: Run, plan: Plan, ended: Collection[str] = ()) -> Estimate | None:
    """Returns how long `run` works from the moment that `plan` may be carried out to its end; its
    steps `ended` are over."""
    uses_tools = any(step.type == StepType.TOOL for step in plan.steps)
    outlook = RemainingTime(history(), run.model, run.session.project_id, uses_tools)
    outlook.skip(*(phase for phase in Phase if phase not in (Phase.EXECUTION, *_SIDE_BY_SIDE)))
    outlook.take(plan, ended)
    return outlook.left()
