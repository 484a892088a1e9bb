"""The log: gapless numbers, effects that commit with their events or not at all, and the fence."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from agent.event_log import events, log, rows
from agent.event_log.log import Committed, Done, Fence
from agent.exceptions import Fenced, ToolFailed
from agent.models import ChatSession, Event, Message, Project, Run, Task
from agent.runs import ending

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(session: ChatSession) -> Run:
    message = Message.objects.create(session=session, role="user", content="Go")
    return Run.objects.create(
        session=session, number=1, message=message, status="running", attempt=1
    )


def said(run: Run, text: str = "hello") -> events.Event:
    return events.Progress(run.pk, "start", text)


@sync_to_async
def bodies(session: ChatSession) -> list[dict[str, Any]]:
    rows = Event.objects.filter(session=session).order_by("seq")
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    return [json.loads(row.body) for row in rows]


async def test_more_events_than_one_statement_takes_are_written_in_order(
    session: ChatSession, run: Run
) -> None:
    texts = [str(number) for number in range(rows._ROWS * 2 + 7)]
    await log.append(session.pk, [said(run, text) for text in texts])
    assert [body["progress"]["message"] for body in await bodies(session)] == texts
    await session.arefresh_from_db()
    assert session.last_seq == len(texts)


async def test_what_many_write_at_once_is_numbered_without_a_gap_and_each_in_its_order(
    session: ChatSession, run: Run
) -> None:
    async def writer(name: int) -> None:
        for number in range(20):
            await log.append(session.pk, [said(run, f"{name}.{number}")])

    await asyncio.gather(*(writer(name) for name in range(10)))
    told = [body["progress"]["message"] for body in await bodies(session)]
    assert len(told) == 200
    for name in range(10):
        mine = [text for text in told if text.startswith(f"{name}.")]
        assert mine == [f"{name}.{number}" for number in range(20)]
    await session.arefresh_from_db()
    assert session.last_seq == 200


async def test_an_event_is_committed_before_anybody_hears_of_it(
    session: ChatSession, run: Run
) -> None:
    heard: list[tuple[str, str]] = []

    def committed_body() -> str:
        try:
            return Event.objects.get().body
        finally:
            connection.close()

    def listener(committed: Committed) -> None:
        # Another connection, at the very moment of hearing: it sees what is committed, no more.
        with ThreadPoolExecutor() as other:
            heard.append((other.submit(committed_body).result(), committed.frames[0].body))

    log.listen(listener)
    try:
        await log.append(session.pk, [said(run)])
    finally:
        log.unlisten(listener)
    assert len(heard) == 1
    assert heard[0][0] == heard[0][1]


async def test_an_effect_and_its_events_commit_together_or_not_at_all(
    session: ChatSession, run: Run, project: Project
) -> None:
    def effect() -> Done[str]:
        Task.objects.create(project=project, number=1, title="Kept")
        return Done("value", [said(run, "after")])

    def failing() -> Done[None]:
        Task.objects.create(project=project, number=2, title="Not kept")
        raise ToolFailed("no")

    assert await log.append(session.pk, [said(run, "before")], effect=effect) == "value"
    with pytest.raises(ToolFailed):
        await log.append(session.pk, [said(run, "never")], effect=failing)
    told = [body["progress"]["message"] for body in await bodies(session)]
    assert told == ["before", "after"]
    assert [task.title async for task in Task.objects.all()] == ["Kept"]


async def test_one_failing_effect_does_not_touch_those_that_commit_with_it(
    session: ChatSession, run: Run
) -> None:
    def effect(number: int) -> Done[int]:
        Task.objects.create(project_id=session.project_id, number=number, title=str(number))
        if number == 5:
            raise ToolFailed("no")
        return Done(number, [said(run, f"{number} is done")])

    results = await asyncio.gather(
        *(log.append(session.pk, effect=partial(effect, number)) for number in range(10)),
        return_exceptions=True,
    )
    done = [number for number in range(10) if number != 5]
    assert isinstance(results.pop(5), ToolFailed)
    assert results == done
    told = [body["progress"]["message"] for body in await bodies(session)]
    assert told == [f"{number} is done" for number in done]
    titles = [task.title async for task in Task.objects.order_by("title")]
    assert titles == [str(number) for number in done]


async def test_those_under_way_do_not_wait_for_many_who_come_at_once(
    session: ChatSession, run: Run
) -> None:
    others = [
        await ChatSession.objects.acreate(
            project_id=session.project_id, created_by_id=run.created_by_id
        )
        for _ in range(log.MAX_OUTSIDE_EFFECTS * 3)
    ]
    told: list[UUID] = []
    listener = lambda committed: told.append(committed.session)  # noqa: E731
    log.listen(listener)
    try:
        coming = [log.append(other.pk, effect=lambda: Done(None, [said(run)])) for other in others]
        under_way = log.append(
            session.pk, fence=Fence(run.pk, 1), effect=lambda: Done(None, [said(run)])
        )
        await asyncio.gather(*coming, under_way)
    finally:
        log.unlisten(listener)
    assert sorted(told) == sorted([session.pk, *(other.pk for other in others)])
    assert told.index(session.pk) <= log.MAX_OUTSIDE_EFFECTS
    assert not log.has_backlog()


async def test_people_take_turns_however_many_messages_one_of_them_sends(
    project: Project, session: ChatSession, run: Run
) -> None:
    crowded = [
        await ChatSession.objects.acreate(project=project)
        for _ in range(log.MAX_OUTSIDE_EFFECTS * 3)
    ]
    told: list[UUID] = []
    listener = lambda committed: told.append(committed.session)  # noqa: E731
    log.listen(listener)
    try:
        coming = [
            asyncio.ensure_future(
                log.append(one.pk, effect=lambda: Done(None, [said(run)]), person=1)
            )
            for one in crowded
        ]
        await asyncio.sleep(0)
        assert not log.has_backlog()  # so that a run of somebody else starts
        mine = log.append(session.pk, effect=lambda: Done(None, [said(run)]), person=2)
        await asyncio.gather(*coming, mine)
    finally:
        log.unlisten(listener)
    assert told.index(session.pk) < 2 * log.MAX_OUTSIDE_EFFECTS  # the first commit had begun
    assert sorted(told) == sorted([session.pk, *(one.pk for one in crowded)])


async def test_what_comes_later_in_a_session_is_not_written_earlier(
    session: ChatSession, run: Run
) -> None:
    coming = [
        log.append(session.pk, effect=lambda n=n: Done(None, [said(run, str(n))]))
        for n in range(log.MAX_OUTSIDE_EFFECTS * 2)
    ]
    under_way = log.append(session.pk, [said(run, "last")], fence=Fence(run.pk, 1))
    await asyncio.gather(*coming, under_way)
    messages = [body["progress"]["message"] for body in await bodies(session)]
    assert messages == [*map(str, range(log.MAX_OUTSIDE_EFFECTS * 2)), "last"]


async def test_a_driver_with_an_old_attempt_writes_nothing(session: ChatSession, run: Run) -> None:
    await log.append(session.pk, [said(run)], fence=Fence(run.pk, 1))
    await Run.objects.filter(pk=run.pk).aupdate(attempt=2)
    with pytest.raises(Fenced):
        await log.append(
            session.pk,
            [said(run)],
            fence=Fence(run.pk, 1),
            effect=lambda: pytest.fail("the effect was called"),
        )
    assert len(await bodies(session)) == 1


async def test_a_cancel_fences_what_was_written_in_the_same_commit_after_it(
    session: ChatSession, run: Run, alice: User
) -> None:
    """The driver and the cancel meet in one group commit."""
    fence = Fence(run.pk, 1)
    results = await asyncio.gather(
        log.append(session.pk, [said(run, "warm-up")], fence=fence),
        ending.cancel(session.pk, run.pk, alice),
        log.append(session.pk, [said(run, "too late")], fence=fence),
        return_exceptions=True,
    )
    assert isinstance(results[2], Fenced)
    assert [body["type"] for body in await bodies(session)] == ["progress", "run", "cancelled"]


async def test_writing_to_a_session_that_is_gone_is_fenced(session: ChatSession, run: Run) -> None:
    gone = session.pk
    await session.adelete()
    with pytest.raises(Fenced):
        await log.append(gone, [said(run)])


async def test_a_connection_that_breaks_before_the_commit_costs_nothing(
    session: ChatSession, run: Run, project: Project
) -> None:
    calls: list[int] = []

    def effect() -> Done[None]:
        calls.append(1)
        Task.objects.create(project=project, number=len(calls), title=f"Try {len(calls)}")
        if len(calls) == 1:
            raise OperationalError("server closed the connection")
        return Done(None, [said(run)])

    await log.append(session.pk, effect=effect)
    assert [task.title async for task in Task.objects.all()] == ["Try 2"]
    assert len(await bodies(session)) == 1


async def test_a_connection_that_breaks_during_the_commit_counts_once(
    session: ChatSession, run: Run
) -> None:
    """The commit went through and its answer was lost: the events are not written again."""
    real = BaseDatabaseWrapper._commit
    lost: list[int] = []

    def commit(self: Any) -> None:
        real(self)
        if not lost:
            lost.append(1)
            raise OperationalError("server closed the connection")

    with patch.object(BaseDatabaseWrapper, "_commit", commit):
        await log.append(session.pk, [said(run)])
    assert lost
    assert len(await bodies(session)) == 1


async def test_a_frame_is_json_with_every_field_of_an_event(session: ChatSession, run: Run) -> None:
    await log.append(session.pk, [said(run, "Grüße 🗡️ “”\n")])
    [frame] = await bodies(session)
    assert set(frame) == {"type", "seq", "run", "timestamp", "progress", "text"}
    assert frame["timestamp"].endswith("Z")
    assert len(frame["timestamp"]) == len("2026-01-01T00:00:00.000000Z")
    assert frame["timestamp"] <= timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert frame["progress"]["message"] == "Grüße 🗡️ “”\n"
