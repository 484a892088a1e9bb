"""Estimates of durations: medians with a range, from the latest successful runs. No database writes.

An estimate uses the first of these groups that has `MIN_SAMPLES` samples; without one it is None.

- A phase: runs of the same kind (with tools, or answer only) by this model in this project; such runs
  by this model; while the kind is not known, all runs by this model. For phases without a model call
  also: all runs. Runs of other models say nothing about the duration of a model call.
- A tool: its calls by this model in this project; by this model; by any model. Other tools say nothing.

Time that a run waited for a person is not included. The remaining time of a run is unknown before its plan.
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

from agent.event_log.phases import Phase, is_part
from agent.models import PhaseResult, PlanStep, Run
from agent.plan import WORK, Plan
from agent.plans.ordering import MAX_PARALLEL_STEPS, needs

# Fewer samples are too random for an estimate.
MIN_SAMPLES = 6
# Latest phases that are read, eight per run. Older runs used other models, servers and machines.
MAX_PHASES = 8 * 250
# Seconds for which a process caches `MAX_PHASES` phases. Fewer phases are cached for a shorter time;
# up to `UNCACHED_PHASES` are read for each run, so that the first runs count at once. Rows are read
# when a run starts, never for an event.
CACHE_SECONDS, UNCACHED_PHASES = 60.0, 8 * 2 * MIN_SAMPLES
# A phase or step is slow when it takes this many times the upper end of its range, but never before
# `SLOW_FLOOR` milliseconds: shorter delays only show that the machine is busy.
SLOW, SLOW_FLOOR = 1.5, 3_000

_WITHOUT_MODEL = frozenset((Phase.START, Phase.CONTEXT, Phase.EXECUTION))
# These two run at the same time, after all others. The others run one after another.
_PARALLEL = (Phase.MEMORY, Phase.COMPLETION)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A duration in milliseconds. Of ten runs, one is faster than `low_ms`, one slower than `high_ms`."""

    low_ms: int
    median_ms: int
    high_ms: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    def then(self, other: Estimate) -> Estimate:
        """Returns the duration of both, one after the other.

        The distances from the median are not added but combined as independent deviations: both
        are rarely slow at once.
        """
        median = self.median_ms + other.median_ms
        below = hypot(self.median_ms - self.low_ms, other.median_ms - other.low_ms)
        above = hypot(self.high_ms - self.median_ms, other.high_ms - other.median_ms)
        return Estimate(max(0, round(median - below)), median, round(median + above))

    def beside(self, other: Estimate) -> Estimate:
        """Returns the duration of both at the same time."""
        return _each(max, self, other)

    def minus(self, elapsed: int) -> Estimate:
        """Returns the remaining duration after `elapsed` milliseconds."""
        return _each(lambda ms: max(0, ms - elapsed), self)


def _each(function: Any, *estimates: Estimate) -> Estimate:
    """Applies `function` to the lower ends, to the medians and to the upper ends."""
    values = zip(
        *((estimate.low_ms, estimate.median_ms, estimate.high_ms) for estimate in estimates),
        strict=True,
    )
    return Estimate(*(function(*args) for args in values))


NOTHING = Estimate(0, 0, 0)


# -- past durations ------------------------------------------------------------------------------------

Key = tuple[str | bool | UUID | None, ...]


class History:
    """Past durations by group. Computes an estimate on its first use."""

    def __init__(self, size: int) -> None:
        lifetime = 0 if size < UNCACHED_PHASES else CACHE_SECONDS * size / MAX_PHASES
        self.expires_at = time.monotonic() + lifetime
        self._samples: dict[Key, list[int]] = defaultdict(list)
        self._estimates: dict[Key, Estimate | None] = {}

    def add_phase(
        self, phase: str, model: str, project: UUID, uses_tools: bool, duration_ms: int
    ) -> None:
        for key in (
            ("phase", phase, uses_tools, model, project),
            ("phase", phase, uses_tools, model),
            ("phase", phase, model),
            ("phase", phase),
        ):
            self._samples[key].append(duration_ms)

    def add_tool(self, tool: str, model: str, project: UUID, duration_ms: int) -> None:
        for key in _keys_of_tool(tool, model, project):
            self._samples[key].append(duration_ms)

    def phase(
        self, phase: Phase, model: str, project: UUID, uses_tools: bool | None
    ) -> Estimate | None:
        """`uses_tools`: None while it is unknown."""
        keys: list[Key] = [("phase", phase, model)]
        if uses_tools is not None:
            kind: Key = ("phase", phase, uses_tools, model)
            keys = [(*kind, project), kind]
        if phase in _WITHOUT_MODEL:
            keys.append(("phase", phase))
        return self._first(keys)

    def tool(self, tool: str, model: str, project: UUID) -> Estimate | None:
        return self._first(_keys_of_tool(tool, model, project))

    def _first(self, keys: Iterable[Key]) -> Estimate | None:
        return next((estimate for key in keys if (estimate := self._of(key)) is not None), None)

    def _of(self, key: Key) -> Estimate | None:
        if key not in self._estimates:
            self._estimates[key] = _estimate(self._samples.get(key, ()))
        return self._estimates[key]


def _keys_of_tool(tool: str, model: str, project: UUID) -> list[Key]:
    """Returns the groups of a call, the closest first. `tool`: "" for a step that its model composes,
    which other models and tools say nothing about.
    """
    if not tool:
        return [("compose", model, project), ("compose", model)]
    return [("tool", tool, model, project), ("tool", tool, model), ("tool", tool)]


