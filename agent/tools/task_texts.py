"""The tool that changes the titles and descriptions of several tasks, each in its own way.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from agent.board import finding
from agent.board import tasks as board
from agent.board.locking import lock_board
from agent.board.task_rules import Fields
from agent.event_log.phases import progress_step
from agent.models import Task
from agent.tools.edits import TaskEdits, edited
from agent.tools.references import TaskRef
from agent.tools.registry import Arguments, ToolCall, tool
from agent.tools.task_arguments import NewDescription, Title
from agent.tools.tasks import TasksChanged

EDITING = progress_step(
    "editing", label="Editing tasks", icon="📝", color="phase-execution", order=20
)


class TaskText(Arguments):
    task: TaskRef
    title: Title | None = None
    description: NewDescription | None = None
    edits: TaskEdits = []

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.description is not None and self.edits:
            raise ValueError("give either description or edits")
        if self.description is None and not self.edits and self.title is None:
            raise ValueError("give a title, or either description or edits")
        return self

    def fields(self, former: str) -> Fields:
        """Returns what changes beside the title, of a task whose description is `former`. Raises
        ToolFailed.
        """
        fields: Fields = {}
        if self.edits:
            fields["description"] = edited(former, self.edits)
        elif self.description is not None:
            fields["description"] = self.description
        return fields


class EditTasks(Arguments):
    tasks: list[TaskText] = Field(min_length=1, max_length=100)


@tool("writes")
def edit_tasks(call: ToolCall, arguments: EditTasks) -> TasksChanged:
    """Changes the titles or descriptions of several tasks, of each in its own way. `edits` change a
    description in places; `description` replaces all of it."""
    lock_board(call.project_id)  # nobody changes a description after it was read for its edits
    total = len(arguments.tasks)
    found: list[Task] = []  # before the first one gets another title
    for item in arguments.tasks:
        call.progress(step=EDITING, done=len(found), of=total, unit="tasks")
        found.append(finding.find_task(call.project_id, item.task))
    latest = {task.pk: task for task in found}
    made: dict[UUID, Task] = {}
    for number, (item, one) in enumerate(zip(arguments.tasks, found, strict=True)):
        call.progress(step=EDITING, done=number, of=total, unit="tasks")
        former = latest[one.pk]
        fields = item.fields(former.description)
        task, change = board.update_task(task=former, title=item.title, **fields)
        latest[one.pk] = task
        if change is not None:
            made[task.pk] = task
            call.changes.append(change)
    call.progress(step=EDITING, done=total)
    return TasksChanged(
        task_ids=[str(key) for key in made], titles=[task.title for task in made.values()]
    )
