"""The board of a project at a part of a session's log, as the replay shows it: a slice of its history.

A slice has at most as many objects as the live panels show at first, and a bounded number of changes: its
cost does not grow with the log or with the changes of the project. How an object was at each moment:
`chat.board_history`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.http import Http404

from agent.board import tasks
from agent.event_log import events, object_changes, parsing
from agent.event_log.times import milliseconds, stamp
from agent.models import ChatSession, Event, Memory, MemoryRevision, Task
from agent.support import raw_sql
from chat import board_history
from chat.board_history import Row, Span, State, Told
from chat.panels import MEMORIES, TASKS

M = TypeVar("M", Task, Memory)

# Changes of the session's log before and after the event that is asked for.
AROUND = 50
# Changes by all sessions, and revisions, that are read: a state before one that is not read is not sure.
MAX_CHANGES = 300


@dataclass(frozen=True, slots=True)
class _Slice:
    """A part of a session's log. `low`, `high`: the ids of its first event and of the one after it."""

    session: UUID
    project: UUID
    span: Span
    low: int
    high: int

    @property
    def began(self) -> datetime:
        return datetime.fromtimestamp(self.span.began / 1000, UTC)

    @property
    def ended(self) -> datetime:
        return datetime.fromtimestamp((self.span.ended + 1) / 1000, UTC)


def load(session: ChatSession, span: Span, at: int) -> dict[str, Any]:
    """Returns the slice of `span` around the event `at`: its `first` and `last` event, its `tasks` and
    `memories`, each with its states, and how many there were `more` of both. Raises `Http404`.
    """
    part = _around(session, span, at)
    named = _named(part)
    rows, more_tasks = _tasks(part, named["task"])
    memories, more_memories = _memories(part, named["memory"])
    ids = list(dict.fromkeys([*rows, *named["task"], *memories, *named["memory"]]))
    told = _told(part, ids)
    of_tasks = {
        key: board_history.of_task(told.get(key, []), rows.get(key))
        for key in dict.fromkeys([*rows, *named["task"]])
    }
    of_memories = {
        key: _states_of_memory(memories.get(key), told.get(key, []))
        for key in dict.fromkeys([*memories, *named["memory"]])
    }
    numbers = {key: board_history.number_of(rows.get(key), of_tasks[key]) for key in of_tasks}
    return {
        "first": part.span.first,
        "last": part.span.last,
        "more": {"tasks": more_tasks, "memories": more_memories},
        "tasks": [{**one, "number": numbers[one["id"]]} for one in _within(of_tasks, part.span)],
        "memories": _within(of_memories, part.span),
    }


def _states_of_memory(revised: Sequence[State] | None, told: Sequence[Told]) -> list[State]:
    if revised is None:  # it is not in the database any more
        return board_history.of_task(told, None)
    return board_history.with_events(revised, told)


def _within(states: Mapping[str, Sequence[State]], span: Span) -> list[dict[str, Any]]:
    return [
        {"id": key, "states": [state.as_json(key) for state in kept]}
        for key, of_object in states.items()
        if (kept := board_history.within(of_object, span))
    ]


# -- the slice -------------------------------------------------------------------------------------

# The type is part of the statements, not a parameter: only then SQLite uses the partial indexes.
_OF_SESSION = "FROM agent_event WHERE session_id = %s AND type = 'change'"
_BEFORE = f"SELECT seq {_OF_SESSION} AND seq <= %s ORDER BY seq DESC LIMIT 1 OFFSET {AROUND}"
_AFTER = f"SELECT seq {_OF_SESSION} AND seq > %s ORDER BY seq LIMIT 1 OFFSET {AROUND}"
_NAMED = f"SELECT body {_OF_SESSION} AND seq BETWEEN %s AND %s ORDER BY seq"


