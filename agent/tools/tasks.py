"""The tools for tasks. Their rules are in `agent.board`.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from agent.board import finding, readiness
from agent.board import tasks as board
from agent.board.task_rules import MAX_DEPENDENCIES
from agent.change import Change
from agent.models import Task
from agent.tools.edits import TaskEdits, edited
from agent.tools.places import Placed, positions
from agent.tools.references import REPLACES, TaskRef
from agent.tools.registry import Arguments, Result, ToolCall, tool
from agent.tools.task_arguments import (
    Criterion,
    Dependencies,
    Description,
    NewCriteria,
    NewDescription,
    NewLabels,
    ParentRef,
    Planned,
    Priority,
    SeveralTasks,
    Specified,
    Status,
    Title,
    with_a_change,
)


class TaskMade(Result):
    task_id: str
    number: str
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
    number: str
    title: str
    status: Status
    still_open: StillOpen = []


class TasksChanged(Result):
    """The tasks that changed, without those that already had the given values."""

    task_ids: list[str]
    titles: list[str]
    still_open: StillOpen = []


class CreateTask(Specified, Placed):
    title: Title
    description: Description = ""
    priority: Priority = "medium"
    parent: TaskRef | None = None
    depends_on: Dependencies = []


@tool("writes", alters=0)
def create_task(call: ToolCall, arguments: CreateTask) -> TaskMade:
    """Creates one task at the end of the project's board, or at the given place. For several tasks
    use create_tasks."""
    task, change = board.create_task(
        project_id=call.project_id,
        positions=positions(call, arguments, 1),
        title=arguments.title,
        parent=_task(call, arguments.parent) if arguments.parent else None,
        depends_on=_tasks(call, arguments.depends_on),
        **arguments.fields,
    )
    call.changes.append(change)
    return _made(task)


class TaskItem(Specified):
    title: Title
    description: Description = ""
    priority: Priority = "medium"
    parent: TaskRef | None = None
    depends_on: Dependencies = []
    after: list[Annotated[int, Field(ge=0)]] = Field(
        default=[],
        max_length=MAX_DEPENDENCIES,
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


@tool("writes", alters=0)
def create_tasks(call: ToolCall, arguments: CreateTasks) -> TasksMade:
    """Creates several tasks in the given order, with the dependencies between them, at the end of the
    board or at the given place."""
    parents = [item.parent for item in arguments.tasks if item.parent]
    needed = [one for item in arguments.tasks for one in item.depends_on]
    named = finding.tasks_by_reference(call.project_id, [*parents, *needed])
    items = [
        board.NewTask(
            title=item.title,
            parent=named[item.parent] if item.parent else None,
            depends_on=tuple(named[one] for one in item.depends_on),
            after=tuple(item.after),
            more=item.fields,
        )
        for item in arguments.tasks
    ]
    places = positions(call, arguments, len(items))
    tasks, changes = board.create_tasks(project_id=call.project_id, items=items, positions=places)
    call.changes.extend(changes)
    return TasksMade(
        task_ids=[str(task.pk) for task in tasks], titles=[task.title for task in tasks]
    )


class UpdateTask(Specified):
    task: TaskRef
    title: Title | None = None
    description: NewDescription | None = Field(
        default=None, description="Replaces all of it; see edits."
    )
    edits: TaskEdits = Field(default=[], description="Edits of the description, made in order.")
    labels: NewLabels | None = None
    criteria: NewCriteria | None = None
    parent: ParentRef | None = None
    depends_on: Annotated[list[TaskRef], Field(json_schema_extra={REPLACES: "task"})] | None = (
        Field(
            default=None,
            description="Replaces the former list.",
        )
    )

    @model_validator(mode="after")
    def _something_to_change(self) -> Self:
        if self.description is not None and self.edits:
            raise ValueError("give either description or edits")
        return self if self.edits else with_a_change(self, "task", "edits")


@tool("writes", alters=1)
def update_task(call: ToolCall, arguments: UpdateTask) -> TaskMade:
    """Changes the given fields of a task: title, description, priority, due date, estimate, assignee,
    labels, acceptance criteria, parent, dependencies.

    To change its status, use change_task_status; to tick a criterion, tick_criterion.
    """
    parent, needed = arguments.parent, arguments.depends_on
    # Locked, so that nobody changes the description after it was read for the edits.
    task, fields = _locked(call, arguments.task), arguments.fields
    if arguments.edits:
        fields["description"] = edited(task.description, arguments.edits)
    task, change = board.update_task(
        task=task,
        is_locked=True,
        title=arguments.title,
        parent=board.Keep.KEEP if parent is None else _parent(call, parent),
        depends_on=None if needed is None else _tasks(call, needed),
        **fields,
    )
    if change is not None:
        call.changes.append(change)
    return _made(task)


@tool("writes", alters=1)
def tick_criterion(
    call: ToolCall,
    task: TaskRef,
    criterion: Annotated[Criterion, Field(description="Its text, or its place from 1.")],
    done: bool = True,
) -> TaskMade:
    """Ticks one acceptance criterion of a task as met, or removes its tick with done false."""
    row, change = board.tick(task=_task(call, task), criterion=criterion, done=done)
    if change is not None:
        call.changes.append(change)
    return _made(row)


@tool("writes", alters=1)
def change_task_status(
    call: ToolCall,
    task: TaskRef,
    status: Annotated[
        Status, Field(description="completed: it is done; blocked: it cannot continue for now.")
    ],
) -> TaskStatus:
    """Sets the status of a task: pending, in_progress, completed, blocked or cancelled."""
    row, change = board.update_task(task=_locked(call, task), is_locked=True, status=status)
    if change is not None:
        call.changes.append(change)
    return TaskStatus.model_validate(
        {
            "task_id": str(row.pk),
            "number": f"#{row.number}",
            "title": row.title,
            "status": str(row.status),
            "still_open": readiness.still_open_titles([row]),
        }
    )


@tool("writes")
def change_tasks_status(call: ToolCall, tasks: SeveralTasks, status: Status) -> TasksChanged:
    """Sets several tasks to the same status: pending, in_progress, completed, blocked or cancelled."""
    rows = _tasks(call, tasks)
    changes = board.update_tasks(tasks=rows, status=status)
    return _changed(call, changes, readiness.still_open_titles(rows))


class UpdateTasks(Planned):
    tasks: SeveralTasks
    parent: ParentRef | None = None

    @model_validator(mode="after")
    def _something_to_change(self) -> Self:
        return with_a_change(self, "tasks")


@tool("writes")
def update_tasks(call: ToolCall, arguments: UpdateTasks) -> TasksChanged:
    """Sets several tasks to the same priority, due date, estimate, assignee or parent. For the status
    use change_tasks_status."""
    parent = arguments.parent
    changes = board.update_tasks(
        tasks=_tasks(call, arguments.tasks),
        parent=board.Keep.KEEP if parent is None else _parent(call, parent),
        **arguments.fields,
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


@tool("writes", alters=1)
def move_task(call: ToolCall, arguments: MoveTask) -> TaskMade:
    """Moves a task in the order of the board: directly before or after another task."""
    task, change = board.move_task(
        task=_task(call, arguments.task),
        before=_task(call, arguments.before) if arguments.before else None,
        after=_task(call, arguments.after) if arguments.after else None,
    )
    if change is not None:
        call.changes.append(change)
    return _made(task)


@tool("deletes")
def delete_task(call: ToolCall, task: TaskRef) -> TaskMade:
    """Deletes one task. Its subtasks and the tasks that depend on it stay. A person can undo it."""
    row, change = board.delete_task(task=_task(call, task))
    call.changes.append(change)
    return _made(row)


@tool("deletes")
def delete_tasks(call: ToolCall, tasks: SeveralTasks) -> TasksChanged:
    """Deletes several tasks. Their subtasks and the tasks that depend on them stay. A person can
    undo it."""
    return _changed(call, board.delete_tasks(tasks=_tasks(call, tasks)))


def _changed(call: ToolCall, changes: list[Change], still_open: Sequence[str] = ()) -> TasksChanged:
    call.changes.extend(changes)
    return TasksChanged(
        task_ids=[str(change.id) for change in changes],
        titles=[(change.after or change.before or {})["title"] for change in changes],
        still_open=list(still_open),
    )


def _task(call: ToolCall, reference: str) -> Task:
    return finding.find_task(call.project_id, reference)


def _tasks(call: ToolCall, references: list[str]) -> list[Task]:
    return finding.find_tasks(call.project_id, references)


def _locked(call: ToolCall, reference: str) -> Task:
    return call.locked.get(reference) or finding.find_locked(call.project_id, reference)


def _made(task: Task) -> TaskMade:
    return TaskMade(task_id=str(task.pk), number=f"#{task.number}", title=task.title)


def _parent(call: ToolCall, reference: str) -> Task | None:
    return _task(call, reference) if reference.strip() else None
