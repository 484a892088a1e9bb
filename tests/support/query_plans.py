"""Fills a database, does what a site does all day, and tells which queries read much of it.

As a program, with the server's environment: prints JSON, a list of what each such query reads.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import django

# Rows of each kind in the one project, and rows of a growing table that one query may read.
SIZE, BOUND = 2000, 1300
LONG = 1400  # runs of the session that is looked at
KEYS = 20  # of a longer list of keys that are tried
GROWING = (
    *("agent_event", "agent_run", "agent_message", "agent_chatsession", "agent_feedback"),
    *("agent_planrevision", "agent_planstep", "agent_phaseresult", "agent_approval"),
    *("agent_task", "agent_task_depends_on", "agent_memory", "agent_memoryrevision"),
    *("agent_searchentry", "agent_batch", "agent_messageentry"),
)
ADMIN = (
    *("chatsession", "message", "event", "run", "phaseresult", "planrevision", "planstep"),
    *("approval", "task", "memory", "memoryrevision", "feedback", "modelcall"),
)
Statement = tuple[str, Any]


def fill() -> dict[str, Any]:
    """Makes a project of `SIZE` tasks and memories, and `SIZE` runs: most in one session, which is
    returned, the others in sessions of five.
    """
    from django.contrib.auth.models import User

    from agent.models import ChatSession, Memory, MemoryRevision, Project, Task
    from agent.text import search_index
    from tests.support.long_session import fill as fill_session

    alice = User.objects.create_superuser("alice")
    project = Project.objects.create(name="Large", owner=alice)
    for model, kind, more in ((Task, "task", {}), (Memory, "memory", {"content": "We use it"})):
        rows = model.objects.bulk_create(
            model(project=project, title=f"{WORDS[n % len(WORDS)]} {n}", **_of_row(n, more))
            for n in range(SIZE)
        )
        search_index.put(
            search_index.entry(project_id=project.pk, kind=kind, object_id=row.pk, body=row.title)
            for row in rows
        )
    MemoryRevision.objects.bulk_create(
        MemoryRevision(memory=memory, number=1, action="created", title=memory.title)
        for memory in Memory.objects.all()
    )
    _set_back(MemoryRevision)
    sessions = ChatSession.objects.bulk_create(
        ChatSession(project=project, title=f"Session {n}", created_by=alice)
        for n in range((SIZE - LONG) // 5 + 1)
    )
    for session in sessions[:-1]:
        fill_session(session.pk, 5)
    fill_session(sessions[-1].pk, LONG)
    _fill_plans(alice)
    _fill_batches(project)
    return {"alice": alice, "project": project, "session": sessions[-1]}


def _fill_batches(project: Any) -> None:
    """`SIZE` batches: the last ones have opened one session each, the very last one many."""
    from django.utils import timezone

    from agent.models import Batch, ChatSession, Run

    batches = Batch.objects.bulk_create(
        Batch(project=project, name=f"{n}.txt", updated_at=timezone.now() + timedelta(seconds=n))
        for n in range(SIZE)
    )
    ChatSession.objects.bulk_create(
        ChatSession(project=project, title=f"Wish {n}", batch=batch)
        for n, batch in enumerate([*batches[-SIZE // 20 :], *[batches[-1]] * SIZE])
    )
    Run.objects.update(batch=batches[-1])


WORDS = ("Login", "Invoice", "Calendar", "Reminder", "Export", "Patient", "Report")


def _of_row(number: int, more: dict[str, Any]) -> dict[str, Any]:
    status = "completed" if number % 60 else "pending"
    of_task = {"number": number, "position": number * 2**24, "status": status}
    return {"content": f"{more['content']} {number}"} if more else of_task


def _set_back(model: Any) -> None:
    """Gives the rows times of their own, before those that the first page of the admin is about."""
    from django.utils import timezone

    rows = list(model.objects.all())
    for number, row in enumerate(rows):
        row.created_at = timezone.now() - timedelta(days=30, seconds=number)
    model.objects.bulk_update(rows, ["created_at"], batch_size=200)


def _fill_plans(boss: Any) -> None:
    from django.utils import timezone

    from agent.models import Approval, Feedback, PhaseResult, PlanRevision, PlanStep, Run

    now = timezone.now()
    runs = list(Run.objects.all())
    plans = PlanRevision.objects.bulk_create(PlanRevision(run=run, revision=1) for run in runs)
    PlanStep.objects.bulk_create(
        PlanStep(plan=plan, key="s1", position=0, type="tool", tool="create_task") for plan in plans
    )
    PhaseResult.objects.bulk_create(
        PhaseResult(run=run, phase=phase, started_at=now, duration_ms=20)
        for run in runs
        for phase in ("start", "context", "analyzing", "planning", "validation", "execution")
    )
    Feedback.objects.bulk_create(Feedback(run=run, user=boss, value=1) for run in runs)
    _set_back(Feedback)
    Approval.objects.bulk_create(
        Approval(run=plan.run, plan=plan, status="approved", expires_at=now - timedelta(hours=1))
        for plan in plans
    )


@contextmanager
def recorded() -> Iterator[dict[str, Statement]]:
    """Collects each different statement that this process executes through Django."""
    from django.db.backends.utils import CursorWrapper

    found: dict[str, Statement] = {}
    execute = CursorWrapper.execute

    def record(self: Any, sql: str, params: Any = None) -> Any:
        found.setdefault(sql, (sql, params))
        return execute(self, sql, params)

    with mock.patch.object(CursorWrapper, "execute", record):
        yield found


async def work(cast: dict[str, Any]) -> None:
    """A run with steps that name what they change, and a run that waits for approval."""
    from agent.runs.runs import MessageRequest
    from tests.support.scripted_runs import create, outcome, use

    steps = [
        create("s1", "Water the plants"),
        use("s2", "update_task", "s1", task="Login 7", priority="high", parent="Water the plants"),
        use("s3", "change_task_status", task="the Export 11 task", status="completed"),
        use("s4", "create_memory", title="Plants", content="We like plants.", kind="fact"),
        use("s5", "update_memory", memory="Invoice 8", content="We use paper"),
        use("s6", "search_tasks", query="login report"),
        use("s7", "update_task", task="Patient 12", depends_on=["Report 13"]),
        use("s8", "move_task", task="Patient 12", before="Report 13"),
    ]
    run = await outcome(cast["session"], cast["alice"], MessageRequest("Water Login 7"), *steps)
    assert run.status == "succeeded", run.error
    asked = MessageRequest("Delete Login 14", approval="required")
    waits = await outcome(
        cast["session"], cast["alice"], asked, use("s1", "delete_task", task="Login 14")
    )
    assert waits.status == "waiting", waits.error


def look(cast: dict[str, Any]) -> None:
    """What pages, programs and the loops of an engine ask."""
    from asgiref.sync import async_to_sync
    from django.test import Client, override_settings

    from agent.edits import undo
    from agent.engine import pruning, sweep
    from agent.event_log import positions
    from agent.event_log.events import Change
    from agent.runs import claiming, ending
    from agent.text import message_index

    project, session = cast["project"], cast["session"]
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(cast["alice"])
    for path in (
        f"/sessions/{session.pk}/",
        f"/sessions/{session.pk}/entries/?start=1&end=5000&early=1",
        f"/sessions/{session.pk}/replay/",
        f"/sessions/{session.pk}/replay/?run={session.runs.earliest('number').pk}",
        *(f"/sessions/{session.pk}/replay/board/?at={seq}" for seq in (1, session.last_seq)),
        f"/projects/{project.pk}/",
        "/waiting/",
        "/waiting/count/",
        "/admin/",
        f"/admin/agent/run/?waits_for={cast['alice'].pk}",
        "/admin/agent/run/?status=running",
        f"/api/projects/{project.pk}/tasks/",
        f"/api/projects/{project.pk}/memories/",
        f"/api/projects/{project.pk}/sessions/",
        f"/api/sessions/{session.pk}/",
        f"/api/sessions/{session.pk}/events/?after=10",
        f"/api/sessions/{session.pk}/runs/",
        *(f"/admin/agent/{name}/" for name in ADMIN),
    ):
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
    sweep.pending_sessions()
    sweep.release_dead_leases()
    kept = {
        f"SAMURAI_KEEP_{what}_DAYS": 3650 for what in ("EVENTS", "DELETED", "EXPIRED", "BATCHES")
    }
    with override_settings(**kept):
        pruning.prune(pause=0)
    async_to_sync(sweep.expire_approvals)()
    claiming.interrupted(session.pk)
    claiming.interrupted()
    claiming.renew_leases("nobody", [])
    claiming.hand_over("nobody")
    first = session.runs.earliest("number")
    positions.start_of(first)
    positions.end_of(first)
    ending.events_of(first, Change)
    undo.change_seqs(session.pk, first.pk)
    for words in (["c"], ["water", "logi"], ["what", "e-mail"]):  # frequent and rare ones
        message_index.find([project.pk], words, 5)
    small = project.sessions.exclude(pk=session.pk).latest("updated_at")
    assert client.post(f"/sessions/{small.pk}/delete/").status_code == 302
    assert not project.sessions.filter(pk=small.pk).exists()


def findings(statements: list[Statement]) -> list[str]:
    from django.db import connection

    explain = _of_postgresql if connection.vendor == "postgresql" else _of_sqlite
    found = []
    for sql, params in statements:
        if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", sql) and not _is_bounded(sql):
            sql, params = _with_few_keys(sql, params)
            found += [f"{reads}: {' '.join(sql.split())}" for reads in explain(sql, params)]
    return found


def keys_without_index() -> list[str]:
    """Returns the foreign keys that the database compares by reading a table, when a row that they may name
    is deleted.
    """
    from django.db import connection

    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            constraints = connection.introspection.get_constraints(cursor, table).values()
            kinds = ("index", "unique", "primary_key")
            first = {one["columns"][0] for one in constraints if any(one[kind] for kind in kinds)}
            keys = connection.introspection.get_relations(cursor, table).keys() - first
            found += [f"{table}.{column}" for column in sorted(keys)]
    return found


def _with_few_keys(sql: str, params: Any) -> Statement:
    """Keeps the first keys of long lists: for many of them, a table of `SIZE` rows is read as a whole,
    a larger one is not. Whether a list grows shows the query that found the keys.
    """
    params = list(params or ())
    while (many := re.search(rf"%s(?:, %s){{{KEYS},}}", sql)) is not None:
        at, count = sql[: many.start()].count("%s"), many[0].count("%s")
        del params[at + KEYS : at + count]
        sql = sql[: many.start()] + ", ".join(["%s"] * KEYS) + sql[many.end() :]
    return sql, params


def _is_bounded(sql: str) -> bool:
    """Tells whether a query reads few rows whatever its plan says."""
    if re.match(r'SELECT COUNT.*"deleted_at" IS NULL AND "\w+"."project_id" = %s\)$', sql):
        return True  # how many tasks or memories a page does not show
    if re.search(
        r'COUNT\("agent_task"."id"\) AS .* "agent_task"."project_id" = %s\) GROUP BY 1$', sql
    ):
        return True  # how many tasks each column of a board has
    # How many pages a list of the admin has.
    pages = r'FROM "\w+"( WHERE "\w+"."deleted_at" IS NULL)? LIMIT 10000\) subquery$'
    return re.search(pages, sql) is not None


def _of_sqlite(sql: str, params: Any) -> list[str]:
    """Returns the growing tables that the plan reads from one end to the other."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        lines = [str(row[3]) for row in cursor.fetchall()]
    # A scan of rows in their order ends with the last one that is wanted.
    sorts = any(re.match("USE TEMP B-TREE FOR (?!LAST|RIGHT)", line) for line in lines)
    if re.search(r" LIMIT (\d+|%s)(\) subquery)?$", sql) and not sorts:
        return []
    # The indexes of unfinished runs, of what runs left open and of open approvals are short.
    short = "run_unfinished|run_left|approval_by_expiry"
    scans = [line for line in lines if not re.search(short, line)]
    # Of these, the latest rows are read.
    latest = re.findall(r"FROM (agent_\w+) ORDER BY id DESC LIMIT \d+[)\s]", sql)
    return [line for line in scans if _scanned(line, sql) in {*GROWING} - {*latest}]


