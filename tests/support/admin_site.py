"""The admin's models and pages as its tests name them, and rows to fill them with. No tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agent.accounts.shared_links import create_link
from agent.accounts.tokens import create_token
from agent.board import tasks
from agent.event_log import events
from agent.llm.writing import pack
from agent.memory import memories
from agent.models import (
    AccountDeletion,
    ApiToken,
    Approval,
    AuditEntry,
    Batch,
    ChatSession,
    DeletedRuns,
    Draft,
    Event,
    Feedback,
    Invitation,
    Membership,
    Memory,
    MemoryRevision,
    Message,
    MessageEntry,
    ModelCall,
    ModelTokens,
    PhaseResult,
    PlanRevision,
    PlanStep,
    Project,
    Run,
    SearchEntry,
    SharedLink,
    Steering,
    SwitchedOffTool,
    Task,
)

# A draft is there for seconds, on the page of its session, and the deletion of an account for minutes.
# Switches of tools are on the page of the project. An entry of the index of messages has nothing but ids.
# Tokens of models and the runs of deleted sessions are on the pages of users and projects.
MODELS = sorted(
    {*apps.get_app_config("agent").get_models()}
    - {AccountDeletion, DeletedRuns, Draft, MessageEntry, ModelTokens, SwitchedOffTool},
    key=lambda model: model.__name__,
)
# Written in runs, and never by hand.
FACTS = [
    Approval,
    AuditEntry,
    Batch,
    Event,
    Feedback,
    MemoryRevision,
    Message,
    ModelCall,
    PhaseResult,
]
FACTS += [PlanRevision, PlanStep, Run, SearchEntry, SharedLink, Steering]
# What a person finds a row of each model by.
WORDS: dict[type[Model], str] = {
    ApiToken: "laptop",
    Approval: "too risky",
    AuditEntry: "laptop",
    Batch: "wishes",
    ChatSession: "first talk",
    Event: "doctors publish",
    Feedback: "spot on",
    Invitation: "dora",
    Membership: "bob",
    Memory: "postgresql",
    MemoryRevision: "postgresql",
    Message: "publish free",
    ModelCall: "small-model",
    PhaseResult: "analyzing",
    PlanRevision: "slots",
    PlanStep: "create_task",
    Project: "clinic",
    Run: "publish free slots",
    SearchEntry: "calendar",
    SharedLink: "first talk",
    Steering: "publish free",
    Task: "calendar",
}


def write_log(run: Run) -> None:
    happened = [
        events.Message(
            run.pk,
            id=run.message_id,
            role="user",
            author="alice",
            content="Doctors publish free slots",
            client_id=None,
        ),
        events.Run(run.pk, "running"),
        events.Progress(run.pk, "analyzing", "🧠 Analyzing your request..."),
        events.Plan(run.pk, id=run.pk, revision=1, summary="", steps=[]),
        events.Step(run.pk, id="s1", status="running"),
        events.Change(
            run.pk, object="task", id=run.pk, action="created", before=None, after={}, by=None
        ),
        events.Token(run.pk, offset=0, text="Done"),
        events.Error(run.pk, error="It broke", code="internal", retryable=False),
        events.Cancelled(run.pk, by="alice"),
    ]
    Event.objects.bulk_create(
        Event(session=run.session, seq=seq, run=run, type=event.type, body=event.frame(seq))
        for seq, event in enumerate(happened, start=1)
    )
    ChatSession.objects.filter(pk=run.session_id).update(last_seq=len(happened))


def make_rows(session: ChatSession, alice: User, bob: User) -> None:
    """Makes one row at least of every model, as a run of the session leaves them."""
    project, now = session.project, timezone.now()
    ChatSession.objects.filter(pk=session.pk).update(title="The first talk", run_count=1)
    Membership.objects.create(project=project, user=bob)
    Invitation.objects.create(project=project, username="dora", invited_by=alice)
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


def page(model: type[Model], name: str, *arguments: object) -> str:
    names = f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}"
    return reverse(names, args=arguments)


def rows_shown(client: Client, model: type[Model], query: dict[str, str] | None = None) -> int:
    response = client.get(page(model, "changelist"), query)
    assert response.status_code == 200, response.headers.get("Location")
    return len(response.context["cl"].result_list)


def admin_of(model: type[Model]) -> ModelAdmin[Any]:
    return admin.site.get_model_admin(model)


def act(client: Client, model: type[Model], action: str, *rows: Model) -> str:
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(page(model, "changelist"), chosen, follow=True).content.decode()


def make_call(run: Run) -> ModelCall:
    return ModelCall.objects.create(
        run=run,
        verb="plan",
        model="small-model",
        prompt=pack([{"role": "user", "content": "Make <b>a plan</b>"}]),
        text="A plan",
        input_tokens=1200,
        output_tokens=34,
        started_at=timezone.now(),
        duration_ms=900,
    )


def add_rows(session: ChatSession) -> None:
    """Doubles everything, under other parents."""
    for number in range(3):
        other = User.objects.create_user(f"user{number}")
        project = Project.objects.create(name=f"Project {number}", owner=other)
        again = ChatSession.objects.create(project=project, created_by=other)
        message = Message.objects.create(session=again, role="user", author=other, content="Hi")
        run = Run.objects.create(session=again, number=1, message=message, created_by=other)
        PhaseResult.objects.create(run=run, phase="start", started_at=timezone.now(), duration_ms=1)
        make_call(run)
        plan = PlanRevision.objects.create(run=run, revision=1, digest="d")
        PlanStep.objects.create(plan=plan, key="s1", position=1, type="answer")
        Approval.objects.create(run=run, plan=plan, decided_by=other)
        Steering.objects.create(run=run, message=message)
        Feedback.objects.create(run=run, user=other, value=-1)
        Membership.objects.create(project=project, user=session.project.owner)
        Batch.objects.create(project=project, name="More", updated_at=timezone.now())
        create_token(other)
        create_link(again, other)
        parent, _ = tasks.create_task(project_id=project.pk, title="Above")
        tasks.create_task(project_id=project.pk, title="Below", parent=parent)
        memories.remember(
            project_id=project.pk, title="Fact", content="Fact", kind="fact", by_id=other.pk
        )
        write_log(run)


def text_of(client: Client, address: str) -> str:
    return re.sub(r"\s+", " ", client.get(address).content.decode())


def allow(client: Client, user: User, *names: str) -> None:
    """Makes `user` a member of staff with these permissions and no others, and signs in."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)


def told_of(row: Model) -> list[str]:
    """Returns what the history of the row tells, the latest first."""
    entries = LogEntry.objects.filter(object_id=str(row.pk)).order_by("-pk")
    return [f"{entry.user}: {entry.change_message}" for entry in entries]


async def body(response: StreamingHttpResponse) -> str:
    parts: Iterable[bytes] = [part async for part in response]  # type: ignore[union-attr]
    return b"".join(parts).decode()
