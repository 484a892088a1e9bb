"""Fills a database with the runs of two months, for the measurement of the analytics. Seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

RUNS, EVENTS, MEMORIES = 20_000, 50, 50_000  # events of each run
PROJECTS, PEOPLE, RUNS_OF_SESSION, DAYS = 20, 40, 10, 60
MODELS = ("gpt-5-mini", "gpt-5", "qwen3:8b", "offline")
TOOLS = ("create_task", "update_task", "search_tasks", "create_memory", "edit_tasks", "fetch_page")
CODES = ("model_timeout", "model_unavailable", "invalid_plan", "run_timeout")
PHASES = {
    "start": 3,
    "context": 20,
    "analyzing": 900,
    "planning": 4000,
    "validation": 8,
    "execution": 1200,
    "memory": 800,
    "completion": 1500,
}
BATCH = 2000
TEXT = "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod. " * 5


def fill() -> None:
    from django.contrib.auth.models import User
    from django.db import connection

    from agent.models import Project

    chance = random.Random(7)
    boss = User.objects.create_superuser("boss")
    people = [boss, *(User.objects.create(username=f"p{n}") for n in range(PEOPLE - 1))]
    projects = Project.objects.bulk_create(
        Project(name=f"Project {n}", owner=boss) for n in range(PROJECTS)
    )
    runs = _runs(projects, people, chance)
    _phases(runs, chance)
    _steps(runs, chance)
    _feedback(runs, chance)
    _events()
    _memories(projects[0])
    with connection.cursor() as cursor:  # which PostgreSQL does by itself after a while
        cursor.execute("ANALYZE")


def _sessions(projects: Sequence[Any], people: Sequence[Any]) -> list[Any]:
    from agent.models import ChatSession

    return ChatSession.objects.bulk_create(
        (
            ChatSession(
                project=projects[n % PROJECTS],
                title=f"Session {n}",
                created_by=people[n % PEOPLE],
                last_seq=RUNS_OF_SESSION * EVENTS,
                run_count=RUNS_OF_SESSION,
            )
            for n in range(RUNS // RUNS_OF_SESSION)
        ),
        batch_size=BATCH,
    )


def _runs(projects: Sequence[Any], people: Sequence[Any], chance: random.Random) -> list[Any]:
    from django.db.models import F
    from django.utils import timezone

    from agent.models import Message, Run

    began = timezone.now() - timedelta(days=DAYS)
    messages = Message.objects.bulk_create(
        (
            Message(session=session, role="user", author=session.created_by, content=f"Do it {n}")
            for session in _sessions(projects, people)
            for n in range(RUNS_OF_SESSION)
        ),
        batch_size=BATCH,
    )
    runs = [
        _run(message, index, began + timedelta(days=DAYS) * (index / RUNS), chance)
        for index, message in enumerate(messages)
    ]
    Run.objects.bulk_create(runs, batch_size=BATCH)
    # `auto_now_add` has set the time of the insertion.
    Run.objects.update(created_at=F("started_at"))
    return runs


def _run(message: Any, index: int, at: datetime, chance: random.Random) -> Any:
    from agent.models import Run

    has_failed = chance.random() < 0.06
    has_tokens = MODELS[index % 4] != "offline"
    return Run(
        session=message.session,
        number=index % RUNS_OF_SESSION + 1,
        message=message,
        created_by=message.author,
        model=MODELS[index % 4],
        status="failed" if has_failed else "succeeded",
        error_code=chance.choice(CODES) if has_failed else "",
        started_at=at,
        finished_at=at + timedelta(milliseconds=round(chance.lognormvariate(9, 0.5))),
        updates=EVENTS,
        silence_ms=round(chance.lognormvariate(7, 0.8)),
        usage={"calls": 4, "input_tokens": chance.randrange(9000), "output_tokens": 700}
        if has_tokens
        else {},
    )


def _phases(runs: Sequence[Any], chance: random.Random) -> None:
    from agent.models import PhaseResult

    def rows() -> Iterator[Any]:
        for run in runs:
            for phase, usual in PHASES.items():
                took = round(usual * chance.lognormvariate(0, 0.4))
                yield PhaseResult(
                    run=run,
                    phase=phase,
                    result={"text": TEXT},
                    started_at=run.started_at,
                    duration_ms=took,
                    low_ms=usual // 2,
                    high_ms=usual * 2,
                )

    _create(PhaseResult, rows())


def _steps(runs: Sequence[Any], chance: random.Random) -> None:
    from django.db.models import OuterRef, Subquery

    from agent.models import PlanRevision, PlanStep, Run

    plans = PlanRevision.objects.bulk_create(
        (PlanRevision(run=run, revision=1, summary=TEXT) for run in runs), batch_size=BATCH
    )
    began = Run.objects.filter(pk=OuterRef("run")).values("started_at")
    PlanRevision.objects.update(created_at=Subquery(began))

    def rows() -> Iterator[Any]:
        for plan, run in zip(plans, runs, strict=True):
            for number in range(3):
                took = timedelta(milliseconds=round(chance.lognormvariate(5, 0.7)))
                yield PlanStep(
                    plan=plan,
                    key=f"s{number}",
                    position=number,
                    type="tool",
                    tool=chance.choice(TOOLS),
                    arguments={"title": TEXT},
                    result={"text": TEXT},
                    status="failed" if chance.random() < 0.03 else "succeeded",
                    started_at=run.started_at,
                    finished_at=run.started_at + took,
                    low_ms=60,
                    high_ms=400,
                )

    _create(PlanStep, rows())


def _feedback(runs: Sequence[Any], chance: random.Random) -> None:
    from agent.models import Feedback

    _create(
        Feedback,
        (
            Feedback(
                run=run, user_id=run.created_by_id, target=target, value=chance.choice((1, -1))
            )
            for run in runs[::10]
            for target in ("answer", "progress")
        ),
    )


# In the database, since a million objects would take minutes.
_EVENTS = """
WITH RECURSIVE numbers (number) AS (
    SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < %s
)
INSERT INTO agent_event (session_id, seq, run_id, type, body)
SELECT run.session_id, (run.number - 1) * %s + numbers.number, run.id, 'progress',
    '{"type":"progress","progress":{"step":"execution","message":"Step","details":"","metadata":{}},'
    || '"seq":' || numbers.number || ',"run":"","timestamp":"2026-01-01T00:00:00.000000Z"}'
FROM agent_run run CROSS JOIN numbers
"""


def _events() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [EVENTS, EVENTS])


def _memories(project: Any) -> None:
    from agent.models import Memory

    _create(
        Memory,
        (
            Memory(id=UUID(int=n + 1), project=project, title=f"Memory {n}", content=f"It is {n}.")
            for n in range(MEMORIES)
        ),
    )


def _create(model: Any, rows: Iterator[Any]) -> None:
    """Inserts the rows part by part: a million of them would take much memory."""
    part: list[Any] = []
    for row in rows:
        part.append(row)
        if len(part) == 10 * BATCH:
            model.objects.bulk_create(part, batch_size=BATCH)
            part = []
    model.objects.bulk_create(part, batch_size=BATCH)
