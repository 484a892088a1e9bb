"""Measures runs by what is committed: it listens to the event log and to the drafts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from uuid import UUID

from agent.event_log import events
from agent.event_log.events import EventType
from agent.event_log.log import Committed
from agent.event_log.phases import Phase
from agent.models import Run
from agent.runs.drafts import Draft
from agent.support import metrics
from agent.support.per_loop import PerLoop

# Runs whose latest update is known. The memory phase may report after a run's end, and stays in it.
MAX_RUNS = 2_000
_PHASES = frozenset(Phase)

# Seconds for which commits are gathered, unless a run ends: adding them up costs less than each by itself.
GATHER = 0.2


class _Gathered:
    """What was committed on one event loop and is not measured yet, with the monotonic clock."""

    def __init__(self) -> None:
        self._commits: list[tuple[float, Sequence[events.Event]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, new: Sequence[events.Event]) -> None:
        self._commits.append((time.monotonic(), new))
        if any(event.type in events.LAST for event in new):
            self._measure()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER, self._measure)

    def _measure(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        commits, self._commits = self._commits, []
        for kind, number in Counter(event.type for _, new in commits for event in new).items():
            metrics.EVENTS.add(kind, amount=number)
        for at, new in commits:
            _measure_commit(at, new)


_gathered = PerLoop(_Gathered)
_updated: OrderedDict[UUID, float] = OrderedDict()  # by run, on the monotonic clock


def on_commit(committed: Committed) -> None:
    """Listens to `agent.event_log.log`."""
    _gathered.here().add(committed.events)


def on_drafts(written: Sequence[Draft]) -> None:
    """Listens to `agent.runs.drafts`."""
    now = time.monotonic()
    for draft in written:
        _note_update(draft.run, now)


def _measure_commit(at: float, new: Sequence[events.Event]) -> None:
    updated: set[UUID] = set()
    paused: set[UUID] = set()
    for event in new:
        _measure(event)
        if event.run is not None and _is_update(event):
            updated.add(event.run)
        if event.run is not None and _is_pause(event):
            paused.add(event.run)
    for run in updated:
        _note_update(run, at)
    for run in paused:
        _updated.pop(run, None)


def _measure(event: events.Event) -> None:
    match event:
        case events.Progress(
            step=step, metadata={"phase": "finished", "duration_ms": int() as took}
        ):
            if step in _PHASES and "step_id" not in event.metadata:
                metrics.PHASE_SECONDS.observe(took / 1000, step)
        case events.Run(status=status):
            metrics.RUN_STATES.add(status)
        case events.Complete(duration_ms=took):
            metrics.RUN_SECONDS.observe(took / 1000)
        case events.Error(code=code):
            metrics.RUN_ERRORS.add(code)


def _is_update(event: events.Event) -> bool:
    """Tells whether the event is of a run at work, and not of one that is only accepted."""
    if event.type == EventType.RUN:
        return getattr(event, "status", "") == Run.Status.RUNNING
    return event.type not in (EventType.MESSAGE, EventType.STEERING)


def _is_pause(event: events.Event) -> bool:
    """Tells whether nothing of the run is expected after the event: it is over, or a person decides."""
    if isinstance(event, events.Run):
        return event.status == Run.Status.WAITING
    return event.type in events.LAST


def _note_update(run: UUID, at: float) -> None:
    """A draft may be noted before a commit that was gathered: then the gap is 0."""
    before = _updated.pop(run, None)
    if before is not None:
        metrics.GAP_SECONDS.observe(max(0.0, at - before))
    _updated[run] = at if before is None else max(at, before)
    if len(_updated) > MAX_RUNS:
        _updated.popitem(last=False)
