"""How the tasks and memories of a project were at each moment of a part of a session's log.

Of a memory, every change is a revision. Of a task, the logs of the project's sessions tell the changes
that were made in sessions. A change that was made elsewhere, such as on the page of a task or in the admin
panel, is in no log: it shows where what is told does not fit together. There, a state is not `sure`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

from agent.board import tasks
from agent.event_log import events
from agent.event_log.times import milliseconds, stamp
from agent.models import ChatSession, MemoryRevision, Task
from agent.support import raw_sql

# Changes of a project that are read, the latest ones. What older ones told is not sure.
MAX_CHANGES = 5_000
# Milliseconds in which a new row is written: one that was saved later was changed since.
_NEW = 1_000
_LONG_TEXTS = ("description", "category")  # which no list shows
# What a list needs, where an older event does not tell it.
_MISSING: dict[str, Any] = {"parent": None, "depends_on": [], "position": 0}

Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a session's log, from the event `first` to `last`, and their times in milliseconds."""

    first: int
    last: int
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class State:
    """How an object was from `at` on, in milliseconds: None if it was not there.

    `seq`: the event of the session that tells it; 0: it was told elsewhere, and holds by its time. `sure`:
    nothing else may have been until the next state. `placed`: nor any other position.
    """

    at: int
    value: Value | None
    seq: int = 0
    sure: bool = True
    placed: bool = True

    def as_json(self, key: str) -> dict[str, Any]:
        """`key`: the id of the object."""
        value = self.value
        if value is not None:
            short = {name: one for name, one in value.items() if name not in _LONG_TEXTS}
            value = {**_MISSING, **short, "id": key}
        return {
            "at": self.at,
            "seq": self.seq,
            "sure": self.sure,
            "placed": self.placed,
            "value": value,
        }


@dataclass(frozen=True, slots=True)
class Told:
    """A change that a log tells. `seq`: 0 in another session's log."""

    at: int
    seq: int
    action: str
    before: Value | None
    after: Value | None


@dataclass(frozen=True, slots=True)
class Row:
    """How a task is now. `there`: it is not deleted."""

    created: int
    changed: int
    value: Value
    there: bool

    @property
    def shown(self) -> Value | None:
        return self.value if self.there else None


def load(session: ChatSession, span: Span) -> dict[str, list[dict[str, Any]]]:
    """Returns the tasks and the memories of the session's project, each with its states in `span`."""
    told = _told(session)
    rows = _rows(session.project_id)
    return {
        "tasks": [
            {
                "id": key,
                "number": _number(rows.get(key), states),
                "states": [state.as_json(key) for state in states],
            }
            for key in dict.fromkeys([*rows, *told["task"]])
            if (states := within(of_task(told["task"].get(key, []), rows.get(key)), span))
        ],
        "memories": [
            {"id": key, "states": [state.as_json(key) for state in states]}
            for key, known in _memories(session.project_id, told["memory"]).items()
            if (states := within(known, span))
        ],
    }


def within(states: Sequence[State], span: Span) -> list[State]:
    """Returns the states that hold at some moment of `span`; none of an object that was never there."""
    kept: list[State] = []
    for state in states:
        if state.seq > span.last or (not state.seq and state.at > span.ended):
            continue
        is_before = state.seq < span.first if state.seq else state.at <= span.began
        kept = [state] if is_before else [*kept, state]
    return kept if any(state.value is not None or not state.sure for state in kept) else []


def of_task(told: Sequence[Told], row: Row | None) -> list[State]:
    """Returns all states of a task in order. `row`: None if the task is not in the database any more."""
    if not told:
        return _of_untold(row) if row else []
    states = []
    if told[0].action != "created":
        states.append(State(row.created if row else 0, told[0].before, sure=False))
    for one, following in zip(told, [*told[1:], None], strict=True):
        after = following.before if following else row.shown if row else None
        fits = _fits(one.after, after)
        placed = not fits or one.after is None or _same("position", one.after, after or {})
        states.append(State(one.at, one.after, one.seq, sure=fits, placed=placed))
    if not states[-1].sure and row and row.changed > states[-1].at:
        states.append(State(row.changed, row.shown))
    return states


