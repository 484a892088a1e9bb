"""On PostgreSQL, a commit has the same few statements for any number of events, and keeps its connection."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db.backends.signals import connection_created
from django.db.backends.utils import CursorWrapper

from agent.event_log import events, log
from agent.models import ChatSession, Event, Message, Project, Run
from tests.support.databases import run_on_postgresql

TEXTS = ["plain", "Über 🚀", 'it\'s "quoted" \\ and 100%', "%s %(name)s", "\t\x01\x1f", "x" * 5_000]


def runs() -> list[Run]:
    alice = User.objects.create(username="alice")
    project = Project.objects.create(name="Clinic booking", owner=alice)
    made = []
    for _ in range(3):
        session = ChatSession.objects.create(project=project, created_by=alice)
        message = Message.objects.create(session=session, role="user", content="Go")
        made.append(Run.objects.create(session=session, number=1, message=message))
    return made


async def append(run: Run, texts: list[str]) -> None:
    new = [events.Progress(run.pk, "start", text) for text in texts]
    await log.append(run.session_id, new)


def check() -> None:
    first, *others = runs()
    statements: list[tuple[str, int]] = []
    connections: list[Any] = []
    execute = CursorWrapper.execute

    def counted(self: Any, sql: str, params: Any = None) -> Any:
        statements.append((sql, len(params or ())))
        return execute(self, sql, params)

    def connected(connection: Any, **_: Any) -> None:
        connections.append(connection)

    async def write() -> None:
        await append(first, ["first"])
        connection_created.connect(connected, weak=False)
        with patch.object(CursorWrapper, "execute", counted):
            await append(first, TEXTS * 30)
            await asyncio.gather(*(append(run, TEXTS) for run in others))

    asyncio.run(write())
    assert not connections, "each commit took another connection"
    written = {found for found in statements if "INSERT INTO agent_event" in found[0]}
    assert [parameters for _, parameters in written] == [2], written
    for run, texts in ((first, ["first", *TEXTS * 30]), *((run, TEXTS) for run in others)):
        rows = list(Event.objects.filter(session=run.session).order_by("seq"))
        assert [row.seq for row in rows] == list(range(1, len(texts) + 1))
        assert {(row.run_id, row.type) for row in rows} == {(run.pk, "progress")}
        bodies = [row.body for row in rows]
        assert [json.loads(body)["progress"]["message"] for body in bodies] == texts
        session = ChatSession.objects.get(pk=run.session_id)
        assert session.last_seq == len(texts)
        assert session.stored_bytes == sum(len(body.encode()) for body in bodies)


PROGRAM = """
import django
django.setup()
from tests.event_log.test_writing_on_postgresql import check
check()
"""


@pytest.mark.postgresql
def test_many_events_are_one_statement_with_two_parameters(tmp_path: Path) -> None:
    run_on_postgresql(PROGRAM, tmp_path)
