"""Rows written and read past the ORM's compiler are what the ORM itself writes and reads."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, models
from django.forms import model_to_dict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agent.models import (
    ChatSession,
    Message,
    PhaseResult,
    PlanRevision,
    PlanStep,
    Project,
    Run,
    SearchEntry,
    Task,
)
from agent.support import raw_sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(session: ChatSession, alice: User) -> Run:
    message = Message(session=session, role="user", author=alice, content="Go “on” 🗡️")
    raw_sql.insert(message)
    run = Run(session=session, number=1, message=message, created_by=alice, given={"a": [1, None]})
    raw_sql.insert(run)
    return run


def fields_of(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_row_is_kept_and_read_as_the_orm_does(run: Run) -> None:
    for row in (run, run.message, run.session, run.session.project, run.created_by):
        assert row is not None
        kept = type(row)._base_manager.get(pk=row.pk)
        assert fields_of(kept) == fields_of(row)
        read = raw_sql.get(type(row), row.pk)
        assert fields_of(read) == fields_of(kept)
        assert read == kept  # not a new one: saving it updates
        assert not read._state.adding
    assert model_to_dict(raw_sql.get(Run, run.pk)) == model_to_dict(Run.objects.get())


def test_a_row_is_read_with_the_rows_that_it_points_to(run: Run) -> None:
    related = ("session", "session__project", "session__task", "message", "created_by", "answer")
    (read,) = raw_sql.select_related(Run, related, "id = %s", run.pk, order="number")
    assert fields_of(read) == fields_of(Run.objects.get())
    with CaptureQueriesContext(connection) as queries:
        for row, kept in (
            (read.session, run.session),
            (read.session.project, run.session.project),
            (read.message, run.message),
            (read.created_by, run.created_by),
        ):
            assert row is not None
            assert kept is not None
            assert fields_of(row) == fields_of(kept)
        assert read.answer is None
        assert read.session.task is None
    assert not queries.captured_queries


def test_rows_without_a_key_are_given_one_in_their_order(run: Run) -> None:
    revision = PlanRevision(run=run, revision=1, digest="x")
    raw_sql.insert(revision)
    steps = [
        PlanStep(plan=revision, key=f"s{n}", position=n, arguments={"n": n}) for n in range(120)
    ]
    raw_sql.insert(*steps)
    assert [step.pk for step in steps] == list(
        PlanStep.objects.order_by("position").values_list("pk", flat=True)
    )
    read = raw_sql.select(PlanStep, "plan_id = %s AND position < %s ORDER BY key", revision.pk, 3)
    assert [(step.key, step.arguments, step.result) for step in read] == [
        (f"s{n}", {"n": n}, None) for n in range(3)
    ]


def test_saving_writes_the_fields_that_are_named_and_no_others(run: Run) -> None:
    run.status, run.lease_until, run.usage = "running", timezone.now(), {"calls": 3}
    raw_sql.save(run, "status", "lease_until")
    kept = Run.objects.get()
    assert (kept.status, kept.lease_until, kept.usage) == ("running", run.lease_until, {})
    run.answer = run.message
    raw_sql.save(run, "answer", "usage")
    kept = Run.objects.get()
    assert (kept.answer_id, kept.usage) == (run.message_id, {"calls": 3})


def test_null_and_a_json_null_are_told_apart_as_by_the_orm(run: Run) -> None:
    raw_sql.insert(PhaseResult(run=run, phase="start", started_at=timezone.now(), duration_ms=0))
    (read,) = raw_sql.select(PhaseResult, "run_id = %s", run.pk)
    assert (read.result, read.run_id) == ({}, run.pk)
    task = Task(project=run.session.project, number=1, title="A")
    raw_sql.insert(task)
    assert (raw_sql.get(Task, task.pk).deleted_at, raw_sql.get(Task, task.pk).parent_id) == (
        None,
        None,
    )


def test_a_row_that_is_there_can_be_changed_instead(project: Project) -> None:
    key = uuid4()
    conflict = "ON CONFLICT (object_id) DO UPDATE SET body = excluded.body"
    for body in ("one", "two"):
        entry = SearchEntry(object_id=key, kind="task", project=project, body=body)
        raw_sql.insert(entry, on_conflict=conflict)
    assert [kept.body for kept in SearchEntry.objects.all()] == ["two"]
    assert raw_sql.column("SELECT body FROM agent_searchentry WHERE object_id = %s", key) == ["two"]


def test_a_key_that_is_not_there_is_an_error(run: Run) -> None:
    with pytest.raises(ValueError, match="not enough values"):
        raw_sql.get(Run, uuid4())
    assert raw_sql.select(Run, "id = %s", uuid4()) == []
