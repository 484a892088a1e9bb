"""The tool that tells what changed on the board and in the memory.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import Subquery
from pydantic import AfterValidator, Field

from agent.event_log.times import stamp
from agent.models import ChatSession, Memory, Message, Task
from agent.tools.registry import Result, ToolCall, tool

Action = Literal["created", "changed", "deleted"]


class Changed(Result):
    object: Literal["task", "memory"]
    id: str
    title: str
    action: Action = Field(description="created also if it was changed afterwards.")
    status: str = Field(description="The present status of a task, the kind of a memory.")
    at: str = Field(description="Time of its latest change.")


class ChangesFound(Result):
    changes: list[Changed]
    more: bool = Field(description="There are older ones.")


def _with_time_zone(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("give a time zone")
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("give a later time") from None
    return text


@tool("reads")
def list_changes(
    call: ToolCall,
    since: (
        Annotated[
            str,
            AfterValidator(_with_time_zone),
            Field(
                description="ISO 8601 with time zone, e.g. 2026-03-04T09:00:00Z. Without it: since the "
                "message before this one.",
                json_schema_extra={"format": "date-time"},
            ),
        ]
        | None
    ) = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 50,
) -> ChangesFound:
    """Lists the tasks and memories that were created, changed or deleted since a time or since the
    last message, whoever did it, latest change first. Changes nothing."""
    start = datetime.fromisoformat(since) if since else _last_message(call)
    rows = sorted(
        [
            row
            for model in (Task, Memory)
            for row in _latest(model, call.project_id, start)[: limit + 1]
        ],
        key=attrgetter("updated_at"),
        reverse=True,
    )
    return ChangesFound(
        changes=[_changed(row, start) for row in islice(rows, limit)],
        more=len(rows) > limit,
    )


def _last_message(call: ToolCall) -> datetime:
    """Returns the time of the person's message before this one; of the session's start for the first."""
    said = Message.objects.filter(session=call.session_id, role=Message.Author.USER)
    own = Message.objects.filter(pk=call.message_id).values("created_at")
    last = said.filter(created_at__lt=Subquery(own)).order_by("-created_at").first()
    return last.created_at if last else ChatSession.objects.get(pk=call.session_id).created_at


def _latest(model: Any, project_id: UUID, since: datetime) -> Any:
    rows = model.all_objects.filter(project_id=project_id, updated_at__gte=since)
    return rows.order_by("-updated_at")


def _changed(row: Task | Memory, since: datetime) -> Changed:
    created = "created" if row.created_at >= since else "changed"
    return Changed.model_validate(
        {
            "object": "task" if isinstance(row, Task) else "memory",
            "id": str(row.pk),
            "title": row.title,
            "action": created if row.deleted_at is None else "deleted",
            "status": str(row.status if isinstance(row, Task) else row.kind),
            "at": stamp(row.updated_at),
        }
    )
