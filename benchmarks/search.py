"""Measures the search over everything with 100,000 messages, in-process: a part of `make bench`.

SQLite, and PostgreSQL where TEST_DATABASE_URL is set. One person has 20 projects with 5,000 messages, 100
tasks and 100 memories each. Queries: the beginnings of words, frequent, rare and of nothing.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.processes import on_each_database  # noqa: E402  (the path first)
from benchmarks.recall import _texts  # noqa: E402  (the path first)
from benchmarks.results import Bar, Row, add  # noqa: E402

PROJECTS, MESSAGES, OTHERS = 20, 5_000, 100
QUERIES, ROUNDS = 100, 3
PART = f"Search over everything, {QUERIES} queries"


def main() -> None:
    for name, printed in on_each_database(__file__):
        rounds = json.loads(printed)
        for share, bar in ((0.5, None), (0.95, Bar(100))):
            values = [of_round[int(QUERIES * share)] for of_round in rounds]
            label = f"{PROJECTS * MESSAGES:,} messages, {name}, p{share * 100:.0f}"
            add(Row(PART, label, "ms", values, bar))


def measure() -> None:
    """Prints the sorted milliseconds of each round, as JSON."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("bench")
    _fill(user)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(json.dumps([_timed(user) for _ in range(ROUNDS)]), flush=True)


def _fill(user: Any) -> None:
    from agent.models import ChatSession, Memory, Message, Project, Task

    texts = _texts(random.Random("messages"), 10, 60)
    for number in range(PROJECTS):
        project = Project.objects.create(name=f"Project {number}", owner=user)
        sessions = [ChatSession(project=project, title=next(texts)[:60]) for _ in range(50)]
        ChatSession.objects.bulk_create(sessions)
        Message.objects.bulk_create(
            Message(session=sessions[at % 50], role="user", content=next(texts))
            for at in range(MESSAGES)
        )
        Task.objects.bulk_create(
            Task(project=project, number=at + 1, position=at, title=next(texts)[:100])
            for at in range(OTHERS)
        )
        Memory.objects.bulk_create(
            Memory(project=project, title=next(texts)[:60], content=next(texts))
            for at in range(OTHERS)
        )


def _timed(user: Any) -> list[float]:
    """Returns the milliseconds of each query in ascending order."""
    from chat import search

    took = []
    for text in itertools.islice(_texts(random.Random("queries"), 1, 2), QUERIES):
        began = time.perf_counter()
        search.find(user, text[:-1])
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)


if __name__ == "__main__":
    measure()