def _of_untold(row: Row) -> list[State]:
    if row.changed - row.created < _NEW and row.there:
        return [State(row.created, row.value)]
    return [State(row.created, row.value, sure=False), State(row.changed, row.shown)]


def _fits(after: Value | None, before: Value | None) -> bool:
    """Tells whether nothing happened in between. Older events have fewer fields."""
    if after is None or before is None:
        return after is before
    return all(_same(name, after, before) for name in after.keys() & before.keys() - {"position"})


def _same(name: str, one: Value, other: Value) -> bool:
    if name == "depends_on":
        return sorted(one[name]) == sorted(other[name])
    return bool(one.get(name) == other.get(name))


def _number(row: Row | None, states: Iterable[State]) -> int | None:
    """Returns the number of the task, which older events do not tell."""
    values = chain([row.value] if row else (), (state.value for state in states if state.value))
    return next((value["number"] for value in values if "number" in value), None)


# -- what is stored --------------------------------------------------------------------------------

# The type is part of the statement, not a parameter: only then SQLite uses the partial index.
_CHANGES = f"""
SELECT session_id, body FROM agent_event WHERE id IN (
    SELECT id FROM agent_event WHERE type = 'change'
    AND session_id IN (SELECT id FROM agent_chatsession WHERE project_id = %s)
    ORDER BY id DESC LIMIT {MAX_CHANGES}
) ORDER BY id
"""


def _told(session: ChatSession) -> dict[str, dict[str, list[Told]]]:
    """Returns by the kind and the id of an object what the logs tell of it, in the order of the commits."""
    told: dict[str, dict[str, list[Told]]] = {"task": {}, "memory": {}}
    for holder, body in raw_sql.rows(_CHANGES, session.project_id):
        change = events.read(body)
        if isinstance(change, events.Change) and change.object in told:
            seq = change.seq if UUID(str(holder)) == session.pk else 0
            at = milliseconds(change.timestamp)
            one = Told(at, seq, change.action, change.before, change.after)
            told[change.object].setdefault(str(change.id), []).append(one)
    return told


def _rows(project_id: UUID) -> dict[str, Row]:
    rows = list(Task.all_objects.filter(project=project_id))
    return {
        value["id"]: Row(_ms(row.created_at), _ms(row.updated_at), value, row.deleted_at is None)
        for row, value in zip(rows, tasks.tasks_json(rows), strict=True)
    }


def _memories(project_id: UUID, told: Mapping[str, Sequence[Told]]) -> dict[str, list[State]]:
    """Returns the states of each memory. Those that the session's log tells hold by its events."""
    states: dict[str, list[State]] = {}
    rows = MemoryRevision.objects.filter(memory__project=project_id).order_by("memory", "number")
    for row in rows:
        names = ("title", "content", "kind")
        value = {"id": str(row.memory_id)} | {name: getattr(row, name) for name in names}
        is_gone = row.action == MemoryRevision.Action.DELETED
        state = State(_ms(row.created_at), None if is_gone else value)
        states.setdefault(str(row.memory_id), []).append(state)
    for key in told.keys() - states.keys():  # it is not in the database any more
        states[key] = of_task(told[key], None)
    return {key: _with_events(one, told.get(key, ())) for key, one in states.items()}


def _with_events(states: Sequence[State], told: Sequence[Told]) -> list[State]:
    """Gives each change that the session's log tells its event: it was written just before it."""
    found = list(states)
    for one in told:
        places = [
            place
            for place, state in enumerate(found)
            if state.at <= one.at and not state.seq and _fits(state.value, one.after)
        ]
        if one.seq and places:
            state = found[places[-1]]
            found[places[-1]] = State(state.at, state.value, one.seq, state.sure)
    return found


def _ms(moment: datetime) -> int:
    return milliseconds(stamp(moment))
