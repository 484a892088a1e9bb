"""The tool that changes the descriptions of several tasks, each in its own way.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from agent.board import tasks as board
from agent.board.locking import lock_board
from agent.event_log.phases import progress_step
from agent.tools.edits import TaskEdits, edited
from agent.tools.references import TaskRef
from agent.tools.registry import Arguments, ToolCall, tool
from agent.tools.task_arguments import NewDescription
from agent.tools.tasks import TasksChanged

EDITING = progress_step(
    "editing", label="Editing descriptions", icon="📝", color="phase-execution", order=20
)


class TaskText(Arguments):
    task: TaskRef
    description: NewDescription | None = None
    edits: TaskEdits = []

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.description is None) == (not self.edits):
            raise ValueError("give either description or edits")
        return self


class EditTasks(Arguments):
    tasks: list[TaskText] = Field(min_length=1, max_length=100)


@tool("writes")
def edit_tasks(call: ToolCall, arguments: EditTasks) -> TasksChanged:
    """Changes the descriptions of several tasks, of each in its own way. `edits` change a
    description in places; `description` replaces all of it."""
    lock_board(call.project_id)  # nobody changes a description after it was read for its edits
    made = []
    for number, item in enumerate(arguments.tasks, 1):
        call.progress(step=EDITING, done=number - 1, of=len(arguments.tasks), unit="tasks")
        task = board.find_task(call.project_id, item.task)
        text = item.description or ""
        if item.edits:
            text = edited(task.description, item.edits)
        task, change = board.update_task(task=task, description=text)
        made += [(task, change)] if change is not None else []
    call.progress(step=EDITING, done=len(arguments.tasks))
    call.changes.extend(change for _, change in made)
    return TasksChanged(
        task_ids=[str(task.pk) for task, _ in made], titles=[task.title for task, _ in made]
    )
