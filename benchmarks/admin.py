"""Measures all pages of the admin on a full database: `make bench ARGS=admin`, which takes minutes.

On SQLite, and on PostgreSQL with TEST_DATABASE_URL. In a process of its own for each, since Django uses one
database in each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.admin_data import EVENTS, MEMORIES, RUNS, SESSIONS, fill  # noqa: E402
from benchmarks.results import Bar, Row, add  # noqa: E402  (the path first)
from benchmarks.sides import have_postgresql  # noqa: E402
from tests.support.server import environment, new_database  # noqa: E402

VISITS = 3
TIME, QUERIES = Bar(2000), Bar(25)  # milliseconds of a page, and its queries
PART = (
    f"Pages of the admin with {SESSIONS * RUNS * EVENTS:,} events, {SESSIONS * RUNS:,} runs and "
    f"{MEMORIES:,} memories"
)


def main() -> None:
    measure_on("SQLite", "")
    if have_postgresql():
        with new_database() as url:
            measure_on("PostgreSQL", url)


def measure_on(name: str, url: str) -> None:
    command = [sys.executable, __file__]
    env = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env)
    for page, figures in json.loads(done.stdout).items():
        add(Row(f"{PART}, on {name}", page, "ms", figures["times"], TIME))
        queries = figures["queries"]
        if queries > QUERIES.value / 2:
            add(Row(f"{PART}, on {name}", f"{page}: queries", "", [queries], QUERIES))


def in_process() -> None:
    """Prints the milliseconds of each visit and the number of queries as JSON, by page."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url = os.environ.get("DATABASE_URL", "")
        os.environ.update(environment(Path(folder), DATABASE_URL=url))
        os.environ["DJANGO_SETTINGS_MODULE"] = "samurai_site.settings"
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        stack.callback(connections.close_all)
        call_command("migrate", verbosity=0)
        fill()
        print(json.dumps(measured()))


def measured() -> dict[str, Any]:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="boss"))
    found = {}
    for name, address in _pages().items():
        queries = _queries(client, address)  # the first visit loads modules and templates
        found[name] = {
            "times": [_timed(client, address) for _ in range(VISITS)],
            "queries": queries,
        }
    return found


def _pages() -> dict[str, str]:
    """Returns the addresses, by name: the first page, each list, each change page, and some others."""
    from django.contrib import admin
    from django.urls import reverse

    lists, forms = {}, {}
    for model in admin.site._registry:
        meta = model._meta
        place = f"admin:{meta.app_label}_{meta.model_name}"
        lists[f"list of {meta.verbose_name_plural}"] = reverse(f"{place}_changelist")
        row = model._base_manager.order_by("pk")[0]
        forms[f"a page of {meta.verbose_name_plural}"] = reverse(f"{place}_change", args=[row.pk])
    return {"first page": reverse("admin:index")} | lists | forms | _more_pages()


def _more_pages() -> dict[str, str]:
    from django.urls import reverse

    from agent.models import ChatSession

    session = ChatSession.objects.all()[0].pk
    events, runs, sessions, memories = (
        reverse(f"admin:agent_{name}_changelist")
        for name in ("event", "run", "chatsession", "memory")
    )
    return {
        "events, the last page to be had": f"{events}?p=200",
        "events of one session": f"{events}?session__id__exact={session}",
        "runs that work now": f"{runs}?status=running",
        "runs that wait for one person": f"{runs}?waits_for=1",
        "failures with one code": f"{runs}?error_code=tool_failed",
        "sessions, search in messages": f"{sessions}?q=the+thing+3",
        "sessions whose latest run failed": f"{sessions}?latest=failed",
        "memories, by words": f"{memories}?q=used",
        "a transcript": reverse("admin:agent_chatsession_transcript", args=[session]),
    }


def _queries(client: Any, address: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        _timed(client, address)
    return len(queries)


def _timed(client: Any, address: str) -> float:
    began = time.perf_counter()
    assert client.get(address).status_code == 200, address
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    in_process()
