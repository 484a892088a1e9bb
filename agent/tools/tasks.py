"""The tools for tasks. Their rules are in `agent.board`.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from agent.board import task_rules
from agent.board import tasks as board
from agent.change import Change
from agent.llm.schemas import SHORT
from agent.models import Task
from agent.text import search_index
from agent.tools.edits import TaskEdits, edited
from agent.tools.places import Placed, positions
from agent.tools.references import MARK, REPLACES, TaskRef
from agent.tools.registry import Arguments, Result, ToolCall, tool

Status = Literal["pending", "in_progress", "completed", "blocked"]
Priority = Literal["low", "medium", "high"]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=task_rules.MAX_TITLE),
    Field(description="Short and imperative, e.g. “Send an SMS reminder”."),
]
Description = Annotated[
    str,
    StringConstraints(max_length=100_000),
    Field(description="What has to be done, and how to tell that it is done."),
]
NewDescription = Annotated[Description, Field(json_schema_extra={REPLACES: "task"})]
Dependencies = Annotated[
    list[TaskRef], Field(description="Existing tasks that must be completed before.")
]
SeveralTasks = Annotated[
    list[TaskRef],
    Field(min_length=1, max_length=100),
]
# Matches of a query that are read before the filter by status.
_MAX_MATCHES = 500


class TaskMade(Result):
    task_id: str
    title: str


class TasksMade(Result):
    task_ids: list[str]
    titles: list[str]


StillOpen = Annotated[
    list[str],
    Field(
        description="Subtasks and dependencies that are still open although this status says "
        "otherwise."
    ),
]


class TaskStatus(Result):
    task_id: str
    title: str
    status: Status
    still_open: StillOpen = []


class TasksChanged(Result):
    """The tasks that changed, without those that already had the given values."""

    task_ids: list[str]
    titles: list[str]
    still_open: StillOpen = []


class TaskFound(Result):
    task_id: str
    title: str
    status: Status
    priority: Priority


class TasksFound(Result):
    tasks: list[TaskFound]
    task_ids: list[str] = Field(description="The ids of `tasks`, for tools that take several.")
    total: int = Field(description="Number of matches; `tasks` holds the first of them.")


class CreateTask(Placed):
    title: Title
    description: Description = ""
    priority: Priority = "medium"
    parent: TaskRef | None = None
    depends_on: Dependencies = []


@tool(alters=False)
def create_task(call: ToolCall, arguments: CreateTask) -> TaskMade:
    """Creates one task at the end of the project's board, or at the given place. For several tasks
    use create_tasks."""
    task, change = board.create_task(
        project_id=call.project_id,
        positions=positions(call, arguments, 1),
        title=arguments.title,
        description=arguments.description,
        priority=arguments.priority,
        parent=_task(call, arguments.parent) if arguments.parent else None,
        depends_on=_tasks(call, arguments.depends_on),
    )
    call.changes.append(change)
    return TaskMade(task_id=str(task.pk), title=task.title)


class TaskItem(Arguments):
    title: Title
    description: Description = ""
    priority: Priority = "medium"
    parent: TaskRef | None = Field(default=None, description="An existing task.")
    depends_on: Dependencies = []
    after: list[Annotated[int, Field(ge=0)]] = Field(
        default=[],
        description="Earlier items that it depends on: 0-based indexes.",
    )


class CreateTasks(Placed):
    tasks: list[TaskItem] = Field(min_length=1, max_length=100, description="In board order.")

    @model_validator(mode="after")
    def _after_earlier_items(self) -> Self:
        for index, item in enumerate(self.tasks):
            if any(other >= index for other in item.after):
                raise ValueError(f"after of item {index} must name earlier items, 0-based")
        return self


@tool(alters=False)
def create_tasks(call: ToolCall, arguments: CreateTasks) -> TasksMade:
    """Creates several tasks in the given order, with the dependencies between them, at the end of the
    board or at the given place."""
    items = [
        board.NewTask(
            title=item.title,
            description=item.description,
            priority=item.priority,
            parent=_task(call, item.parent) if item.parent else None,
            depends_on=tuple(_tasks(call, item.depends_on)),
            after=tuple(item.after),
        )
        for item in arguments.tasks
    ]
    places = positions(call, arguments, len(items))
    tasks, changes = board.create_tasks(project_id=call.project_id, items=items, positions=places)
    call.changes.extend(changes)
    return TasksMade(
        task_ids=[str(task.pk) for task in tasks], titles=[task.title for task in tasks]
    )


ParentRef = Annotated[
    str,
    Field(
        max_length=200,
        json_schema_extra={MARK: "task", SHORT: "task or empty for none"},
        description="The new parent task: its id, or its exact title; empty for no parent.",
    ),
]


class UpdateTask(Arguments):
    task: TaskRef
    title: Title | None = None
    description: NewDescription | None = Field(
        default=None, description="Replaces all of it; see edits."
    )
    edits: TaskEdits = Field(default=[], description="Edits of the description, made in order.")
    priority: Priority | None = None
    parent: ParentRef | None = None
    depends_on: list[TaskRef] | None = Field(
        default=None,
        description="Replaces the former list.",
    )

    @model_validator(mode="after")
    def _something_to_change(self) -> Self:
        given = (self.title, self.description, self.priority, self.parent, self.depends_on)
        if all(value is None for value in given) and not self.edits:
            raise ValueError(
                "give at least one of title, description, edits, priority, parent, depends_on"
            )
        if self.description is not None and self.edits:
            raise ValueError("give either description or edits")
        return self


@tool(alters=1)
def update_task(call: ToolCall, arguments: UpdateTask) -> TaskMade:
    """Changes the given fields of a task: title, description, priority, parent, dependencies.

    To change its status, use change_task_status.
    """
    parent, needed = arguments.parent, arguments.depends_on
    task, edits = _task(call, arguments.task), arguments.edits
    task, change = board.update_task(
        task=task,
        title=arguments.title,
        description=edited(task.description, edits) if edits else arguments.description,
        priority=arguments.priority,
        parent=board.Keep.KEEP if parent is None else _parent(call, parent),
        depends_on=None if needed is None else _tasks(call, needed),
    )
    if change is not None:
        call.changes.append(change)
    return TaskMade(task_id=str(task.pk), title=task.title)


class ChangeTaskStatus(Arguments):
    task: TaskRef
    status: Status = Field(
        description="completed: it is done; blocked: it cannot continue for now."
    )


@tool(alters=1)
def change_task_status(call: ToolCall, arguments: ChangeTaskStatus) -> TaskStatus:
    """Sets the status of a task: pending, in_progress, completed or blocked."""
    task, change = board.update_task(task=_task(call, arguments.task), status=arguments.status)
    if change is not None:
        call.changes.append(change)
    return TaskStatus.model_validate(
        {
            "task_id": str(task.pk),
            "title": task.title,
            "status": str(task.status),
            "still_open": board.still_open_titles([task]),
        }
    )


class ChangeTasksStatus(Arguments):
    tasks: SeveralTasks
    status: Status


@tool()
def change_tasks_status(call: ToolCall, arguments: ChangeTasksStatus) -> TasksChanged:
    """Sets several tasks to the same status: pending, in_progress, completed or blocked."""
    tasks = _tasks(call, arguments.tasks)
    changes = board.update_tasks(tasks=tasks, status=arguments.status)
    return _changed(call, changes, board.still_open_titles(tasks))


class UpdateTasks(Arguments):
    tasks: SeveralTasks
    priority: Priority | None = None
    parent: ParentRef | None = None

    @model_validator(mode="after")
    def _something_to_change(self) -> Self:
        if self.priority is None and self.parent is None:
            raise ValueError("give at least one of priority, parent")
        return self


@tool()
def update_tasks(call: ToolCall, arguments: UpdateTasks) -> TasksChanged:
    """Sets several tasks to the same priority or parent. For the status use change_tasks_status."""
    parent = arguments.parent
    changes = board.update_tasks(
        tasks=_tasks(call, arguments.tasks),
        priority=arguments.priority,
        parent=board.Keep.KEEP if parent is None else _parent(call, parent),
    )
    return _changed(call, changes)


class MoveTask(Arguments):
    task: TaskRef
    before: TaskRef | None = None
    after: TaskRef | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.before is None) == (self.after is None):
            raise ValueError("give either before or after")
        return self


@tool(alters=1)
def move_task(call: ToolCall, arguments: MoveTask) -> TaskMade:
    """Moves a task in the order of the board: directly before or after another task."""
    task, change = board.move_task(
        task=_task(call, arguments.task),
        before=_task(call, arguments.before) if arguments.before else None,
        after=_task(call, arguments.after) if arguments.after else None,
    )
    if change is not None:
        call.changes.append(change)
    return TaskMade(task_id=str(task.pk), title=task.title)


class SearchTasks(Arguments):
    query: str = Field(default="", description="Words to search for; empty for the whole board.")
    status: list[Status] = Field(default=[], description="Only these statuses; empty for all.")
    limit: int = Field(default=20, ge=1, le=100)


@tool(reads=True)
def search_tasks(call: ToolCall, arguments: SearchTasks) -> TasksFound:
    """Finds tasks by words of their title and description, and by status. Changes nothing.

    Best matches first; without a query, in the order of the board.
    """
    tasks, total = _matching(call.project_id, arguments)
    return TasksFound(
        tasks=[_found(task) for task in tasks],
        task_ids=[str(task.pk) for task in tasks],
        total=total,
    )


class DeleteTask(Arguments):
    task: TaskRef


@tool(destructive=True)
def delete_task(call: ToolCall, arguments: DeleteTask) -> TaskMade:
    """Deletes one task. Its subtasks and the tasks that depend on it stay. A person can undo it."""
    task, change = board.delete_task(task=_task(call, arguments.task))
    call.changes.append(change)
    return TaskMade(task_id=str(task.pk), title=task.title)


class DeleteTasks(Arguments):
    tasks: SeveralTasks


@tool(destructive=True)
def delete_tasks(call: ToolCall, arguments: DeleteTasks) -> TasksChanged:
    """Deletes several tasks. Their subtasks and the tasks that depend on them stay. A person can
    undo it."""
    return _changed(call, board.delete_tasks(tasks=_tasks(call, arguments.tasks)))


def _changed(call: ToolCall, changes: list[Change], still_open: Sequence[str] = ()) -> TasksChanged:
    call.changes.extend(changes)
    return TasksChanged(
        task_ids=[str(change.id) for change in changes],
        titles=[(change.after or change.before or {})["title"] for change in changes],
        still_open=list(still_open),
    )


def _task(call: ToolCall, reference: str) -> Task:
    return board.find_task(call.project_id, reference)


def _tasks(call: ToolCall, references: list[str]) -> list[Task]:
    return board.find_tasks(call.project_id, references)


def _parent(call: ToolCall, reference: str) -> Task | None:
    return _task(call, reference) if reference.strip() else None


def _matching(project_id: UUID, arguments: SearchTasks) -> tuple[list[Task], int]:
    """Returns the first matches, and how many there are."""
    tasks: Any = Task.objects.filter(project_id=project_id)
    if arguments.status:
        tasks = tasks.filter(status__in=arguments.status)
    if not arguments.query.strip():
        return list(tasks[: arguments.limit]), tasks.count()
    ids = search_index.search(project_id, "task", arguments.query, _MAX_MATCHES)
    by_id = tasks.in_bulk(ids)
    found = [by_id[key] for key in ids if key in by_id]
    return found[: arguments.limit], len(found)


def _found(task: Task) -> TaskFound:
    return TaskFound.model_validate(
        {
            "task_id": str(task.pk),
            "title": task.title,
            "status": str(task.status),
            "priority": str(task.priority),
        }
    )