def _around(session: ChatSession, span: Span, at: int) -> _Slice:
    at = min(max(at, span.first), span.last)
    before = raw_sql.column(_BEFORE, session.pk, at)
    after = raw_sql.column(_AFTER, session.pk, at)
    first = max([span.first, *(seq + 1 for seq in before)])
    last = min([span.last, *(seq - 1 for seq in after)])
    # Until the next event, the time passes.
    rows = Event.objects.filter(session=session, seq__in=[first, min(last + 1, span.last)])
    if not rows:
        raise Http404("These events were pruned meanwhile.")
    low, *_, high = [rows[0], *rows] if len(rows) == 1 else rows
    times = Span(first, last, time_of(low), time_of(high))
    return _Slice(session.pk, session.project_id, times, low.pk, high.pk)


def time_of(event: Event) -> int:
    """Returns the time of the event in milliseconds."""
    return milliseconds(json.loads(event.body)["timestamp"])


def _named(part: _Slice) -> dict[str, list[str]]:
    """Returns the ids of the tasks and of the memories that the session changed in the slice."""
    named: dict[str, dict[str, None]] = {"task": {}, "memory": {}}
    for body in raw_sql.column(_NAMED, part.session, part.span.first, part.span.last):
        change = parsing.read(body)
        if isinstance(change, events.Change) and change.object in named:
            named[change.object][str(change.id)] = None
    return {kind: list(keys) for kind, keys in named.items()}


# -- the objects -----------------------------------------------------------------------------------

_WINDOW = 1_000  # rows of an index that are looked through, however many others are newer


def _first(table: str, where: str, order: str, condition: str, wanted: str) -> str:
    """Returns a query for the ids of those of a project's first rows by an index that meet a condition."""
    rows = (
        f"SELECT * FROM {table} WHERE project_id = %s AND {where} ORDER BY {order} LIMIT {_WINDOW}"
    )
    return f"SELECT id FROM ({rows}) first WHERE {condition} ORDER BY {wanted}"


_PLACE = "position, created_at, id"
_OPEN, _OVER = (
    "status IN ({})".format(", ".join(f"'{status}'" for status in kind))
    for kind in (Task.OPEN, Task.OVER)
)
_THERE = "(deleted_at IS NULL OR deleted_at >= %s)"
_TASKS = f"{_PLACE} LIMIT {TASKS}"
_OPEN_TASKS = _first(
    "agent_task", f"deleted_at IS NULL AND {_OPEN}", _PLACE, "created_at <= %s", _TASKS
)
# Those that are over or deleted now, and may not have been then.
_OVER_SINCE = _first(
    "agent_task",
    "updated_at >= %s",
    "updated_at",
    f"(deleted_at IS NOT NULL OR {_OVER}) AND created_at <= %s",
    _TASKS,
)
_OVER_BEFORE = _first(
    "agent_task", "updated_at < %s", "updated_at DESC", f"deleted_at IS NULL AND {_OVER}", _TASKS
)
_NEWEST = _first(
    "agent_memory",
    "updated_at <= %s",
    "updated_at DESC",
    _THERE,
    f"updated_at DESC, id LIMIT {MEMORIES}",
)
_CHANGED_SINCE = _first(
    "agent_memory",
    "updated_at > %s",
    "updated_at",
    "created_at <= %s",
    f"updated_at, id LIMIT {MEMORIES}",
)


def _tasks(part: _Slice, named: Sequence[str]) -> tuple[dict[str, Row], int]:
    """Returns the `TASKS` tasks that are shown, by id, and how many more there were.

    Those that the session changed, then those that are open or were changed since, then others.
    """
    first = _by_id(
        Task,
        part,
        [
            *_ids(_OPEN_TASKS, part.project, part.ended),
            *_ids(_OVER_SINCE, part.project, part.began, part.ended),
        ],
    )
    first.sort(key=lambda task: (task.position, task.created_at, task.pk))
    found = [*_by_id(Task, part, map(UUID, named)), *first]
    if len(first) < TASKS:
        found += _by_id(Task, part, _ids(_OVER_BEFORE, part.project, part.began))
    shown = list({task.pk: task for task in found}.values())[:TASKS]
    return {
        value["id"]: Row(_ms(row.created_at), _ms(row.updated_at), value, row.deleted_at is None)
        for row, value in zip(shown, tasks.tasks_json(shown), strict=True)
    }, _more(part, shown, TASKS)


