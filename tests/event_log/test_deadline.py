"""An effect that takes too long is ended and changes nothing; what waits for the same commit is written."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User

from agent.edits.manual_changes import apply_in_session
from agent.event_log import deadline, events, log
from agent.event_log.log import Done
from agent.exceptions import EffectTooSlow, Refused
from agent.models import ChatSession, Event, Project
from agent.support import raw_sql
from tests.support.databases import run_on_postgresql

_ENDLESS = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1000000000)
SELECT count(*) FROM number
"""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "SECONDS", 0.3)
    monkeypatch.setattr(deadline, "CHECK", 0.1)


def rename(project: Project, name: str) -> None:
    Project.objects.filter(pk=project.pk).update(name=name)


async def check(project: Project, session: ChatSession) -> None:
    def endless() -> Done[None]:
        rename(project, "Changed")
        raw_sql.rows(_ENDLESS)
        return Done(None)

    def quick() -> Done[str]:
        return Done("done", [events.Progress(None, "start", "quick")])  # type: ignore[arg-type]

    slow, other = await asyncio.gather(
        log.append(session.pk, effect=endless),
        log.append(session.pk, effect=quick),
        return_exceptions=True,
    )
    assert isinstance(slow, EffectTooSlow)
    assert other == "done"
    await project.arefresh_from_db()
    assert project.name == "Clinic booking"
    assert await Event.objects.acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_a_slow_statement_is_ended_and_others_are_committed(
    project: Project, session: ChatSession, caplog: pytest.LogCaptureFixture
) -> None:
    await check(project, session)
    assert "An effect took longer than 0.3 s and is refused" in caplog.messages


@pytest.mark.django_db(transaction=True)
async def test_a_person_is_told_of_an_effect_that_was_too_slow(
    project: Project, session: ChatSession, alice: User
) -> None:
    def work() -> tuple[None, list[object]]:
        rename(project, "Changed")
        until = time.monotonic() + 0.6
        while time.monotonic() < until:  # Python's own work cannot be ended
            raw_sql.rows("SELECT 1")
        return None, []

    with pytest.raises(Refused) as refused:
        await apply_in_session(session.pk, alice, work)  # type: ignore[arg-type]
    assert refused.value.code == "too_slow"
    await project.arefresh_from_db()
    assert project.name == "Clinic booking"


def test_what_follows_an_effect_is_not_ended_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The effect is over while it is being ended."""
    is_ending, has_followed, order = threading.Event(), threading.Event(), []

    def interrupt() -> None:
        is_ending.set()
        has_followed.wait(0.5)
        order.append("ended")

    driver = SimpleNamespace(interrupt=interrupt)
    fake = SimpleNamespace(vendor="sqlite", connection=driver)
    monkeypatch.setattr(deadline, "connection", fake)
    monkeypatch.setattr(deadline, "SECONDS", 0)

    def commit() -> None:
        with pytest.raises(EffectTooSlow):
            deadline.Deadline().execute(lambda: begun.set() or is_ending.wait(5))
        order.append("followed")
        has_followed.set()

    begun = threading.Event()
    committing = threading.Thread(target=commit)
    committing.start()
    assert begun.wait(5)
    deadline.end_slow_effect()
    committing.join(5)
    assert order == ["ended", "followed"]


PROGRAM = """
import asyncio, django
django.setup()
from django.contrib.auth.models import User

from agent.event_log import deadline
from agent.models import ChatSession, Project
from tests.event_log.test_deadline import check

deadline.SECONDS, deadline.CHECK = 0.3, 0.1
alice = User.objects.create(username="alice")
project = Project.objects.create(name="Clinic booking", owner=alice)
session = ChatSession.objects.create(project=project, created_by=alice)
asyncio.run(check(project, session))
"""


@pytest.mark.postgresql
def test_a_slow_statement_is_ended_in_postgresql_too(tmp_path: Path) -> None:
    done = run_on_postgresql(PROGRAM, tmp_path)
    assert "An effect took longer than 0.3 s and is refused" in done.stderr.decode()