def _scanned(line: str, sql: str) -> str:
    found = re.match(r"SCAN (\w+)", line)
    if found is None:
        return ""
    alias = re.search(rf'"?(agent_\w+)"? (?:AS )?"?{found[1]}"?(?![\w."])', sql)
    return alias[1] if alias else found[1]


def _of_postgresql(sql: str, params: Any) -> list[str]:
    """Returns the growing tables of which the query really reads more than `BOUND` rows and its LIMIT."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        # With so few rows it would often rather read a whole table.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("SET LOCAL enable_mergejoin = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        (plan,) = cursor.fetchone()[0]
        transaction.set_rollback(True)
    bound = max(BOUND, *map(int, re.findall(r" LIMIT (\d+)", sql)), 0)
    return [
        f"{node['Relation Name']} {rows}"
        for node in _nodes(plan["Plan"])
        if node.get("Relation Name") in GROWING and (rows := _rows_read(node)) > bound
    ]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)


def _rows_read(node: dict[str, Any]) -> float:
    removed = (node.get(f"Rows Removed by {reason}", 0) for reason in ("Filter", "Index Recheck"))
    return float((node["Actual Rows"] + sum(removed)) * node["Actual Loops"])


def main() -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    cast = fill()
    if connection.vendor == "postgresql":  # which does it by itself, SQLite does not
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    with recorded() as statements:
        asyncio.run(work(cast))
        look(cast)
    print(json.dumps([*findings(list(statements.values())), *keys_without_index()]))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    django.setup()
    main()
