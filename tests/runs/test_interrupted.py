"""A run whose driver is gone: told as interrupted until somebody goes on with it, and never for ever."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from agent.event_log import events
from agent.models import ChatSession, Event, Message, Run
from agent.runs import claiming
from chat import fold
from chat.frames import interruption

SOON, PAST = timedelta(seconds=5), timedelta(seconds=-1)

STATES = [
    (Run.Status.RUNNING, SOON, False),
    (Run.Status.RUNNING, PAST, True),  # its driver died
    (Run.Status.RUNNING, None, True),  # its driver handed it over
    (Run.Status.QUEUED, None, False),
    (Run.Status.WAITING, None, False),
    (Run.Status.SUCCEEDED, None, False),
]


def begun(session: ChatSession, status: str, lease: timedelta | None) -> Run:
    message = Message.objects.create(session=session, role="user", content="Do it")
    run = Run.objects.create(
        session=session,
        number=1,
        message=message,
        status=status,
        lease_until=timezone.now() + lease if lease else None,
    )
    body = events.Run(run.pk, status).frame(1)
    Event.objects.create(session=session, seq=1, run=run, type="run", body=body)
    return run


@pytest.mark.parametrize(("status", "lease", "is_so"), STATES)
def test_a_run_is_interrupted_when_it_was_begun_and_nobody_drives_it(
    session: ChatSession, status: str, lease: timedelta | None, is_so: bool
) -> None:
    run = begun(session, status, lease)
    assert run.is_interrupted is is_so
    assert claiming.interrupted(session.pk) == ({session.pk: run.pk} if is_so else {})
    assert [exchange.interrupted for exchange in fold.load(session.pk).exchanges] == [is_so]


def test_each_change_is_told_once() -> None:
    run: UUID = uuid4()
    assert interruption(None, None) == interruption(run, run) == []
    assert interruption(None, run) == [f'{{"type":"interrupted","run":"{run}","interrupted":true}}']
    assert interruption(run, None) == [
        f'{{"type":"interrupted","run":"{run}","interrupted":false}}'
    ]
