"""The tool that finds tasks.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import Field

from agent.board import readiness
from agent.board import tasks as board
from agent.models import Task
from agent.text import search_index
from agent.text.references import as_number
from agent.tools.registry import Arguments, Result, ToolCall, tool
from agent.tools.task_arguments import Assignee, Due, Label, Priority, Status

# Matches of a query that are read before they are filtered.
_MAX_MATCHES = 500


class TaskFound(Result):
    task_id: str
    number: str
    title: str
    status: Status
    priority: Priority
    due: str | None
    overdue: bool
    assignee: str | None


class TasksFound(Result):
    tasks: list[TaskFound]
    task_ids: list[str] = Field(description="The ids of `tasks`, for tools that take several.")
    total: int = Field(description="Number of matches; `tasks` holds the first of them.")


class SearchTasks(Arguments):
    query: str = Field(
        default="",
        description="Words or “#12”; empty for the whole board.",
    )
    status: list[Status] = Field(default=[], description="Only these statuses; empty for all.")
    assignee: Assignee | None = None
    label: Label | None = None
    due_until: Due | None = Field(default=None, description="Only open ones due by then.")
    ready: bool = Field(default=False, description="Only those that can be started.")
    limit: int = Field(default=20, ge=1, le=100)


@tool("reads")
def search_tasks(call: ToolCall, arguments: SearchTasks) -> TasksFound:
    """Finds tasks by words of their title and description, and by the other arguments. Changes nothing.

    Best matches first; without a query, in the order of the board.
    """
    tasks, total = _matching(call.project_id, arguments)
    names = board.user_names(tasks)
    return TasksFound(
        tasks=[_found(task, names) for task in tasks],
        task_ids=[str(task.pk) for task in tasks],
        total=total,
    )


def _matching(project_id: UUID, arguments: SearchTasks) -> tuple[list[Task], int]:
    """Returns the first matches, and how many there are."""
    tasks = readiness.filtered(
        Task.objects.filter(project_id=project_id),
        assignee=arguments.assignee,
        label=arguments.label,
        due_until=arguments.due_until,
        ready=arguments.ready,
    )
    if arguments.status:
        tasks = tasks.filter(status__in=arguments.status)
    if (number := as_number(arguments.query)) is not None:
        tasks = tasks.filter(number=number)
    elif arguments.query.strip():
        return _best(project_id, arguments, tasks)
    return list(tasks[: arguments.limit]), tasks.count()


def _best(project_id: UUID, arguments: SearchTasks, tasks: Any) -> tuple[list[Task], int]:
    ids = search_index.search(project_id, "task", arguments.query, _MAX_MATCHES)
    by_id = tasks.in_bulk(ids)
    found = [by_id[key] for key in ids if key in by_id]
    return found[: arguments.limit], len(found)


def _found(task: Task, names: Mapping[int | None, str]) -> TaskFound:
    return TaskFound.model_validate(
        {
            "task_id": str(task.pk),
            "number": f"#{task.number}",
            "title": task.title,
            "status": str(task.status),
            "priority": str(task.priority),
            "due": task.due and task.due.isoformat(),
            "overdue": readiness.is_overdue(task.status, task.due),
            "assignee": names.get(task.assignee_id),
        }
    )
