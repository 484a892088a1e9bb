"""Durations of the latest successful runs, and what is usual by them. Read once for many runs; no writes.

What is usual is told by the first of these groups that has `MIN_SAMPLES` samples; without one it is None.

- A phase: runs of the same kind (with tools, or answer only) by this model in this project; such runs
  by this model; while the kind is not known, all runs by this model. For phases without a model call
  also: all runs. Runs of other models say nothing about the duration of a model call.
- A tool: its calls by this model in this project; by this model; by any model. Other tools say nothing.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import log
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from agent.event_log.phases import Phase, is_part
from agent.models import PhaseResult, PlanStep, Run
from agent.plan import WORK
from agent.plans.bands import MIN_SAMPLES, Estimate, agreement, estimate, rest

# Latest phases that are read, eight per run. Older runs used other models, servers and machines.
MAX_PHASES = 8 * 250
# Seconds for which a process caches `MAX_PHASES` phases. Fewer phases are cached for a shorter time;
# up to `UNCACHED_PHASES` are read for each run, so that the first runs count at once. Rows are read
# when a run starts, never for an event.
CACHE_SECONDS, UNCACHED_PHASES = 60.0, 8 * 2 * MIN_SAMPLES
WITHOUT_MODEL = frozenset((Phase.START, Phase.CONTEXT, Phase.EXECUTION))
# What may be slow together: calls to the model, and calls of tools.
MODEL, TOOL = "model", "tool"

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
        if phase not in WITHOUT_MODEL:
            self._add_part(MODEL, model, run, kind, duration_ms)

    def add_tool(self, run: Any, tool: str, model: str, project: UUID, duration_ms: int) -> None:
        keys = _keys_of_tool(tool, model, project)
        self._add(keys, duration_ms)
        self._add_part(kind_of(tool), model, run, keys[1], duration_ms)

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
        return [deviation(duration_ms, one) for one, duration_ms in usual if one is not None]

    def _first(self, keys: Sequence[Key]) -> Key:
        """Returns the first group that has enough samples, or the last one."""
        return next((key for key in keys if self._of(key) is not None), keys[-1])

    def _of(self, key: Key) -> Estimate | None:
        if key not in self._estimates:
            self._estimates[key] = estimate(self._samples.get(key, ()))
        return self._estimates[key]


def deviation(duration_ms: int, usual: Estimate) -> float:
    """Returns the logarithm of a duration, of what is usual."""
    return log(max(duration_ms, 1) / max(usual.median_ms, 1))


def kind_of(tool: str) -> str:
    return TOOL if tool else MODEL


def _keys_of_phase(phase: Phase, model: str, project: UUID, uses_tools: bool | None) -> list[Key]:
    """Returns the groups of a phase, the closest first."""
    keys: list[Key] = [("phase", phase, model)]
    if uses_tools is not None:
        kind: Key = ("phase", phase, uses_tools, model)
        keys = [(*kind, project), kind]
    return [*keys, ("phase", phase)] if phase in WITHOUT_MODEL else keys


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
    runs = _successful({run for run, _, _ in latest})
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
    _add_tools(history, steps)
    return history


def _successful(runs: set[UUID]) -> dict[UUID, tuple[str, UUID]]:
    """Returns the model and the project of those of the runs that succeeded."""
    # Without retries: they adopt the phases of the failed run, which would count twice.
    successful = Run.objects.filter(pk__in=runs, status=Run.Status.SUCCEEDED, retry_of=None)
    return {
        key: (model, project)
        for key, model, project in successful.values_list("pk", "model", "session__project")
    }


def _add_tools(history: History, steps: QuerySet[PlanStep]) -> None:
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
