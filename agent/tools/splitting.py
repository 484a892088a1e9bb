"""The tool that splits a task. Its rules are in `agent.board.splitting`.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from agent.board import finding, splitting
from agent.board import tasks as board
from agent.tools.references import REPLACES, TaskRef
from agent.tools.registry import Arguments, ToolCall, tool
from agent.tools.task_arguments import Description, Priority, Title
from agent.tools.tasks import TasksMade


class Part(Arguments):
    title: Title
    description: Description = ""
    priority: Priority | None = Field(default=None, description="Without it, that of the task.")
    after: list[Annotated[int, Field(ge=0)]] = Field(
        default=[], description="Earlier parts that this part depends on: 0-based indexes."
    )


class SplitTask(Arguments):
    task: TaskRef
    parts: Annotated[list[Part], Field(json_schema_extra={REPLACES: "task"})] = Field(
        min_length=2, max_length=20, description="In board order; the task becomes the first part."
    )

    @model_validator(mode="after")
    def _after_earlier_parts(self) -> Self:
        for index, part in enumerate(self.parts):
            if any(other >= index for other in part.after):
                raise ValueError(f"after of part {index} must name earlier parts, 0-based")
        return self


@tool("writes")
def split_task(call: ToolCall, arguments: SplitTask) -> TasksMade:
    """Splits a task into parts that take its place. The task becomes the first part and keeps its
    subtasks; the other parts get its parent. What the task depends on, the parts depend on; what
    depended on the task then depends on the last parts. All that its description says must be in
    the parts. For subtasks of a task that stays as it is, use create_tasks with parent."""
    task = finding.find_task(call.project_id, arguments.task)
    parts = [
        board.NewTask(
            title=part.title,
            after=tuple(part.after),
            more={"description": part.description, "priority": part.priority or task.priority},
        )
        for part in arguments.parts
    ]
    made, changes = splitting.split_task(task=task, parts=parts)
    call.changes.extend(changes)
    return TasksMade(task_ids=[str(one.pk) for one in made], titles=[one.title for one in made])
