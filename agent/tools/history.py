"""The tools that read what was said and what was changed earlier. They change nothing.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from django.db.models.functions import Substr
from pydantic import Field, StringConstraints, model_validator

from agent.board import finding
from agent.event_log import events, parsing
from agent.event_log.phases import progress_step
from agent.event_log.times import stamp
from agent.memory import memories
from agent.models import ChatSession, Memory, Message, Task
from agent.shorten import cut
from agent.support import raw_sql
from agent.support.words import stem, terms
from agent.tools.references import MemoryRef, TaskRef
from agent.tools.registry import Arguments, Result, ToolCall, tool

# What is searched: there is no index of messages and of the changes of one object.
MAX_SESSIONS = 20  # those with the latest messages
MAX_MESSAGES, MAX_CHANGES = 200, 300  # of each session, the latest
MAX_READ = 4_000  # characters of a message
MAX_EXCERPT = 600  # characters of a message in the result
MAX_VALUE = 400  # characters of a field of a change
MAX_WORDS = 20

SEARCHING = progress_step(
    "searching", label="Searching messages", icon="🔎", color="phase-context", order=10
)


class MessageFound(Result):
    at: str
    session: str = Field(description="The title of its session.")
    role: Literal["user", "assistant"]
    author: str
    text: str = Field(description="The part around the first match.")


class MessagesFound(Result):
    messages: list[MessageFound]
    total: int = Field(description="Number of matches; `messages` holds the first of them.")


@tool("reads")
def search_messages(
    call: ToolCall,
    query: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000),
        Field(description="Words to search for."),
    ],
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
) -> MessagesFound:
    """Finds messages and answers of all sessions of the project by words: those with the most words
    first, then the newest. Searches the latest 200 messages of the latest 20 sessions. Changes nothing."""
    words = [stem(word) for word in terms(query, MAX_WORDS)]
    sessions, scored = _sessions(call), []
    for number, session in enumerate(sessions, 1):
        for message in _latest_messages(call, session):
            text = message["start"].casefold()
            if score := sum(word in text for word in words):
                scored.append((score, message["created_at"], message))
        call.progress(step=SEARCHING, done=number, of=len(sessions), unit="sessions")
    scored.sort(key=lambda found: found[:2], reverse=True)
    return MessagesFound(
        messages=[_message(message, words) for *_, message in scored[:limit]],
        total=len(scored),
    )


def _sessions(call: ToolCall) -> list[UUID]:
    rows = ChatSession.objects.filter(project_id=call.project_id).order_by("-updated_at", "id")
    return list(rows.values_list("pk", flat=True)[:MAX_SESSIONS])


def _latest_messages(call: ToolCall, session: UUID) -> Iterable[Mapping[str, Any]]:
    rows: Any = Message.objects.filter(session=session).exclude(pk=call.message_id)
    latest: Iterable[Mapping[str, Any]] = rows.order_by("-created_at").values(
        "role",
        "created_at",
        "author__username",
        "session__title",
        start=Substr("content", 1, MAX_READ),
    )[:MAX_MESSAGES]
    return latest


def _message(message: Mapping[str, Any], words: Iterable[str]) -> MessageFound:
    text, lower = message["start"], message["start"].casefold()
    first = min(place for word in words if (place := lower.find(word)) >= 0)
    start = max(0, first - MAX_EXCERPT // 3) if len(text) > MAX_EXCERPT else 0
    return MessageFound(
        at=stamp(message["created_at"]),
        session=message["session__title"],
        role=message["role"],
        author=message["author__username"] or "",
        text=("…" if start else "") + cut(text[start:], MAX_EXCERPT),
    )


# -- the history of one object ---------------------------------------------------------------------


class ValueChanged(Result):
    field: str
    before: str
    after: str


class HistoryEntry(Result):
    at: str
    action: Literal["created", "updated", "deleted", "restored"]
    by: str
    values: list[ValueChanged] = Field(description="What an update changed.")


class History(Result):
    title: str
    created_at: str
    changes: list[HistoryEntry] = Field(description="Newest first.")
    total: int = Field(description="Number of changes; `changes` holds the newest of them.")


class GetHistory(Arguments):
    task: TaskRef | None = None
    memory: MemoryRef | None = None
    limit: int = Field(default=20, ge=1, le=100)

    @model_validator(mode="after")
    def _one_object(self) -> Self:
        if (self.task is None) == (self.memory is None):
            raise ValueError("give either task or memory")
        return self


@tool("reads")
def get_history(call: ToolCall, arguments: GetHistory) -> History:
    """Reads how one task or one memory was changed, by whom and when. Of a task: the changes that
    sessions of the project recorded lately. Changes nothing."""
    row: Task | Memory
    if arguments.task is not None:
        row = finding.find_task(call.project_id, arguments.task)
        entries = sorted(_of_task(call, row), key=lambda entry: entry.at, reverse=True)
    else:
        row = memories.find_memory(call.project_id, arguments.memory or "")
        entries = list(_of_memory(row))
    return History(
        title=row.title,
        created_at=stamp(row.created_at),
        changes=entries[: arguments.limit],
        total=len(entries),
    )


def _of_task(call: ToolCall, task: Task) -> Iterator[HistoryEntry]:
    # The type is part of the statement, not a parameter: only then SQLite uses the partial index.
    latest = (
        "SELECT body FROM (SELECT body, seq FROM agent_event WHERE session_id = %s AND type = 'change'"
        f" ORDER BY seq DESC LIMIT {MAX_CHANGES}) latest WHERE body LIKE %s ORDER BY seq DESC"
    )
    for session in _sessions(call):
        for change in map(parsing.read, raw_sql.column(latest, session, f"%{task.pk}%")):
            if isinstance(change, events.Change) and change.id == task.pk:
                before, after = change.before or {}, change.after or {}
                yield _entry(change.timestamp, change.action, change.by or "", before, after)


def _of_memory(memory: Memory) -> Iterator[HistoryEntry]:
    rows = list(memory.revisions.select_related("by").order_by("-number")[:MAX_CHANGES])
    for row, former in zip(rows, [*islice(rows, 1, None), None], strict=True):
        names = ("title", "content", "kind", "category")
        before, after = ({name: getattr(one, name, "") for name in names} for one in (former, row))
        by = row.by.get_username() if row.by else ""
        yield _entry(stamp(row.created_at), str(row.action), by, before if former else {}, after)


def _entry(
    at: str, action: str, by: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> HistoryEntry:
    changed = [name for name in after if before.get(name) != after[name]]
    values = [
        {"field": name, "before": _value(before.get(name)), "after": _value(after[name])}
        for name in (changed if action == "updated" else ())
    ]
    return HistoryEntry.model_validate({"at": at, "action": action, "by": by, "values": values})


def _value(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return cut("" if value is None else str(value), MAX_VALUE)
