"""Estimates of durations from the latest successful runs, for runs that go on. No database writes.

An estimate uses the first of these groups that has `MIN_SAMPLES` samples; without one it is None.

- A phase: runs of the same kind (with tools, or answer only) by this model in this project; such runs
  by this model; while the kind is not known, all runs by this model. For phases without a model call
  also: all runs. Runs of other models say nothing about the duration of a model call.
- A tool: its calls by this model in this project; by this model; by any model. Other tools say nothing.

While a run goes on, its finished parts say whether it is slower or faster than usual: see `bands.Pace`.
Time that a run waited for a person is not included. The remaining time of a run is unknown before its plan.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from heapq import heappop, heappush
from math import log
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import F

from agent.event_log.phases import Phase, is_part
from agent.models import PhaseResult, PlanStep, Run
from agent.plan import WORK, Plan
from agent.plans.bands import MIN_SAMPLES, NOTHING, Estimate, Pace, agreement, estimate, rest
from agent.plans.ordering import MAX_PARALLEL_STEPS, needs

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
# What may be slow together: calls to the model, and calls of tools.
_MODEL, _TOOL = "model", "tool"


# -- past durations ------------------------------------------------------------------------------------

Key = tuple[str | bool | UUID | None, ...]


class History:
    """Past durations by group, the newest first. Computes an estimate on its first use."""

    def __init__(self, size: int) -> None:
        lifetime = 0 if size < UNCACHED_PHASES else CACHE_SECONDS * size / MAX_PHASES
        self.expires_at = time.monotonic() + lifetime
        self._samples: dict[Key, list[int]] = defaultdict(list)
        self._estimates: dict[Key, Estimate | None] = {}
        # By kind and model, of each run: the group and the duration of its parts.
        self._parts: dict[tuple[str, str], dict[Any, list[tuple[Key, int]]]] = {}
        self._agreements: dict[tuple[str, str], float] = {}

    def add_phase(
        self, run: Any, phase: str, model: str, project: UUID, uses_tools: bool, duration_ms: int
    ) -> None:
        """Adds a phase of `run`, a key of any kind. Phases and tools are added the newest first."""
        kind: Key = ("phase", phase, uses_tools, model)
        self._add([(*kind, project), kind, ("phase", phase, model), ("phase", phase)], duration_ms)
        if phase not in _WITHOUT_MODEL:
            self._add_part(_MODEL, model, run, kind, duration_ms)

    def add_tool(self, run: Any, tool: str, model: str, project: UUID, duration_ms: int) -> None:
        keys = _keys_of_tool(tool, model, project)
        self._add(keys, duration_ms)
        self._add_part(_kind_of(tool), model, run, keys[1], duration_ms)

    def _add(self, keys: Iterable[Key], duration_ms: int) -> None:
        for key in keys:
            self._samples[key].append(duration_ms)

    def _add_part(self, kind: str, model: str, run: Any, key: Key, duration_ms: int) -> None:
        runs = self._parts.setdefault((kind, model), defaultdict(list))
        runs[run].append((key, duration_ms))

    def phase(
        self, phase: Phase, model: str, project: UUID, uses_tools: bool | None
    ) -> Estimate | None:
        """`uses_tools`: None while it is unknown."""
        return self._of(self._first(_keys_of_phase(phase, model, project, uses_tools)))

    def tool(self, tool: str, model: str, project: UUID) -> Estimate | None:
        return self._of(self._first(_keys_of_tool(tool, model, project)))

    def rest_of_phase(
        self,
        phase: Phase,
        model: str,
        project: UUID,
        uses_tools: bool | None,
        elapsed: int,
        factor: float,
    ) -> Estimate | None:
        """Returns what is left of a phase after `elapsed` milliseconds; see `bands.rest`."""
        key = self._first(_keys_of_phase(phase, model, project, uses_tools))
        return rest(self._samples.get(key, ()), elapsed, factor)

    def rest_of_tool(
        self, tool: str, model: str, project: UUID, elapsed: int, factor: float
    ) -> Estimate | None:
        key = self._first(_keys_of_tool(tool, model, project))
        return rest(self._samples.get(key, ()), elapsed, factor)

    def agreement(self, kind: str, model: str) -> float:
        """Returns how much the parts of one kind were slow or fast together; see `bands.agreement`."""
        key = (kind, model)
        if key not in self._agreements:
            runs = self._parts.get(key, {}).values()
            self._agreements[key] = agreement([self._deviations(parts) for parts in runs])
        return self._agreements[key]

    def _deviations(self, parts: Iterable[tuple[Key, int]]) -> list[float]:
        usual = ((self._of(key), duration_ms) for key, duration_ms in parts)
        return [_deviation(duration_ms, one) for one, duration_ms in usual if one is not None]

    def _first(self, keys: Sequence[Key]) -> Key:
        """Returns the first group that has enough samples, or the last one."""
        return next((key for key in keys if self._of(key) is not None), keys[-1])

    def _of(self, key: Key) -> Estimate | None:
        if key not in self._estimates:
            self._estimates[key] = estimate(self._samples.get(key, ()))
        return self._estimates[key]


def _deviation(duration_ms: int, usual: Estimate) -> float:
    """Returns the logarithm of a duration, of what is usual."""
    return log(max(duration_ms, 1) / max(usual.median_ms, 1))


def _kind_of(tool: str) -> str:
    return _TOOL if tool else _MODEL


def _keys_of_phase(phase: Phase, model: str, project: UUID, uses_tools: bool | None) -> list[Key]:
    """Returns the groups of a phase, the closest first."""
    keys: list[Key] = [("phase", phase, model)]
    if uses_tools is not None:
        kind: Key = ("phase", phase, uses_tools, model)
        keys = [(*kind, project), kind]
    return [*keys, ("phase", phase)] if phase in _WITHOUT_MODEL else keys


def _keys_of_tool(tool: str, model: str, project: UUID) -> list[Key]:
    """Returns the groups of a call, the closest first. `tool`: "" for a step that its model composes,
    which other models and tools say nothing about.
    """
    if not tool:
        return [("compose", model, project), ("compose", model)]
    return [("tool", tool, model, project), ("tool", tool, model), ("tool", tool)]


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
        history.add_phase(run, phase, model, project, run in with_tools, duration_ms)
    succeeded = steps.filter(status=PlanStep.Status.SUCCEEDED, started_at__lte=F("finished_at"))
    columns = ("pk", "plan__run", "tool", "plan__run__model", "plan__run__session__project")
    calls = succeeded.order_by().values_list(*columns, "started_at", "finished_at")
    # Sorted here: for the order, a database may read the whole table.
    for _, run, tool, model, project, started, finished in sorted(
        calls, key=itemgetter(0), reverse=True
    ):
        assert started is not None, "the filter excludes null"
        assert finished is not None, "the filter excludes null"
        history.add_tool(
            run, tool, model, project, round((finished - started).total_seconds() * 1000)
        )
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
    _paces: dict[str, Pace] = field(default_factory=dict)  # by kind

    def phase_started(self, phase: Phase) -> dict[str, Any]:
        self._begin(phase)
        return self._metadata(self._phase(phase))

    def usual(self, phase: Phase) -> Estimate | None:
        """Returns how long the phase takes, None if that is unknown."""
        return self._phase(phase)

    def phase_finished(self, phase: Phase) -> dict[str, Any]:
        self._finished.add(phase)
        if phase not in _WITHOUT_MODEL:
            self._learn(_MODEL, phase, self._phase(phase))
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
            self._learn(_kind_of(self._tools[step]), f"step:{step}", self._tool(step))
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
        correlation = self._pace(_MODEL).correlation
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
        pace = self._pace(_MODEL)
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
            self._pace(kind).add(_deviation(elapsed, usual))

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
        return _makespan(rests, self._needs, self._pace(_TOOL).correlation)

    def _rest_of_step(self, step: str, tool: str) -> Estimate | None:
        pace = self._pace(_kind_of(tool))
        if elapsed := self._elapsed(f"step:{step}"):
            group = (tool, self.model, self.project)
            return self.history.rest_of_tool(*group, elapsed, pace.factor)
        whole = self._tool(step)
        return None if whole is None else whole.scaled(pace.factor, pace.width)


def _calls(phase: Phase) -> bool:
    """Tells whether the phase calls the model."""
    return phase not in _WITHOUT_MODEL


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
    remaining = RemainingTime(history(), run.model, run.session.project_id, uses_tools)
    remaining.skip(*(phase for phase in Phase if phase not in (Phase.EXECUTION, *_PARALLEL)))
    remaining.set_plan(plan, finished)
    return remaining.left()
