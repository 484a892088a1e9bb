"""Where a run's events are, in a log that is long."""

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


@pytest.mark.parametrize("place", [0, 45, -1])
def test_one_query_finds_the_first_and_the_latest_event_of_a_run(
    session: ChatSession, place: int
) -> None:
    run = Run.objects.get(pk=fill(session.pk, 60)[place])
    late = Event.objects.filter(run=run).latest("seq")
    late.pk, late.seq = None, session.events.latest("seq").seq + 1
    late.save(force_insert=True)  # behind the events of the runs after it
    seqs = list(Event.objects.filter(run=run).order_by("seq").values_list("seq", flat=True))
    with CaptureQueriesContext(connection) as queries:
        found = positions.span_of(run)
    assert found == (seqs[0], seqs[-1] if place else seqs[-2])  # too far behind the first run
    assert len(queries) == 1


def test_a_run_that_still_writes_has_its_latest_event(session: ChatSession) -> None:
    run = Run.objects.get(pk=fill(session.pk, 1)[0])
    Event.objects.bulk_create(
        Event(session=session, run=run, seq=seq, type="token", body="{}") for seq in range(50, 900)
    )
    ChatSession.objects.filter(pk=session.pk).update(last_seq=899)
    run.status = Run.Status.RUNNING
    assert positions.span_of(run) == (1, 899)


def _read(find: Callable[[Run], int], run: Run, parts: int) -> int:
    with CaptureQueriesContext(connection) as queries:
        position = find(run)
    assert len(queries) == 1 + parts
    return position


def test_a_run_without_events_has_no_position(session: ChatSession) -> None:
    run = Run.objects.get(pk=fill(session.pk, 1)[0])
    Event.objects.filter(run=run).delete()
    assert (positions.start_of(run), positions.end_of(run)) == (0, 0)
    assert positions.span_of(run) is None
