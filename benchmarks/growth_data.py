"""Fills the project of a session with past runs, their events and memories, past the engine.

As a program, with the server's environment: the session, and how many sessions, runs of each, events of
each of those, and memories.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import django

PHASES = ("start", "context", "analyzing", "planning", "validation", "execution")
WORDS = ("login", "invoice", "calendar", "reminder", "export", "patient", "report")
BATCH = 2000
BODY = (
    '{"type":"progress","progress":{"step":"execution","message":"Step %d","details":"",'
    '"timestamp":"2026-01-01T00:00:00.000000Z","metadata":{}},"seq":%d,"run":"%s",'
    '"timestamp":"2026-01-01T00:00:00.000000Z"}'
)


def fill(session: str, sessions: int, runs: int, events: int, memories: int) -> None:
    from django.db import connection

    from agent.models import ChatSession

    project = ChatSession.objects.get(pk=session).project
    new = (
        ChatSession(
            project=project,
            title=f"Session {number}",
            created_by=project.owner,
            last_seq=runs * events,
            run_count=runs,
        )
        for number in range(sessions)
    )
    made = ChatSession.objects.bulk_create(new, batch_size=BATCH)
    for at in range(0, len(made), 100):
        _fill_sessions(made[at : at + 100], runs, events)
    _fill_memories(project, memories)
    if connection.vendor == "postgresql":  # which does it by itself after a while
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _fill_sessions(sessions: list[Any], runs: int, events: int) -> None:
    from agent.models import Event, PhaseResult, PlanRevision, PlanStep

    rows = list(_runs(sessions, runs))
    PhaseResult.objects.bulk_create(
        (
            PhaseResult(run=run, phase=phase, started_at=run.started_at, duration_ms=20)
            for run in rows
            for phase in PHASES
        ),
        batch_size=BATCH,
    )
    plans = PlanRevision.objects.bulk_create(PlanRevision(run=run, revision=1) for run in rows)
    PlanStep.objects.bulk_create(
        PlanStep(plan=plan, key="s1", position=0, type="tool", tool="create_task") for plan in plans
    )
    Event.objects.bulk_create(_events(rows, events), batch_size=BATCH)


def _runs(sessions: list[Any], runs: int) -> list[Any]:
    from django.utils import timezone

    from agent.models import Message, Run

    began = timezone.now() - timedelta(days=30)
    messages = Message.objects.bulk_create(
        Message(session=session, role="user", author=session.created_by, content=f"Do it {n}")
        for session in sessions
        for n in range(runs)
    )
    return Run.objects.bulk_create(
        Run(
            session=message.session,
            number=index % runs + 1,
            message=message,
            created_by=message.author,
            status="succeeded",
            started_at=began,
            finished_at=began + timedelta(seconds=2),
        )
        for index, message in enumerate(messages)
    )


def _events(runs: list[Any], events: int) -> Iterator[Any]:
    from agent.models import Event

    for run in runs:
        for number in range(1, events + 1):
            seq = (run.number - 1) * events + number
            body = BODY % (number, seq, run.pk)
            yield Event(session_id=run.session_id, run=run, seq=seq, type="progress", body=body)


def _fill_memories(project: Any, memories: int) -> None:
    from agent.models import Memory, MemoryRevision
    from agent.text import search_index

    rows = Memory.objects.bulk_create(
        (
            Memory(id=uuid4(), project=project, title=f"{_word(n)} {n}", content=f"It is {n}.")
            for n in range(memories)
        ),
        batch_size=BATCH,
    )
    MemoryRevision.objects.bulk_create(
        (MemoryRevision(memory=row, number=1, action="created", title=row.title) for row in rows),
        batch_size=BATCH,
    )
    search_index.put(
        search_index.entry(project_id=project.pk, kind="memory", object_id=row.pk, body=row.title)
        for row in rows
    )


def _word(number: int) -> str:
    return WORDS[number % len(WORDS)]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    fill(sys.argv[1], *(int(number) for number in sys.argv[2:]))
