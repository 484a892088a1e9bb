"""The tools that read tasks and memories in full. They change nothing.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from typing import Annotated, Any

from django.db.models import Count, QuerySet
from pydantic import Field

from agent.board import finding, readiness
from agent.board import tasks as board
from agent.event_log.times import stamp
from agent.memory.memories import find_memory
from agent.models import Memory, Task
from agent.shorten import cut
from agent.tools.memories import MAX_TEXTS, Kind
from agent.tools.references import MemoryRef, TaskRef
from agent.tools.registry import Result, ToolCall, tool
from agent.tools.task_arguments import Priority, Status

MAX_AT_ONCE = 20
MAX_LINKS = 50  # tasks of a kind that one task is linked to
MAX_SOURCE = 500  # characters of the message that a memory is from


class LinkedTask(Result):
    task_id: str
    number: str
    title: str
    status: Status


class CriterionRead(Result):
    text: str
    done: bool


class TaskInFull(Result):
    task_id: str
    number: str
    title: str
    status: Status
    priority: Priority
    due: str | None
    overdue: bool
    estimate: float | None = Field(description="Hours.")
    labels: list[str]
    assignee: str | None
    criteria: list[CriterionRead] = Field(description="The acceptance criteria in order.")
    description: str
    part_of: list[LinkedTask] = Field(description="Its parent task, if it has one.")
    subtasks: list[LinkedTask]
    depends_on: list[LinkedTask]
    needed_by: list[LinkedTask] = Field(description="The tasks that depend on it.")
    created_at: str
    changed_at: str


class TasksInFull(Result):
    tasks: list[TaskInFull]


@tool("reads")
def get_tasks(
    call: ToolCall,
    tasks: Annotated[list[TaskRef], Field(min_length=1, max_length=MAX_AT_ONCE)],
) -> TasksInFull:
    """Reads tasks in full: whole description, acceptance criteria, assignee, due date, estimate, labels,
    parent, subtasks, dependencies, dates. Changes nothing."""
    rows = finding.find_tasks(call.project_id, tasks)
    limit, names = MAX_TEXTS // len(rows), board.user_names(rows)
    return TasksInFull(tasks=[_in_full(task, limit, names.get(task.assignee_id)) for task in rows])


def _in_full(task: Task, limit: int, assignee: str | None) -> TaskInFull:
    criteria = [{"text": one["text"], "done": one["done"]} for one in task.criteria]
    return TaskInFull.model_validate(
        {
            **board.plain_json(task),
            "task_id": str(task.pk),
            "number": f"#{task.number}",
            "overdue": readiness.is_overdue(task.status, task.due),
            "assignee": assignee,
            "criteria": criteria,
            "description": cut(task.description, limit),
            "part_of": _links(Task.objects.filter(pk=task.parent_id)),
            "subtasks": _links(Task.objects.filter(parent=task)),
            "depends_on": _links(task.depends_on.filter(deleted_at=None)),
            "needed_by": _links(task.dependants.filter(deleted_at=None)),
            "created_at": stamp(task.created_at),
            "changed_at": stamp(task.updated_at),
        }
    )


def _links(tasks: QuerySet[Task]) -> list[LinkedTask]:
    rows = tasks.values_list("pk", "number", "title", "status")[:MAX_LINKS]
    return [
        LinkedTask.model_validate(
            {"task_id": str(key), "number": f"#{number}", "title": title, "status": status}
        )
        for key, number, title, status in rows
    ]


class MemoryInFull(Result):
    memory_id: str
    title: str
    kind: Kind
    category: str
    content: str
    source: str = Field(description="The message that it was first stored for.")
    revisions: int
    created_at: str
    changed_at: str


class MemoriesInFull(Result):
    memories: list[MemoryInFull]


@tool("reads")
def get_memories(
    call: ToolCall,
    memories: Annotated[list[MemoryRef], Field(min_length=1, max_length=MAX_AT_ONCE)],
) -> MemoriesInFull:
    """Reads memories in full: whole content, category, source, dates. Changes nothing."""
    found = [find_memory(call.project_id, one) for one in memories]
    keys = list(dict.fromkeys(memory.pk for memory in found))
    rows = Memory.objects.filter(pk__in=keys).select_related("source_message")
    by_id = rows.annotate(number=Count("revisions")).in_bulk()
    return MemoriesInFull(memories=[_memory(by_id[key], MAX_TEXTS // len(keys)) for key in keys])


def _memory(memory: Any, limit: int) -> MemoryInFull:
    source = memory.source_message
    return MemoryInFull.model_validate(
        {
            "memory_id": str(memory.pk),
            "title": memory.title,
            "kind": str(memory.kind),
            "category": memory.category,
            "content": cut(memory.content, limit),
            "source": cut(source.content, MAX_SOURCE) if source else "",
            "revisions": memory.number,
            "created_at": stamp(memory.created_at),
            "changed_at": stamp(memory.updated_at),
        }
    )
