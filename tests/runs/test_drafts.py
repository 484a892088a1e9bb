"""The row of a draft: who may write it, and that no run waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from agent.event_log.log import Fence
from agent.models import ChatSession, Draft, Message, Run
from agent.runs import drafts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "GAP", 0.01)


@pytest.fixture
def run(session: ChatSession) -> Run:
    message = Message.objects.create(session=session, role="user", content="Plan")
    return Run.objects.create(
        session=session, number=1, message=message, status=Run.Status.RUNNING, attempt=2
    )


def put(run: Run, attempt: int, **fields: Any) -> None:
    drafts.put(Fence(run.pk, attempt), lambda: fields)


async def written() -> list[tuple[int, str]]:
    """Returns attempt and body of each row once everything that waits was written or skipped."""
    writer = drafts._writers.here()
    async with asyncio.timeout(20):
        while writer._task is not None:
            await asyncio.sleep(0.01)
    return [(row.attempt, row.body) async for row in Draft.objects.all()]


async def test_the_latest_draft_is_the_one_that_is_there(run: Run) -> None:
    for number in range(50):
        put(run, 2, number=number)
    assert await written() == [(2, '{"number":49}')]
    put(run, 2, number=50)
    assert await written() == [(2, '{"number":50}')]


async def test_an_older_attempt_writes_and_deletes_nothing(run: Run) -> None:
    put(run, 1, of="the older")
    assert await written() == []
    put(run, 2, of="the newer")
    await written()
    put(run, 1, of="the older")
    await written()
    drafts.discard(Fence(run.pk, 1))
    assert await written() == [(2, '{"of":"the newer"}')]


async def test_the_draft_of_an_older_attempt_is_not_read(run: Run, session: ChatSession) -> None:
    put(run, 2, of="the older")
    await written()
    await Run.objects.filter(pk=run.pk).aupdate(attempt=3)
    assert await asyncio.to_thread(drafts.of_session, session.pk) is None
    put(run, 3, of="the newer")
    assert await written() == [(3, '{"of":"the newer"}')]
    draft = await asyncio.to_thread(drafts.of_session, session.pk)
    assert draft is not None
    assert (draft.run, draft.attempt, draft.body) == (run.pk, 3, '{"of":"the newer"}')


@pytest.mark.parametrize("status", [Run.Status.WAITING, Run.Status.CANCELLED, Run.Status.FAILED])
async def test_a_run_that_does_not_run_gets_no_draft(run: Run, status: str) -> None:
    await Run.objects.filter(pk=run.pk).aupdate(status=status)
    put(run, 2, late=True)
    assert await written() == []


async def test_a_draft_that_is_discarded_is_not_written_later(run: Run) -> None:
    put(run, 2, number=1)
    drafts.discard(Fence(run.pk, 2))
    assert await written() == []


async def test_a_database_that_refuses_only_skips_drafts(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(works: Any) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(drafts, "_write", refuse)
        put(run, 2, number=1)
        assert await written() == []
    assert "1 drafts are skipped: away" in caplog.text
    put(run, 2, number=2)
    assert await written() == [(2, '{"number":2}')]