def _estimate(samples: Collection[int]) -> Estimate | None:
    if len(samples) < MIN_SAMPLES:
        return None
    deciles = quantiles(samples, n=10, method="inclusive")
    return Estimate(round(deciles[0]), round(deciles[4]), round(deciles[8]))


def _load() -> History:
    # The latest by primary key, which grows in the order of writing, and then their runs: a database
    # that may choose would rather begin with all successful runs.
    rows = PhaseResult.objects.order_by("-pk").values_list("run", "phase", "duration_ms")
    latest = list(rows[: 2 * MAX_PHASES])
    # Without retries: they adopt the phases of the failed run, which would count twice.
    successful = Run.objects.filter(
        pk__in={run for run, _, _ in latest}, status=Run.Status.SUCCEEDED, retry_of=None
    )
    runs = {
        key: (model, project)
        for key, model, project in successful.values_list("pk", "model", "session__project")
    }
    phases = [
        (run, phase, *runs[run], duration_ms)
        for run, phase, duration_ms in latest
        if run in runs and not is_part(phase)
    ][:MAX_PHASES]
    steps = PlanStep.objects.filter(type__in=WORK, plan__run__in=runs.keys())
    with_tools = set(steps.values_list("plan__run", flat=True))
    history = History(len(phases))
    for run, phase, model, project, duration_ms in phases:
        history.add_phase(phase, model, project, run in with_tools, duration_ms)
    succeeded = steps.filter(status=PlanStep.Status.SUCCEEDED, started_at__lte=F("finished_at"))
    for tool, model, project, started, finished in succeeded.values_list(
        "tool", "plan__run__model", "plan__run__session__project", "started_at", "finished_at"
    ):
        assert started is not None, "the filter excludes null"
        assert finished is not None, "the filter excludes null"
        history.add_tool(tool, model, project, round((finished - started).total_seconds() * 1000))
    return history


_lock = threading.Lock()
_cached: History | None = None


def history() -> History:
    """Returns the process's cached history; reads the rows again when the cache has expired."""
    global _cached
    with _lock:
        found = cached_history()
        if found is None:
            found = _cached = _load()
        return found


def cached_history() -> History | None:
    """Returns the cached history, or None when it has expired."""
    if _cached is None or time.monotonic() >= _cached.expires_at:
        return None
    return _cached


def clear_cache() -> None:
    global _cached
    _cached = None


# -- remaining time ------------------------------------------------------------------------------------


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

    def phase_started(self, phase: Phase) -> dict[str, Any]:
        self._begin(phase)
        return self._metadata(self._phase(phase))

    def usual(self, phase: Phase) -> Estimate | None:
        """Returns how long the phase takes, None if that is unknown."""
        return self._phase(phase)

    def phase_finished(self, phase: Phase) -> dict[str, Any]:
        self._finished.add(phase)
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

    def step_ended(self, step: str) -> dict[str, Any]:
        self._tools.pop(step, None)
        return self._metadata()

    def left(self) -> Estimate | None:
        """Returns the remaining time of the run; None if it is unknown for any part of the run."""
        sequence = [phase for phase in Phase if phase not in _PARALLEL]
        sequential = [self._rest(phase) for phase in sequence if phase not in self._finished]
        parallel = [self._rest(phase) for phase in _PARALLEL if phase not in self._finished]
        if None in sequential or None in parallel:
            return None
        last = reduce(Estimate.beside, (part for part in parallel if part), NOTHING)
        return reduce(Estimate.then, (part for part in sequential if part), NOTHING).then(last)

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
            return whole  # `_steps` already subtracts the elapsed time
        return whole.minus(self._elapsed(phase))

    def _tool(self, step: str) -> Estimate | None:
        """Returns None for steps without a tool: the completion phase includes their time."""
        tool = self._tools.get(step)
        return None if tool is None else self.history.tool(tool, self.model, self.project)

    def _steps(self) -> Estimate | None:
        """Returns the time until the last step ends. Steps run in parallel, so that it is no sum."""
        assert self._needs is not None, "called only when there is a plan"
        rest = {}
        for step in list(self._tools):
            whole = self._tool(step)
            if whole is None:
                return None
            rest[step] = whole.minus(self._elapsed(f"step:{step}"))
        return Estimate(
            *(
                _makespan(
                    {step: getattr(estimate, name) for step, estimate in rest.items()}, self._needs
                )
                for name in ("low_ms", "median_ms", "high_ms")
            )
        )


def _makespan(durations: Mapping[str, int], needs: Mapping[str, list[str]]) -> int:
    """Returns the time until the last step ends, if at most `MAX_PARALLEL_STEPS` run at once and
    steps start in the order of the plan.
    """
    waiting = list(durations)
    running: list[tuple[int, str]] = []
    clock = 0
    while waiting or running:
        open_steps = {*waiting, *(step for _, step in running)}
        ready = [step for step in waiting if open_steps.isdisjoint(needs[step])]
        for step in ready[: MAX_PARALLEL_STEPS - len(running)]:
            heappush(running, (clock + durations[step], step))
            waiting.remove(step)
        clock, _ = heappop(running)
    return clock


def plan_estimate(run: Run, plan: Plan, finished: Collection[str] = ()) -> Estimate | None:
    """Returns the time that `run` needs from the approval of `plan` to its end. `finished`: ids of
    the plan's finished steps.
    """
    uses_tools = any(step.type in WORK for step in plan.steps)
    remaining = RemainingTime(history(), run.model, run.session.project_id, uses_tools)
    remaining.skip(*(phase for phase in Phase if phase not in (Phase.EXECUTION, *_PARALLEL)))
    remaining.set_plan(plan, finished)
    return remaining.left()
