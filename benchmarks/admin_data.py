"""Fills a database for the measurement of the admin: a million events of 20,000 runs, 50,000 memories."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

SESSIONS, RUNS, EVENTS = 4000, 5, 50  # sessions, runs of each, events of each of those
MEMORIES, TASKS, PROJECTS = 50_000, 5000, 50
BATCH = 2000
_EVENTS = f"""
INSERT INTO agent_event (session_id, seq, run_id, type, body)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {EVENTS})
SELECT run.session_id, (run.number - 1) * {EVENTS} + n, run.id, 'run', %s FROM agent_run run, numbers
"""
_BODY = '{"type":"run","status":"running","timestamp":"2026-11-23T00:57:08.130791Z"}'


def fill() -> None:
    """Creates one row at least of each model, all of them today: the most that the first page reads."""
    from django.contrib.auth.models import Group, User
    from django.db import connection

    from agent.models import Project

    boss = User.objects.create_superuser("boss")
    Group.objects.create(name="Leads")
    projects = Project.objects.bulk_create(
        Project(name=f"P{n}", owner=boss) for n in range(PROJECTS)
    )
    _fill_board(projects)
    runs = _make_runs(projects, boss)
    _fill_runs(runs, boss)
    _fill_others(runs[0], boss)
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [_BODY])
        cursor.execute("ANALYZE")


def _fill_board(projects: list[Any]) -> None:
    from agent.models import Memory, MemoryRevision, Task
    from agent.text import search_index

    Task.objects.bulk_create(
        (Task(project=projects[n % PROJECTS], number=n, title=f"T{n}") for n in range(TASKS)),
        batch_size=BATCH,
    )
    memories = Memory.objects.bulk_create(
        (
            Memory(project=projects[n % PROJECTS], title=f"M{n}", content="We use it")
            for n in range(MEMORIES)
        ),
        batch_size=BATCH,
    )
    MemoryRevision.objects.bulk_create(
        (
            MemoryRevision(memory=row, number=1, action="created", title=row.title)
            for row in memories
        ),
        batch_size=BATCH,
    )
    search_index.put(
        search_index.entry(
            project_id=row.project_id, kind="memory", object_id=row.pk, body=row.content
        )
        for row in memories
    )


def _make_sessions(projects: list[Any], boss: Any) -> list[Any]:
    from agent.models import ChatSession

    return ChatSession.objects.bulk_create(
        (
            ChatSession(
                project=projects[n % PROJECTS],
                title=f"Session {n}",
                created_by=boss,
                last_seq=RUNS * EVENTS,
                run_count=RUNS,
            )
            for n in range(SESSIONS)
        ),
        batch_size=BATCH,
    )


def _make_runs(projects: list[Any], boss: Any) -> list[Any]:
    from django.utils import timezone

    from agent.models import Message, Run

    now = timezone.now()
    messages = Message.objects.bulk_create(
        (
            Message(
                session=session, role="user", author=boss, content=f"Please do the thing {n} " * 10
            )
            for session in _make_sessions(projects, boss)
            for n in range(RUNS)
        ),
        batch_size=BATCH,
    )
    return Run.objects.bulk_create(
        (
            Run(
                session=message.session,
                number=index % RUNS + 1,
                message=message,
                created_by=boss,
                started_at=now,
                finished_at=now + timedelta(seconds=2),
                **_end(index),
            )
            for index, message in enumerate(messages)
        ),
        batch_size=BATCH,
    )


def _end(index: int) -> dict[str, str]:
    """Every twentieth run has failed and waits for its person."""
    if index % 20 == 4:
        return {"status": "failed", "error_code": "tool_failed", "left_open": "failure"}
    return {"status": "succeeded"}


def _fill_runs(runs: list[Any], boss: Any) -> None:
    from agent.llm.writing import pack
    from agent.models import Approval, Feedback, ModelCall, PhaseResult, PlanRevision, PlanStep

    phases = ("start", "context", "analyzing", "planning", "validation", "execution")
    prompt = pack([{"role": "user", "content": "Make a plan of it. " * 200}])
    plans = PlanRevision.objects.bulk_create(
        (PlanRevision(run=run, revision=1) for run in runs), batch_size=BATCH
    )
    made: tuple[tuple[Any, Any], ...] = (
        (
            PhaseResult,
            (
                PhaseResult(run=run, phase=phase, started_at=run.started_at, duration_ms=20)
                for run in runs
                for phase in phases
            ),
        ),
        (PlanStep, (_step(plan, n) for plan in plans for n in range(2))),
        (ModelCall, (_call(run, prompt) for run in runs)),
        (Approval, (Approval(run=plan.run, plan=plan, status="approved") for plan in plans[::10])),
        (Feedback, (Feedback(run=run, user=boss, value=1) for run in runs)),
    )
    for model, rows in made:
        model.objects.bulk_create(rows, batch_size=BATCH)


def _step(plan: Any, number: int) -> Any:
    from agent.models import PlanStep

    times = {"started_at": plan.run.started_at, "finished_at": plan.run.finished_at}
    return PlanStep(
        plan=plan, key=f"s{number}", position=number, type="tool", tool="create_task", **times
    )


def _call(run: Any, prompt: bytes) -> Any:
    from agent.models import ModelCall

    return ModelCall(
        run=run,
        verb="plan",
        model="small",
        prompt=prompt,
        text="A plan",
        input_tokens=1200,
        output_tokens=34,
        started_at=run.started_at,
        duration_ms=900,
    )


def _fill_others(run: Any, boss: Any) -> None:
    from django.utils import timezone

    from agent.accounts.shared_links import create_link
    from agent.accounts.tokens import create_token
    from agent.models import Batch, Membership, Steering

    Steering.objects.create(run=run, message=run.message)
    Batch.objects.create(project=run.session.project, name="wishes.txt", updated_at=timezone.now())
    Membership.objects.create(project=run.session.project, user=boss)
    create_token(boss)
    create_link(run.session, boss)
