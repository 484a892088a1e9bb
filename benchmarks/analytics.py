"""Measures the analytics with 1,000,000 events, 20,000 runs and 50,000 memories: a part of `make bench`.

In a process of its own for each database, since Django uses one in each. With TEST_DATABASE_URL on
PostgreSQL too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.results import Bar, Row, add  # noqa: E402  (the path first)
from benchmarks.sides import have_postgresql  # noqa: E402
from tests.support.server import environment, new_database  # noqa: E402

VISITS = 5
TIME, QUERIES = Bar(2000), Bar(24)  # milliseconds
PART = "Analytics with 1,000,000 events, 20,000 runs and 50,000 memories"
PAGES = {
    "of 30 days": "/analytics/",
    "of 90 days": "/analytics/?days=90",
    "of a project": "/projects/{project}/analytics/",
    "as JSON": "/api/analytics/",
    "as CSV": "/analytics/csv/",
}


def main() -> None:
    _show("SQLite", "")
    if have_postgresql():
        with new_database() as url:
            _show("PostgreSQL", url)


def _show(database: str, url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        env = environment(Path(folder), DATABASE_URL=url)
        done = subprocess.run(
            [sys.executable, __file__], env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
    for name, (took, queries) in json.loads(done.stdout).items():
        add(Row(PART, f"{database}: {name}", "ms", took, TIME))
        add(Row(PART, f"{database}: {name}", "queries", queries, QUERIES))


def in_process() -> None:
    """Prints the milliseconds and the queries of each visit as JSON, by page."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "samurai_site.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from benchmarks import analytics_data

    call_command("migrate", verbosity=0)
    analytics_data.fill()
    print(json.dumps(_measured()))
    connections.close_all()


def _measured() -> dict[str, tuple[list[float], list[int]]]:
    from django.contrib.auth.models import User
    from django.test import Client

    from agent.models import Project

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="boss"))
    project = Project.objects.values_list("pk", flat=True)[0]
    visits = {
        name: [_visit(client, path.format(project=project)) for _ in range(VISITS)]
        for name, path in PAGES.items()
    }
    return {
        name: ([took for took, _ in made], [queries for _, queries in made])
        for name, made in visits.items()
    }


def _visit(client: Any, path: str) -> tuple[float, int]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    began = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200, path
    return (time.perf_counter() - began) * 1000, len(queries)


if __name__ == "__main__":
    in_process()
