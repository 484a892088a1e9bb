"""Finds the latest changes of a session that no undo took back. Changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from agent.edits.undo import change_seqs
from agent.event_log import events, parsing
from agent.exceptions import ToolFailed
from agent.models import Event
from agent.models.base import literals

MAX_CHANGES = 300  # latest ones of the session's runs, among which is searched

Key = tuple[str, UUID, str]  # the object and what became of it


def to_undo(session: UUID, but: UUID) -> list[int]:
    """Returns the `seq` of each change of the latest run, except `but`, that has a change which was
    not undone and is not an undo. Changes of that run that were undone are left out.

    Raises `ToolFailed` if there is none.
    """
    changes = _latest(session, but)
    undone: Counter[Key] = Counter()
    run, left_out = None, set()
    for change in changes:
        if undone[key(change)]:
            undone[key(change)] -= 1
            left_out.add(change.seq)
        elif change.undoes:
            undone[key(change, inverse=True)] += 1
            left_out.add(change.seq)
        elif run is None:
            run = change.run
    if run is None:
        more = "no change was made" if not changes else "every change was undone"
        raise ToolFailed(f"There is nothing to undo: {more}.")
    # All of that run's changes, also those beyond the latest ones.
    return [seq for seq in change_seqs(session, run) if seq not in left_out]


def _latest(session: UUID, but: UUID) -> list[events.Change]:
    is_change = {"type__in": literals(events.EventType.CHANGE)}  # by the index of changes
    rows = Event.objects.filter(session=session, run__isnull=False, **is_change)
    bodies = rows.exclude(run=but).order_by("-seq").values_list("body", flat=True)[:MAX_CHANGES]
    return [one for one in map(parsing.read, bodies) if isinstance(one, events.Change)]


def key(change: events.Change, *, inverse: bool = False) -> Key:
    """Returns what the change did; with `inverse`, what it took back."""
    before, after = _changed(change)
    values = [after, before] if inverse else [before, after]
    return change.object, change.id, json.dumps(values, sort_keys=True)


def _changed(change: events.Change) -> tuple[Any, Any]:
    """Returns what the change found and what it left: whether the object was there, or its fields."""
    match change.action:
        case "created" | "restored":
            return False, True
        case "deleted":
            return True, False
    before, after = change.before or {}, change.after or {}
    names = [name for name in after if before.get(name) != after[name]]
    return _values(before, names), _values(after, names)


def _values(fields: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: fields.get(name) for name in names}
