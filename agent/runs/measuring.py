"""Measures runs by what is committed: it listens to the event log and to the drafts."""

from __future__ import annotations

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

# Runs whose latest update is known. The memory phase may report after a run's end, and stays in it.
MAX_RUNS = 2_000
_PHASES = frozenset(Phase)

_updated: OrderedDict[UUID, float] = OrderedDict()  # by run, on the monotonic clock


def on_commit(committed: Committed) -> None:
    """Listens to `agent.event_log.log`."""
    for kind, number in Counter(event.type for event in committed.events).items():
        metrics.EVENTS.add(kind, amount=number)
    for event in committed.events:
        _measure(event)
    for run in dict.fromkeys(event.run for event in committed.events if _is_update(event)):
        if run is not None:
            _note_update(run)
    for event in committed.events:
        if _is_pause(event) and event.run is not None:
            _updated.pop(event.run, None)


def on_drafts(written: Sequence[Draft]) -> None:
    """Listens to `agent.runs.drafts`."""
    for draft in written:
        _note_update(draft.run)


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


def _note_update(run: UUID) -> None:
    now = time.monotonic()
    if (before := _updated.pop(run, None)) is not None:
        metrics.GAP_SECONDS.observe(now - before)
    _updated[run] = now
    if len(_updated) > MAX_RUNS:
        _updated.popitem(last=False)
