"""A sidebar with much in it: 30 projects, 50 sessions, a batch, what waits and what works."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4


def fill(project: str) -> dict[str, Any]:
    """Fills the project, and makes others of its owner; returns the ids of the batch and of a session that
    waits.
    """
    from django.utils import timezone

    from agent.models import Batch, ChatSession, Message, Project, Run

    now = timezone.now()
    own = Project.objects.get(pk=UUID(project))
    others = Project.objects.bulk_create(
        Project(name=f"Project {number}", owner=own.owner) for number in range(29)
    )
    batch = Batch.objects.create(
        pk=uuid4(), project=own, name="wishes.txt", updated_at=now - timedelta(minutes=3)
    )

    def opened(title: str, minutes: int, of: Project = own, **more: Any) -> ChatSession:
        row = ChatSession.objects.create(
            project=of, title=title, created_by=own.owner, last_seq=1, run_count=1, **more
        )
        ChatSession.objects.filter(pk=row.pk).update(updated_at=now - timedelta(minutes=minutes))
        return row

    def ran(session: ChatSession, status: str, **more: Any) -> None:
        said = Message.objects.create(session=session, role="user", content=session.title)
        lease = {"lease_owner": "elsewhere", "lease_until": now + timedelta(hours=1)}
        Run.objects.create(
            session=session,
            number=1,
            message=said,
            status=status,
            created_by=own.owner,
            batch=session.batch,
            **(lease if status == "running" else {}),
            **more,
        )

    for number in range(50):
        opened(f"Session {number}: the booking of appointments", number * 60)
    for number in range(12):
        status = "running" if number == 0 else "failed" if number == 1 else "succeeded"
        ran(opened(f"Wish {number}", 3 + number, batch=batch), status)
    asks = opened("Delete what nobody needs any more", 20)
    ran(asks, "waiting")
    ran(opened("Which provider of payments?", 30, others[7]), "succeeded", left_open="question")
    ran(opened("Import the patients", 40), "failed", left_open="failure")
    ran(opened("Write the specification", 2), "running")
    return {"batch": str(batch.pk), "asks": str(asks.pk)}
