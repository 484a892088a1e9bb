"""Arguments that say where on the board new tasks are placed.

Field descriptions are written for the model.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from agent.board import finding, places
from agent.tools.references import TaskRef
from agent.tools.registry import Arguments, ToolCall


class Placed(Arguments):
    before_task: TaskRef | None = Field(default=None)
    after_task: TaskRef | None = Field(default=None)
    at_top: bool = Field(default=False)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.before_task) + bool(self.after_task) + self.at_top > 1:
            raise ValueError("give at most one of before_task, after_task, at_top")
        return self


def positions(call: ToolCall, arguments: Placed, number: int) -> list[int] | None:
    """Returns the positions of `number` new tasks; None for the end of the board."""
    before, after = arguments.before_task, arguments.after_task
    if not (before or after or arguments.at_top):
        return None
    return places.places(
        call.project_id,
        number,
        before=finding.find_task(call.project_id, before) if before else None,
        after=finding.find_task(call.project_id, after) if after else None,
    )
