"""Gathers what a model is told for one message, within a budget. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from agent.event_log import events
from agent.llm.base import (
    COMPLETED_TASKS,
    MESSAGE_CHARACTERS,
    OPEN_TASKS,
    Context,
    MemoryBrief,
    Said,
    TaskBrief,
)
from agent.memory import memories
from agent.models import Memory, Message, Run, Task
from agent.support import raw_sql

# What fits beside the tools into the smallest context that is still of use (8,000 tokens), at about
# four characters a token.
HISTORY_CHARACTERS = 12_000
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
    """Returns the context of `run`. What the caller of the library gave goes before what is stored."""
    project = run.session.project
    given: Mapping[str, Any] = run.given
    recent = _recent_changes(run.session_id)
    return Context(
        message=run.message.content,
        project_name=project.name,
        project_description=project.description,
        history=_given_history(given) or _history(run),
        memories=_memories(run),
        tasks=_briefs(raw_sql.select(Task, _OPEN_TASKS, project.pk)),
        completed=_briefs(raw_sql.select(Task, _COMPLETED_TASKS, project.pk)),
        recent_tasks=_in_order(_briefs(_among(Task, project.pk, recent)), recent),
        recent_memories=_in_order(_memory_briefs(_among(Memory, project.pk, recent)), recent),
        focus=_focus(run),
        extra=given.get("project_context", ""),
    )


def from_json(kept: Mapping[str, Any]) -> Context:
    """Returns the context that `Context.as_json` gave."""

    def tasks(items: Iterable[Mapping[str, Any]]) -> tuple[TaskBrief, ...]:
        return tuple(
            TaskBrief(**{**item, "depends_on": tuple(item["depends_on"])}) for item in items
        )

    def memories(items: Iterable[Mapping[str, Any]]) -> tuple[MemoryBrief, ...]:
        return tuple(MemoryBrief(**item) for item in items)

    return Context(
        **{
            **kept,
            "history": tuple(Said(**item) for item in kept["history"]),
            "tasks": tasks(kept["tasks"]),
            "completed": tasks(kept["completed"]),
            "recent_tasks": tasks(kept["recent_tasks"]),
            "focus": tasks([kept["focus"]])[0] if kept["focus"] else None,
            "memories": memories(kept["memories"]),
            "recent_memories": memories(kept["recent_memories"]),
        }
    )


def _focus(run: Run) -> TaskBrief | None:
    """Returns the task that the message was sent for, or else the one that the session is about."""
    task = run.task or run.session.task
    return _briefs([task])[0] if task and not task.deleted_at else None


def _among(model: Any, project: UUID, keys: Sequence[UUID]) -> Iterable[Any]:
    return model.objects.filter(project=project, pk__in=keys) if keys else ()


def _history(run: Run) -> tuple[Said, ...]:
    """Returns what earlier runs said, oldest first; their order is the queue's, not the clock's."""
    earlier = (
        Run.objects.filter(session=run.session_id, number__lt=run.number)
        .order_by("-number")
        .values_list("answer__content", "message__content")[: HISTORY_MESSAGES // 2]
    )
    kept: list[Said] = []
    left = HISTORY_CHARACTERS
    for answer, message in earlier:
        for role, content in ((Message.Author.AGENT, answer), (Message.Author.USER, message)):
            text = (content or "")[:MESSAGE_CHARACTERS]
            left -= len(text)
            if left < 0:
                return tuple(reversed(kept))
            if text:
                kept.append(Said(str(role.value), text))
    return tuple(reversed(kept))


def _given_history(given: Mapping[str, Any]) -> tuple[Said, ...]:
    return tuple(
        Said(item["role"], item["content"]) for item in given.get("conversation_history", ())
    )


def _memories(run: Run) -> tuple[MemoryBrief, ...]:
    """Returns what the message calls to mind, then the latest ones while there is room."""
    project = run.session.project_id
    recalled = memories.recall(project, run.message.content, MEMORIES)
    known = {item.pk for item in recalled}
    latest = [item for item in raw_sql.select(Memory, _LATEST, project) if item.pk not in known]
    return _memory_briefs([*recalled, *latest[: MEMORIES - len(recalled)]])


def _recent_changes(session: UUID) -> list[UUID]:
    """Returns the ids of what the session last changed, the newest first."""
    # The type stands in the statement itself, or SQLite does not take the index of the changes.
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
            title=task.title,
            status=task.status,
            priority=task.priority,
            description=task.description,
            parent=str(task.parent_id) if task.parent_id else None,
            depends_on=tuple(needed[task.pk]),
        )
        for task in tasks
    )


def _needed(tasks: Sequence[UUID]) -> Mapping[UUID, list[str]]:
    """Returns the ids of what each task depends on, without the deleted, in the board's order."""
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
        MemoryBrief(id=str(item.pk), title=item.title, content=item.content, kind=item.kind)
        for item in memories
    )


def _in_order(briefs: Sequence[Any], order: Sequence[UUID]) -> tuple[Any, ...]:
    places = {str(key): place for place, key in enumerate(order)}
    return tuple(sorted(briefs, key=lambda brief: places[brief.id]))
