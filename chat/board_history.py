"""The states of a task or a memory in the past, from what is told of it and from what it is now.

Of a memory, every change is a revision. Of a task, the logs of the project's sessions tell the changes
that were made in sessions. A change that was made elsewhere, such as on the page of a task or in the admin
panel, is in no log: it shows where what is told does not fit together. There, a state is not `sure`.

Reads no database: `chat.past_board` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from agent.shorten import shorten

# Milliseconds in which a new row is written: one that was saved later was changed since.
NEW = 1_000
LONG = 300  # characters of the content of a memory that a list shows
_UNSHOWN = ("description", "category")  # by any list
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
        value = None if self.value is None else {**_MISSING, **_short(self.value), "id": key}
        return {
            "at": self.at,
            "seq": self.seq,
            "sure": self.sure,
            "placed": self.placed,
            "value": value,
        }


def _short(value: Value) -> dict[str, Any]:
    """Returns what a list shows of the object."""
    short = {name: one for name, one in value.items() if name not in _UNSHOWN}
    if "criteria" in short:  # which are counted
        short["criteria"] = [{"done": one["done"]} for one in short["criteria"]]
    if "content" in short:
        short["content"] = shorten(short["content"], LONG)
    return short


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
    if row.changed - row.created < NEW and row.there:
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


def number_of(row: Row | None, states: Iterable[State]) -> int | None:
    """Returns the number of the task, which older events do not tell."""
    values = chain([row.value] if row else (), (state.value for state in states if state.value))
    return next((value["number"] for value in values if "number" in value), None)


def with_events(states: Sequence[State], told: Sequence[Told]) -> list[State]:
    """Gives each state of a memory that the session's log tells its event: it was written just before it."""
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
