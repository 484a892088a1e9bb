"""How many statements and commits a run needs: each is a round trip to PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db.backends.utils import CursorWrapper

from agent.engine import local
from agent.llm.base import OPEN_TASKS
from agent.models import ChatSession, Project
from agent.pipeline import answer, remembering
from agent.plans import past_durations
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, ended, make_tasks, plan, use

pytestmark = pytest.mark.django_db(transaction=True)

# Of the run's work and of the event log's writer.
THREADS = ("log-writer", "database_")


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What runs execute. A slow machine must not separate what ends at the same time, and the durations
    of earlier runs are known.
    """
    monkeypatch.setattr(answer, "FIRST", 30)
    monkeypatch.setattr(remembering, "MOMENT", 30)
    monkeypatch.setattr(
        past_durations, "_cached", past_durations.History(past_durations.MAX_PHASES)
    )
    found: list[str] = []
    execute = CursorWrapper.execute

    def record(self: Any, sql: str, params: Any = None) -> Any:
        if threading.current_thread().name.startswith(THREADS) and "BEGIN" not in sql:
            found.append(sql)
        return execute(self, sql, params)

    with mock.patch.object(CursorWrapper, "execute", record):
        yield found


async def of_run(
    statements: list[str], session: ChatSession, user: User, step: dict[str, Any]
) -> list[str]:
    """Returns the statements of a run with this step, from its message to its last event."""
    statements.clear()
    async with local.executing(ScriptedModel(plans=[plan(step)])):
        run = await ended(await runs.start(session.pk, user, MessageRequest("Do it")))
    assert run.status == "succeeded"
    last = max(place for place, one in enumerate(statements) if "SET last_seq" in one)
    return statements[: last + 1]


async def test_a_run_with_one_step_takes_eight_commits_and_few_statements(
    project: Project, session: ChatSession, alice: User, statements: list[str]
) -> None:
    await make_tasks(project, "Login")
    await of_run(statements, session, alice, create("s1", "First"))
    created = await of_run(statements, session, alice, create("s1", "Second"))
    edit = use("s1", "update_task", task="#1", description="By mail")
    changed = await of_run(statements, session, alice, edit)
    for one in (created, changed):
        assert sum("SET last_seq" in statement for statement in one) == 8
    assert (len(created), len(changed)) == (57, 59), "\n".join(created)


async def test_the_tasks_that_a_message_names_are_looked_for_once_in_a_run(
    project: Project, session: ChatSession, alice: User, statements: list[str]
) -> None:
    await make_tasks(project, *(f"Task {number}" for number in range(OPEN_TASKS)))
    run = await of_run(statements, session, alice, create("s1", "First"))
    assert sum("title_key = wanted" in statement for statement in run) == 1
