"""Where a run's events are, in a log that is long: it is read from the end, in parts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agent.event_log import positions
from agent.models import ChatSession, Event, Run
from tests.support.long_session import fill

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("place", "parts"), [(-1, 1), (-10, 2), (0, 3)])
def test_a_run_begins_with_its_message_and_ends_with_its_last_event(
    session: ChatSession, place: int, parts: int
) -> None:
    run = Run.objects.get(pk=fill(session.pk, 60)[place])
    seqs = list(Event.objects.filter(run=run).order_by("seq").values_list("seq", flat=True))
    assert _read(positions.start_of, run, parts) == seqs[0] - 1
    assert _read(positions.end_of, run, parts) == seqs[-1]


def _read(find: Callable[[Run], int], run: Run, parts: int) -> int:
    with CaptureQueriesContext(connection) as queries:
        position = find(run)
    assert len(queries) == 1 + parts
    return position


def test_a_run_without_events_has_no_position(session: ChatSession) -> None:
    run = Run.objects.get(pk=fill(session.pk, 1)[0])
    Event.objects.filter(run=run).delete()
    assert (positions.start_of(run), positions.end_of(run)) == (0, 0)
