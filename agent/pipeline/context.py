"""Gathers the context of a message for the model, with as much history as is useful. Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from agent.board.tasks import PLAIN_FIELDS
from agent.event_log import events
from agent.llm.base import (
    COMPLETED_TASKS,
    MESSAGE_CHARACTERS,
    OPEN_TASKS,
    Context,
    HistoryMessage,
    MemoryBrief,
    TaskBrief,
)
from agent.llm.tokens import estimate
from agent.memory import memories
from agent.models import Memory, Message, Run, Task
from agent.support import raw_sql

# Estimated tokens of earlier messages. What a model has no room for is left out of its prompts.
HISTORY_TOKENS = 6_000
HISTORY_MESSAGES = 20
MEMORIES = 12
RECENT = 20  # of the session's last changes


_PRESENT = "project_id = %s AND deleted_at IS NULL"
_OPEN_TASKS = (
    f"{_PRESENT} AND status IN ('pending', 'in_progress', 'blocked')"
    f" ORDER BY position, created_at, id LIMIT {OPEN_TASKS}"
)
_COMPLETED_TASKS = (
    f"{_PRESENT} AND status = 'completed' ORDER BY updated_at DESC LIMIT {COMPLETED_TASKS}"
)
_LATEST = f"{_PRESENT} ORDER BY updated_at DESC, id LIMIT {MEMORIES}"


def gather(run: Run) -> Context:
    """Returns the context of `run`. Values that a library call gave replace the stored ones."""
    project = run.session.project
    given: Mapping[str, Any] = run.given
    recent = _recent_changes(run.session_id)
    history = _given_history(given) or _history(run)
    return Context(
        message=run.message.content,
        project_name=project.name,
        project_description=project.description,
        history=history,
        memories=_memories(run, _query(run.message.content, history)),
        tasks=_briefs(raw_sql.select(Task, _OPEN_TASKS, project.pk)),
        completed=_briefs(raw_sql.select(Task, _COMPLETED_TASKS, project.pk)),
        recent_tasks=_in_order(_briefs(_rows(Task, project.pk, recent)), recent),
        recent_memories=_in_order(_memory_briefs(_rows(Memory, project.pk, recent)), recent),
        focus=_focus(run),
        extra=given.get("project_context", ""),
    )


def recall_again(run: Run, context: Context, words: str) -> tuple[MemoryBrief, ...]:
    """Returns the memories recalled for the message and the `words` that it refers to."""
    return _memories(run, _query(f"{context.message}\n{words}", context.history))


def briefs_from_json(items: Iterable[Mapping[str, Any]]) -> tuple[MemoryBrief, ...]:
    return tuple(MemoryBrief(**item) for item in items)


def from_json(values: Mapping[str, Any]) -> Context:
    """Returns the context from the value of `Context.as_json`."""

    def tasks(items: Iterable[Mapping[str, Any]]) -> tuple[TaskBrief, ...]:
        return tuple(
            TaskBrief(**{**item, "depends_on": tuple(item["depends_on"])}) for item in items
        )

    return Context(
        **{
            **values,
            "history": tuple(HistoryMessage(**item) for item in values["history"]),
            "tasks": tasks(values["tasks"]),
            "completed": tasks(values["completed"]),
            "recent_tasks": tasks(values["recent_tasks"]),
            "focus": tasks([values["focus"]])[0] if values["focus"] else None,
            "memories": briefs_from_json(values["memories"]),
            "recent_memories": briefs_from_json(values["recent_memories"]),
        }
    )


def _focus(run: Run) -> TaskBrief | None:
    """Returns the task that the message, or else the session, is about."""
    task = run.task or run.session.task
    return _briefs([task])[0] if task and not task.deleted_at else None


def _rows(model: Any, project: UUID, keys: Sequence[UUID]) -> Iterable[Any]:
    return model.objects.filter(project=project, pk__in=keys) if keys else ()


def _history(run: Run) -> tuple[HistoryMessage, ...]:
    """Returns the messages of earlier runs, oldest first, in the order of the queue."""
    earlier = (
        Run.objects.filter(session=run.session_id, number__lt=run.number)
        .order_by("-number")
        .values_list("answer__content", "message__content")[: HISTORY_MESSAGES // 2]
    )
    messages: list[HistoryMessage] = []
    left = HISTORY_TOKENS
    for answer, message in earlier:
        for role, content in ((Message.Author.AGENT, answer), (Message.Author.USER, message)):
            text = (content or "")[:MESSAGE_CHARACTERS]
            left -= estimate(text)
            if left < 0:
                return tuple(reversed(messages))
            if text:
                messages.append(HistoryMessage(str(role.value), text))
    return tuple(reversed(messages))


def _given_history(given: Mapping[str, Any]) -> tuple[HistoryMessage, ...]:
    return tuple(
        HistoryMessage(item["role"], item["content"])
        for item in given.get("conversation_history", ())
    )


def _query(message: str, history: Sequence[HistoryMessage]) -> str:
    """Returns the words to recall memories for: a message may continue the one before it."""
    before = next((one.content for one in reversed(history) if one.role == "user"), "")
    return f"{message}\n{before}"


def _memories(run: Run, query: str) -> tuple[MemoryBrief, ...]:
    """Returns the memories recalled for `query`, filled up with the latest ones."""
    project = run.session.project_id
    recalled = memories.recall(project, query, MEMORIES)
    known = {item.pk for item in recalled}
    latest = [item for item in raw_sql.select(Memory, _LATEST, project) if item.pk not in known]
    return _memory_briefs([*recalled, *latest[: MEMORIES - len(recalled)]])


def _recent_changes(session: UUID) -> list[UUID]:
    """Returns the ids of the objects that the session changed last, newest first."""
    # The type is part of the statement, not a parameter: only then SQLite uses the partial index.
    query = "SELECT body FROM agent_event WHERE session_id = %s AND type = 'change'"
    bodies = raw_sql.column(f"{query} ORDER BY seq DESC LIMIT {RECENT}", session)
    told = map(events.read, bodies)
    return list(dict.fromkeys(change.id for change in told if isinstance(change, events.Change)))


def _briefs(tasks: Iterable[Task]) -> tuple[TaskBrief, ...]:
    tasks = list(tasks)
    needed = _needed([task.pk for task in tasks]) if tasks else {}
    return tuple(
        TaskBrief(
            id=str(task.pk),
            **{name: getattr(task, name) for name in PLAIN_FIELDS},
            parent=str(task.parent_id) if task.parent_id else None,
            depends_on=tuple(needed[task.pk]),
        )
        for task in tasks
    )


def _needed(tasks: Sequence[UUID]) -> Mapping[UUID, list[str]]:
    """Returns the ids of each task's dependencies, without deleted ones, in board order."""
    # Not by `prefetch_related`: it builds a query set for each task, 10 ms for a full board.
    edges: Any = Task.depends_on.through
    order = [f"to_task__{field}" for field in ("position", "created_at", "id")]
    pairs = edges.objects.filter(from_task__in=tasks, to_task__deleted_at=None).order_by(*order)
    needed: dict[UUID, list[str]] = {task: [] for task in tasks}
    for task, other in pairs.values_list("from_task", "to_task"):
        needed[task].append(str(other))
    return needed


def _memory_briefs(memories: Iterable[Memory]) -> tuple[MemoryBrief, ...]:
    return tuple(
        MemoryBrief(
            id=str(item.pk),
            title=item.title,
            content=item.content,
            kind=item.kind,
            changed=f"{item.updated_at:%Y-%m-%d %H:%M}",
        )
        for item in memories
    )


def _in_order(briefs: Sequence[Any], order: Sequence[UUID]) -> tuple[Any, ...]:
    places = {str(key): place for place, key in enumerate(order)}
    return tuple(sorted(briefs, key=lambda brief: places[brief.id]))
