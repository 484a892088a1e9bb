"""What a run changed on the board and in the memory, and whether that was undone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db.models import Subquery
from django.urls import reverse

from agent.edits import latest_changes
from agent.event_log import events, parsing
from agent.models import Event, Run
from agent.models.base import literals

MAX_CHANGES = 300  # of the run and of what followed in its session


@dataclass(frozen=True, slots=True)
class Made:
    """A change in words, with a link to its place in the session."""

    text: str
    link: str
    is_undone: bool


def of_run(run: Run) -> list[Made]:
    """Returns the changes of the run, in order."""
    is_change = {"type__in": literals(events.EventType.CHANGE)}  # by the index of changes
    of_session = Event.objects.filter(session=run.session_id, **is_change)
    first = of_session.filter(run=run).order_by("seq").values("seq")[:1]
    rows = of_session.filter(seq__gte=Subquery(first))
    bodies = rows.order_by("seq").values_list("body", flat=True)[:MAX_CHANGES]
    found = [one for one in map(parsing.read, bodies) if isinstance(one, events.Change)]
    undone = _undone(found)
    session = reverse("session", args=[run.session_id])
    return [
        Made(one.words()["change"], f"{session}#event-{one.seq}", one.seq in undone)
        for one in found
        if one.run == run.pk
    ]


def _undone(found: list[events.Change]) -> set[int]:
    """Returns the numbers of the changes that a later one of `found` took back."""
    later: Counter[latest_changes.Key] = Counter()
    undone = set()
    for change in reversed(found):
        key = latest_changes.key(change)
        if later[key]:
            later[key] -= 1
            undone.add(change.seq)
        else:
            later[latest_changes.key(change, inverse=True)] += 1
    return undone
