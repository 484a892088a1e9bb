"""Measures recall with 6,000 and 60,000 memories, in-process: a part of `make bench`.

SQLite, and PostgreSQL where TEST_DATABASE_URL is set. Memories of 10 to 40 words and queries of 1 to
30 words; as in real texts, the n-th most frequent word is n times as rare as the most frequent one.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.processes import on_each_database  # noqa: E402  (the path first)
from benchmarks.results import Bar, Row, add  # noqa: E402

BARS = {6_000: 20, 60_000: 100}  # by memories: the bar of the 95th percentile, in milliseconds
QUERIES, ROUNDS, WANTED, VOCABULARY = 200, 3, 12, 20_000
PART = f"Recall, {QUERIES} queries of 1 to 30 words"


def main() -> None:
    for name, printed in on_each_database(__file__):
        for line in printed.decode().splitlines():
            memories, rounds = json.loads(line)
            for share, bar in ((0.5, None), (0.95, Bar(BARS[memories]))):
                values = [of_round[int(QUERIES * share)] for of_round in rounds]
                label = f"{memories:,} memories, {name}, p{share * 100:.0f}"
                add(Row(PART, label, "ms", values, bar))


def measure() -> None:
    """Prints the memories and the sorted milliseconds of each round, as JSON."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection

    from agent.models import Project

    call_command("migrate", verbosity=0)
    project = Project.objects.create(name="Bench", owner=User.objects.create_user("bench"))
    texts = _texts(random.Random("memories"), 10, 40)
    stored = 0
    for memories in BARS:
        _fill(project.pk, itertools.islice(texts, memories - stored))
        stored = memories
        if connection.vendor == "postgresql":  # which does it by itself after a while
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE agent_searchentry")
        rounds = [_timed(project.pk) for _ in range(ROUNDS)]
        print(json.dumps([memories, rounds]), flush=True)


def _texts(chance: random.Random, shortest: int, longest: int) -> Iterator[str]:
    syllables = ("".join(pair) for pair in itertools.product("bdfgklmnprstvz", "aeiou"))
    words = ["".join(parts) for parts in itertools.product(syllables, repeat=3)]
    random.Random("words").shuffle(words)
    del words[VOCABULARY:]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    while True:
        number = chance.randint(shortest, longest)
        yield " ".join(chance.choices(words, cum_weights=weights, k=number))


def _fill(project_id: UUID, texts: Iterator[str]) -> None:
    from agent.text import search_index

    search_index.put(
        search_index.entry(project_id=project_id, kind="memory", object_id=uuid4(), body=text)
        for text in texts
    )


def _timed(project_id: UUID) -> list[float]:
    """Returns the milliseconds of each query in ascending order."""
    from agent.text import search_index

    took = []
    for text in itertools.islice(_texts(random.Random("queries"), 1, 30), QUERIES):
        began = time.perf_counter()
        search_index.search(project_id, "memory", text, WANTED)
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)


if __name__ == "__main__":
    measure()
