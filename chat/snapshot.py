"""The state of a session: its `hello`, and the whole of it for a client whose cursor is beyond the end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from agent.board.tasks import task_json
from agent.memory.memories import memory_json
from agent.models import ChatSession, Memory, Run, Task

MESSAGES = 200  # the latest ones


def hello(session: ChatSession) -> dict[str, Any]:
    """Returns the fields of the first frame of a connection."""
    active = (
        session.runs.filter(status__in=[Run.Status.RUNNING, Run.Status.WAITING])
        .order_by("number")
        .values_list("pk", flat=True)
        .first()
    )
    return {
        "session": str(session.pk),
        "last_seq": session.last_seq,
        "active_run": str(active) if active else None,
        "protocol": 1,
        "board": session.project.board_version,
    }


def greeting(session: UUID) -> tuple[ChatSession, dict[str, Any]]:
    """Returns the session with its project, and the fields of its `hello`."""
    row = ChatSession.objects.select_related("project").get(pk=session)
    return row, hello(row)


def snapshot(session: UUID) -> tuple[int, dict[str, Any]]:
    """Returns the log's last position, read before the state, and the state."""
    row = ChatSession.objects.get(pk=session)
    messages = list(row.messages.select_related("author").order_by("-created_at")[:MESSAGES])
    return row.last_seq, {
        "title": row.title,
        "messages": [
            {
                "id": str(message.pk),
                "role": message.role,
                "author": message.author.get_username() if message.author else None,
                "content": message.content,
            }
            for message in reversed(messages)
        ],
        "runs": [
            {"run": str(run), "status": status}
            for run, status in row.runs.filter(status__in=Run.UNFINISHED).values_list(
                "pk", "status"
            )
        ],
        "tasks": [task_json(task) for task in Task.objects.filter(project=row.project_id)],
        "memories": [
            memory_json(memory) for memory in Memory.objects.filter(project=row.project_id)
        ],
    }
