"""How many updates a run gave, and for how long it gave none: what the analytics keep of its events.

An update is an event that tells of the run's work. Waits for a person's approval are no silence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from agent.event_log import events
from agent.event_log.events import EventType
from agent.event_log.times import milliseconds, now
from agent.models import Run
from agent.support import raw_sql

_KINDS = frozenset(
    {EventType.PROGRESS, EventType.PLAN, EventType.STEP, EventType.CHANGE, EventType.TOKEN}
)
# So many events from the end of the log are read at first, and four times as many each further time.
_PART = 100
_EVENTS = """
SELECT type, body FROM agent_event
WHERE session_id = %s AND seq > %s AND seq <= %s AND run_id = %s AND type IN ({}) ORDER BY seq DESC
"""
_QUEUED = '"status":"queued"'
# The time of an event, at the end of its frame: see `events.Event.frame`.
_TIME = slice(-29, -2)


@dataclass(slots=True)
class Updates:
    """The updates of one run so far. `silence_ms`: the longest time between two of them."""

    number: int = 0
    silence_ms: int = 0
    _last: int | None = None  # milliseconds since 1970; None before the first one and during a wait

    def count(self, new: Iterable[events.Event]) -> None:
        for event in new:
            self._count(event.type, event.timestamp)

    def at_end(self) -> dict[str, int]:
        """Returns the fields of a run that ends now: its last silence is until now."""
        return {"updates": self.number, "silence_ms": self._silence(milliseconds(now()))}

    def _count(self, kind: str, timestamp: str) -> None:
        if kind == EventType.APPROVAL:
            self._last = None
        elif kind in _KINDS:
            at = milliseconds(timestamp)
            self.number, self.silence_ms, self._last = self.number + 1, self._silence(at), at

    def _silence(self, at: int) -> int:
        return self.silence_ms if self._last is None else max(self.silence_ms, at - self._last)


def of_log(run: Run) -> Updates:
    """Returns the updates that the run's events in the log are."""
    updates = Updates()
    for kind, body in read_events(run, *_KINDS, EventType.APPROVAL):
        with contextlib.suppress(ValueError):  # a broken event
            updates._count(kind, body[_TIME])
    return updates


def read_events(run: Run, *kinds: str) -> list[tuple[str, str]]:
    """Returns type and body of the run's events of these types, in order.

    Reads from the end of the log back to where the run was queued, however much is before.
    """
    return list(_backwards(run, [str(kind) for kind in kinds]))[::-1]


def _backwards(run: Run, kinds: list[str]) -> Iterator[tuple[str, str]]:
    query = _EVENTS.format(", ".join(["%s"] * (len(kinds) + 1)))
    (end,) = raw_sql.column("SELECT last_seq FROM agent_chatsession WHERE id = %s", run.session_id)
    part = _PART
    while end > 0:
        found: list[Any] = raw_sql.rows(
            query, run.session_id, end - part, end, run.pk, *kinds, EventType.RUN.value
        )
        for kind, body in found:
            if kind == EventType.RUN and _QUEUED in body:
                return
            if kind in kinds:
                yield kind, body
        end, part = end - part, part * 4
