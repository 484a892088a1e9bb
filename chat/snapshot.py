"""The state of a session: its `hello`, and more of it for a client whose cursor is outside of the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q

from agent.accounts.shared_links import Guest
from agent.models import ChatSession, Message, Run
from agent.support import raw_sql
from chat import panels

MESSAGES = 200  # the latest ones
MAX_TEXT = 500_000  # characters of all of them, or one message

# All three statuses are named, so that the short index of unfinished runs is used.
_HELLO = """
SELECT agent_chatsession.first_seq, agent_chatsession.last_seq, agent_project.board_version, (
    SELECT id FROM agent_run
    WHERE session_id = agent_chatsession.id
        AND status IN ('queued', 'running', 'waiting') AND status <> 'queued'
    ORDER BY number LIMIT 1
)
FROM agent_chatsession JOIN agent_project ON agent_project.id = agent_chatsession.project_id
WHERE agent_chatsession.id = %s
"""


def hello(session: UUID) -> dict[str, Any] | None:
    """Returns the fields of the first frame of a connection; None when the session was deleted."""
    for first_seq, last_seq, board, active in raw_sql.rows(_HELLO, session):
        return {
            "session": str(session),
            "first_seq": first_seq,
            "last_seq": last_seq,
            "active_run": str(UUID(str(active))) if active else None,
            "protocol": 1,
            "board": board,
        }
    return None


def snapshot(session: UUID, guest: Guest | None = None) -> tuple[int, dict[str, Any]]:
    """Returns the log's last position, read before the state, and the state, as far as a `guest` gets it."""
    row = ChatSession.objects.select_related("project").get(pk=session)
    messages, runs, title = row.messages.select_related("author"), row.runs.all(), row.title
    if guest is not None and guest.run is not None:
        runs, title = runs.filter(pk=guest.run), ""
        of_run = Q(pk__in=runs.values("message")) | Q(pk__in=runs.values("answer"))
        messages = messages.filter(of_run)
    latest = _latest(messages.order_by("-created_at")[:MESSAGES].iterator(20))
    board = panels.load(row.project, guest=guest).board
    return row.last_seq, {
        "title": title,
        "messages": [
            {
                "id": str(message.pk),
                "role": message.role,
                "author": message.author.get_username() if message.author and not guest else None,
                "content": message.content,
            }
            for message in reversed(latest)
        ],
        "runs": [
            {"run": str(run), "status": status}
            for run, status in runs.filter(status__in=Run.UNFINISHED).values_list("pk", "status")
        ],
        **{name: board[name] for name in ("tasks", "memories", "hidden")},
    }


def _latest(newest_first: Iterable[Message]) -> list[Message]:
    """Returns the messages that have at most `MAX_TEXT` characters together."""
    left = MAX_TEXT
    found: list[Message] = []
    for message in newest_first:
        left -= len(message.content)
        if left < 0 and found:
            break
        found.append(message)
    return found
