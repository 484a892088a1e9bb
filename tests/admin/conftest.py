"""One row at least of every model, and Boss, who is signed in to the admin and may do everything."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agent.accounts.shared_links import create_link
from agent.accounts.tokens import create_token
from agent.board import tasks
from agent.memory import memories
from agent.models import (
    Approval,
    Batch,
    ChatSession,
    Feedback,
    Membership,
    Message,
    PhaseResult,
    PlanRevision,
    PlanStep,
    Run,
    Steering,
)
from tests.support.admin_site import make_call, write_log


@pytest.fixture
def boss(db: None, client: Client) -> User:
    boss = User.objects.create_superuser("boss")
    client.force_login(boss)
    return boss


@pytest.fixture
def rows(session: ChatSession, alice: User, bob: User, boss: User) -> ChatSession:
    """One row at least of every model, as a run leaves them."""
    project, now = session.project, timezone.now()
    ChatSession.objects.filter(pk=session.pk).update(title="The first talk", run_count=1)
    Membership.objects.create(project=project, user=bob)
    message = Message.objects.create(
        session=session, role="user", author=alice, content="Doctors publish free slots"
    )
    run = Run.objects.create(
        session=session,
        number=1,
        message=message,
        created_by=alice,
        status=Run.Status.SUCCEEDED,
        started_at=now,
        finished_at=now + timedelta(seconds=4.2),
        usage={"input_tokens": 1200, "output_tokens": 34, "calls": 2},
    )
    PhaseResult.objects.create(
        run=run, phase="analyzing", result={"intent": "command"}, started_at=now, duration_ms=1500
    )
    make_call(run)
    plan = PlanRevision.objects.create(run=run, revision=1, summary="Plan the slots", digest="d")
    PlanStep.objects.create(
        plan=plan,
        key="s1",
        position=1,
        type="tool",
        tool="create_task",
        description="Create “Calendar”",
        arguments={"title": "Calendar <b>"},
        status="succeeded",
        started_at=now,
        finished_at=now + timedelta(seconds=125),
    )
    Approval.objects.create(run=run, plan=plan, reason="too risky", decided_by=alice)
    Steering.objects.create(run=run, message=message, status="applied", plan_revision=1)
    Feedback.objects.create(run=run, user=bob, value=1, comment="spot on")
    memories.remember(
        project_id=project.pk,
        title="PostgreSQL",
        content="We use PostgreSQL",
        kind="decision",
        source_message_id=message.pk,
        run_id=run.pk,
        by_id=alice.pk,
    )
    tasks.create_task(project_id=project.pk, title="Calendar of slots")
    create_token(alice, "laptop")
    create_link(session, alice)
    Batch.objects.create(project=project, name="wishes.txt", updated_at=now)
    write_log(run)
    return session