def _memories(part: _Slice, named: Sequence[str]) -> tuple[dict[str, list[State]], int]:
    """Returns the states of the `MEMORIES` memories that are shown, by id, and how many more there were."""
    ids = [
        *map(UUID, named),
        *_ids(_NEWEST, part.project, part.ended, part.began),
        *_ids(_CHANGED_SINCE, part.project, part.ended, part.ended),
    ]
    shown = _by_id(Memory, part, list(dict.fromkeys(ids))[:MEMORIES])
    states: dict[str, list[State]] = {}
    for row in _revisions(part, [memory.pk for memory in shown]):
        names = ("title", "content", "kind")
        value = {"id": str(row.memory_id)} | {name: getattr(row, name) for name in names}
        is_gone = row.action == MemoryRevision.Action.DELETED
        state = State(_ms(row.created_at), None if is_gone else value)
        states.setdefault(str(row.memory_id), []).append(state)
    return states, _more(part, shown, MEMORIES)


def _ids(query: str, *values: Any) -> list[UUID]:
    return [UUID(str(key)) for key in raw_sql.column(query, *values)]


def _by_id(model: type[M], part: _Slice, ids: Iterable[UUID]) -> list[M]:
    keys = list(ids)
    if not keys:
        return []
    where = f"project_id = %s AND id IN ({', '.join(['%s'] * len(keys))})"
    return raw_sql.select(model, where, part.project, *keys)


def _more(part: _Slice, shown: Sequence[M], most: int) -> int:
    """Returns how many there were beside those that are shown, where these are as many as may be."""
    if len(shown) < most:
        return 0
    there = f"project_id = %s AND created_at <= %s AND {_THERE}"
    query = f"SELECT count(*) FROM {shown[0]._meta.db_table} WHERE {there}"
    number: int = raw_sql.column(query, part.project, part.ended, part.began)[0]
    counted = [one for one in shown if one.deleted_at is None or one.deleted_at >= part.began]
    return max(number - len(counted), 0)


# -- what is told ----------------------------------------------------------------------------------


def _told(part: _Slice, ids: Sequence[str]) -> dict[str, list[Told]]:
    """Returns by the id of an object what the logs tell of it, in the order of the commits."""
    told: dict[str, list[Told]] = {}
    for session, body in object_changes.around(ids, part.low, part.high, MAX_CHANGES):
        change = parsing.read(body)
        if isinstance(change, events.Change):
            seq = change.seq if session == part.session else 0
            at = milliseconds(change.timestamp)
            one = Told(at, seq, change.action, change.before, change.after)
            told.setdefault(str(change.id), []).append(one)
    return told


_OF_MEMORIES = f"""
memory_id IN ({{keys}}) AND created_at <= %s AND number >= coalesce((
    SELECT max(number) FROM agent_memoryrevision earlier
    WHERE earlier.memory_id = agent_memoryrevision.memory_id AND earlier.created_at <= %s
), 0) ORDER BY created_at, number LIMIT {MEMORIES + MAX_CHANGES}
"""


def _revisions(part: _Slice, memories: Sequence[UUID]) -> list[MemoryRevision]:
    """Returns of each memory the last revision before the slice, and those in it, in order."""
    if not memories:
        return []
    where = _OF_MEMORIES.format(keys=", ".join(["%s"] * len(memories)))
    # A revision is written just before its event.
    before = part.began - timedelta(milliseconds=board_history.NEW)
    return raw_sql.select(MemoryRevision, where, *memories, part.ended, before)


def _ms(moment: datetime) -> int:
    return milliseconds(stamp(moment))
