"""What the end of a run reads from the log: its own events, and not what is older."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agent.event_log import events
from agent.models import ChatSession, Run
from agent.runs import ending
from tests.support.long_session import fill

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("place", "parts"), [(-1, 1), (-10, 2), (0, 3)])
def test_the_events_of_a_run_are_found_from_the_end_of_the_log(
    session: ChatSession, place: int, parts: int
) -> None:
    run = Run.objects.get(pk=fill(session.pk, 60)[place])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        told = ending.events_of(run, events.Progress)
    assert len(told) == 14
    assert {event.run for event in told} == {run.pk}
    assert [event.seq for event in told] == sorted(event.seq for event in told)
    assert len(queries) == 1 + parts
