"""A project with many tasks and many changes, and what a slice of its board's history costs.

As a program, with the server's environment: `python -m tests.support.long_history TASKS CHANGES` makes the
project in a migrated database, and prints the `Cost` of each slice as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import django

PACE = timedelta(seconds=10)  # between two changes
BATCH = 2000
KINDS = ("pending", "in_progress", "completed")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of the slice around the event `at`. `seconds`: the best of three."""

    at: int
    queries: int
    rows: int
    bytes: int
    tasks: int
    more: int
    changes: int
    seconds: float


def fill(session_id: UUID, tasks: int, changes: int) -> None:
    """Makes tasks; every other change of them is in the log of the session, the others in another one."""
    from django.db import connection

    from agent.models import ChatSession, Event, Task

    session = ChatSession.objects.select_related("project").get(pk=session_id)
    other = ChatSession.objects.create(project=session.project, title="Another one")
    began = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [uuid4() for _ in range(tasks)]
    rows = (
        Task(
            id=key, project=session.project, number=n + 1, title=f"Errand {n}", position=n * 2**24,
            description=f"What errand {n} is about. " * 20,
        )
        for n, key in enumerate(ids)
    )  # fmt: skip
    Task.objects.bulk_create(rows, batch_size=BATCH)
    events = _changes([session, other], ids, changes, began)
    Event.objects.bulk_create(events, batch_size=BATCH)
    Task.objects.update(created_at=began, updated_at=began + PACE * changes)
    ChatSession.objects.filter(pk__in=[session.pk, other.pk]).update(last_seq=changes // 2)
    if connection.vendor == "postgresql":  # which does it by itself after a while
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _changes(sessions: list[Any], ids: list[UUID], number: int, began: datetime) -> Iterator[Any]:
    from agent.event_log import events
    from agent.event_log.times import stamp
    from agent.models import Event

    for n in range(number):
        task, earlier = n % len(ids), n // len(ids)
        before, after = (
            _value(ids[task], task, KINDS[state % 3]) for state in (earlier, earlier + 1)
        )
        told = events.Change(
            None, object="task", id=ids[task], action="updated", before=before, after=after, by="alice"
        )  # fmt: skip
        seq = n // 2 + 1
        frame = json.loads(told.frame(seq)) | {"timestamp": stamp(began + PACE * n)}
        yield Event(session=sessions[n % 2], seq=seq, type="change", body=json.dumps(frame))


def _value(key: UUID, number: int, status: str) -> dict[str, Any]:
    return {
        "id": str(key), "number": number + 1, "title": f"Errand {number}", "status": status,
        "description": f"What errand {number} is about. " * 20, "priority": "medium", "due": None,
        "estimate": None, "labels": [], "criteria": [], "assignee": None, "parent": None,
        "depends_on": [], "position": number * 2**24,
    }  # fmt: skip


def cost(client: Any, address: str, at: int) -> Cost:
    """Returns what the request of a slice costs. `client`: Django's, signed in."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        answer = client.get(address, {"at": at})
        seconds.append(time.perf_counter() - began)
    with counted() as count:
        client.get(address, {"at": at})
    board = answer.json()
    changes = sum(bool(state["seq"]) for task in board["tasks"] for state in task["states"])
    return Cost(
        at, count["queries"], count["rows"], len(answer.content), len(board["tasks"]),
        board["more"]["tasks"], changes, min(seconds),
    )  # fmt: skip


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Counts the statements of this process, and the rows that it fetches."""
    from django.db.backends.utils import CursorWrapper

    count = {"queries": 0, "rows": 0}
    execute = CursorWrapper.execute

    def run(cursor: Any, sql: str, params: Any = None) -> Any:
        count["queries"] += 1
        return execute(cursor, sql, params)

    def fetching(cursor: Any, name: str) -> Any:
        found = getattr(cursor.cursor, name)
        return partial(fetch, found) if name.startswith("fetch") else found

    def fetch(fetched: Any, *arguments: Any) -> Any:
        rows = fetched(*arguments)
        count["rows"] += len(rows) if isinstance(rows, list) else 1
        return rows

    with (
        mock.patch.object(CursorWrapper, "execute", run),
        mock.patch.object(CursorWrapper, "__getattr__", fetching),
    ):
        yield count


def main(tasks: int, changes: int) -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    from agent.models import ChatSession, Project

    alice = User.objects.create_user(f"alice {uuid4()}")
    project = Project.objects.create(name="Large", owner=alice)
    session = ChatSession.objects.create(project=project, created_by=alice)
    fill(session.pk, tasks, changes)
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(alice)
    last = changes // 2
    address = f"/sessions/{session.pk}/replay/board/"
    places = (1, last // 4, last // 2, last)
    print(json.dumps([asdict(cost(client, address, at)) for at in places]))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    main(int(sys.argv[1]), int(sys.argv[2]))
