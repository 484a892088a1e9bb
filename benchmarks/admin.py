"""Measures the admin's pages with 100,000 events, in-process: a part of `make bench`.

In a process of its own, since Django uses one database in each. DATABASE_URL names another database.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.results import Bar, Row, add  # noqa: E402  (the path first)
from tests.support.server import environment  # noqa: E402

SESSIONS, RUNS, EVENTS = 500, 5, 40  # sessions, runs of each, events of each of those
VISITS = 3
BAR = Bar(300)  # milliseconds
PART = f"Pages of the admin with {SESSIONS * RUNS * EVENTS:,} events"


def main() -> None:
    command = [sys.executable, __file__]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    for name, took in json.loads(done.stdout).items():
        add(Row(PART, name, "ms", took, BAR))


def in_process() -> None:
    """Prints the milliseconds of each visit as JSON, by page."""
    with tempfile.TemporaryDirectory() as folder:
        url = os.environ.get("DATABASE_URL", "")
        os.environ.update(environment(Path(folder), DATABASE_URL=url))
        os.environ["DJANGO_SETTINGS_MODULE"] = "samurai_site.settings"
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        fill()
        measure()
        connections.close_all()


def fill() -> None:
    """Creates the rows of 2,500 runs."""
    from django.contrib.auth.models import User

    from agent.models import Project

    boss = User.objects.create_superuser("boss")
    projects = Project.objects.bulk_create(Project(name=f"P{n}", owner=boss) for n in range(50))
    _fill_board(projects)
    runs = _make_runs(projects, boss)
    _fill_runs(runs)
    _fill_events(runs)


def _fill_board(projects: list[Any]) -> None:
    from agent.models import Memory, Task

    Task.objects.bulk_create(
        Task(project=projects[n % 50], number=n, title=f"T{n}") for n in range(5000)
    )
    Memory.objects.bulk_create(
        Memory(project=projects[n % 50], title=f"M{n}", content="We use it") for n in range(2000)
    )


def _make_sessions(projects: list[Any], boss: Any) -> list[Any]:
    from agent.models import ChatSession

    return ChatSession.objects.bulk_create(
        ChatSession(
            project=projects[n % 50],
            title=f"Session {n}",
            created_by=boss,
            last_seq=RUNS * EVENTS,
            run_count=RUNS,
        )
        for n in range(SESSIONS)
    )


def _make_runs(projects: list[Any], boss: Any) -> list[Any]:
    from django.utils import timezone

    from agent.models import Message, Run

    now = timezone.now()
    sessions = _make_sessions(projects, boss)
    messages = Message.objects.bulk_create(
        Message(session=session, role="user", author=boss, content=f"Please do the thing {n} " * 10)
        for session in sessions
        for n in range(RUNS)
    )
    return Run.objects.bulk_create(
        Run(
            session=message.session,
            number=index % RUNS + 1,
            message=message,
            created_by=boss,
            status="succeeded",
            started_at=now,
            finished_at=now + timedelta(seconds=2),
        )
        for index, message in enumerate(messages)
    )


def _fill_runs(runs: list[Any]) -> None:
    from agent.models import PhaseResult, PlanRevision, PlanStep

    PhaseResult.objects.bulk_create(
        PhaseResult(run=run, phase=phase, started_at=run.started_at, duration_ms=20)
        for run in runs
        for phase in ("start", "context", "analyzing", "planning", "validation", "execution")
    )
    plans = PlanRevision.objects.bulk_create(PlanRevision(run=run, revision=1) for run in runs)
    PlanStep.objects.bulk_create(
        PlanStep(plan=plan, key=f"s{n}", position=n, type="tool", tool="create_task")
        for plan in plans
        for n in range(2)
    )


def _fill_events(runs: list[Any]) -> None:
    from agent.models import Event

    body = '{"type":"run","status":"running","timestamp":"2026-11-23T00:57:08.130791Z"}'
    Event.objects.bulk_create(
        (
            Event(
                session=run.session,
                run=run,
                seq=(run.number - 1) * EVENTS + n,
                type="run",
                body=body,
            )
            for run in runs
            for n in range(1, EVENTS + 1)
        ),
        batch_size=2000,
    )


def measure() -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="boss"))
    pages = _pages()
    for address in pages.values():
        client.get(address)
    took = {
        name: [_timed(client, address) for _ in range(VISITS)] for name, address in pages.items()
    }
    print(json.dumps(took))


def _pages() -> dict[str, str]:
    """Returns the addresses, by name."""
    from django.apps import apps
    from django.urls import reverse

    from agent.models import ChatSession

    session = ChatSession.objects.first()
    assert session is not None
    lists = {
        f"list of {model._meta.verbose_name_plural}": reverse(
            f"admin:agent_{model._meta.model_name}_changelist"
        )
        for model in apps.get_app_config("agent").get_models()
    }
    return lists | _more_pages(lists, session.pk)


def _more_pages(lists: dict[str, str], session: Any) -> dict[str, str]:
    from django.urls import reverse

    events, sessions = lists["list of events"], lists["list of chat sessions"]
    return {
        "events, the last page to be had": f"{events}?p=200",
        "events of one session": f"{events}?session__id__exact={session}",
        "sessions, search in messages": f"{sessions}?q=the+thing+3",
        "sessions whose latest run failed": f"{sessions}?latest=failed",
        "memories, by words": lists["list of memories"] + "?q=used",
        "a session": reverse("admin:agent_chatsession_change", args=[session]),
        "a transcript": reverse("admin:agent_chatsession_transcript", args=[session]),
    }


def _timed(client: Any, address: str) -> float:
    began = time.perf_counter()
    assert client.get(address).status_code == 200, address
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    in_process()
