"""What is told of one input: its run as it ended, or why there is none. One line of the output each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from agent import agent
from agent.batch.inputs import Item
from agent.event_log import events
from agent.event_log.events import EventType
from agent.exceptions import Refused
from agent.models import Event, Run

Result = Mapping[str, Any]

# The reason of a dry run's cancelling: such a run ended as it should.
DRY_RUN = "A dry run: planned, and nothing carried out."


def of_run(item: Item, run_id: UUID, after: int, dry_run: bool) -> Result:
    """Reads it from the rows; `after`: where in the log of the session the run begins."""
    run, told = Run.objects.get(pk=run_id), agent.result(run_id)
    last = _last(run, after)
    reason = last.reason if isinstance(last, events.Cancelled) else ""
    planned = dry_run and reason == DRY_RUN
    assert run.finished_at is not None, "its last event was read"
    return {
        **_about(item, dry_run),
        "status": told.status,
        "ok": told.status == Run.Status.SUCCEEDED or planned,
        "session": str(run.session_id),
        "run": str(run.pk),
        "response": told.answer,
        "plan": told.plan,
        "steps": list(told.steps),
        "effects": _effects(run, after) if dry_run else None,
        "changes": _told(run, after, EventType.CHANGE),
        "usage": told.usage,
        "durations": told.durations,
        "duration_ms": round((run.finished_at - run.created_at).total_seconds() * 1000),
        "error": None if planned else told.error or reason or None,
        "code": told.code or None,
    }


def of_refusal(item: Item, session: UUID, refused: Refused, dry_run: bool) -> Result:
    return {
        **_about(item, dry_run),
        "status": str(Run.Status.FAILED),
        "ok": False,
        "session": str(session),
        "run": None,
        "response": "",
        "plan": None,
        "steps": [],
        "effects": None,
        "changes": [],
        "usage": {},
        "durations": {},
        "duration_ms": 0,
        "error": str(refused),
        "code": refused.code,
    }


def _about(item: Item, dry_run: bool) -> dict[str, Any]:
    return {"id": item.id, "message": item.message, "dry_run": dry_run}


def _last(run: Run, after: int) -> events.Event:
    return events.read(_events(run, after).order_by("-seq").values_list("body", flat=True)[0])


def _effects(run: Run, after: int) -> Any:
    """Returns what the plan would change, as the question to a person told it; None when it did not."""
    asked = _told(run, after, EventType.APPROVAL)
    return asked[0].get("effects") if asked else None


def _told(run: Run, after: int, kind: EventType) -> list[dict[str, Any]]:
    """Returns what the run's events of one type tell, in order."""
    bodies = _events(run, after).filter(type=kind).order_by("seq").values_list("body", flat=True)
    return [events.read(body).told() for body in bodies]


def _events(run: Run, after: int) -> Any:
    # From `after` on: the log's one index is by session and place, and a session may be long.
    return Event.objects.filter(session=run.session_id, seq__gt=after, run=run)
