"""The result of one input, a line of the output: how its run ended, or why it was refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from agent import agent
from agent.batch import DRY_RUN
from agent.batch.items import Item
from agent.event_log import events, parsing
from agent.event_log.events import EventType
from agent.exceptions import Refused
from agent.models import Event, Run

Result = Mapping[str, Any]


def of_run(item: Item, run_id: UUID, after: int, dry_run: bool) -> Result:
    """Returns the result of a run. `after`: the position in the event log before the run."""
    run = Run.objects.select_related("session").get(pk=run_id)
    result = agent.result(run_id)
    last = None if run.is_pruned else _last(run, after)
    reason = last.reason if isinstance(last, events.Cancelled) else ""
    planned = dry_run and reason == DRY_RUN
    assert run.finished_at is not None, "the run is over"
    return {
        **_about(item, dry_run),
        "status": result.status,
        "ok": result.status == Run.Status.SUCCEEDED or planned,
        "session": str(run.session_id),
        "run": str(run.pk),
        "response": result.answer,
        "plan": result.plan,
        "steps": list(result.steps),
        "effects": _effects(run, after) if dry_run else None,
        "changes": _event_values(run, after, EventType.CHANGE),
        "usage": result.usage,
        "durations": result.durations,
        "duration_ms": round((run.finished_at - run.created_at).total_seconds() * 1000),
        "error": None if planned else result.error or reason or None,
        "code": result.code or None,
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
    return parsing.read(_events(run, after).order_by("-seq").values_list("body", flat=True)[0])


def _effects(run: Run, after: int) -> Any:
    """Returns what the plan would change, from the request for approval; None without one."""
    asked = _event_values(run, after, EventType.APPROVAL)
    return asked[0].get("effects") if asked else None


def _event_values(run: Run, after: int, kind: EventType) -> list[dict[str, Any]]:
    """Returns the values of the run's events of one type, in order."""
    bodies = _events(run, after).filter(type=kind).order_by("seq").values_list("body", flat=True)
    return [parsing.read(body).told() for body in bodies]


def _events(run: Run, after: int) -> Any:
    # From `after` on, by the index of session and position: a session's event log may be long.
    return Event.objects.filter(session=run.session_id, seq__gt=after, run=run)
