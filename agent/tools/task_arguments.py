"""The arguments that several tools for tasks take.

Descriptions of fields are written for the model.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar, cast

from pydantic import AfterValidator, Field, StringConstraints

from agent.board import task_rules
from agent.board.criteria import MAX_CRITERIA, MAX_CRITERION
from agent.board.task_rules import Fields
from agent.llm.schema_texts import SHORT
from agent.tools import references
from agent.tools.references import MARK, REPLACES, TaskRef
from agent.tools.registry import Arguments

A = TypeVar("A", bound=Arguments)

Status = Literal["pending", "in_progress", "completed", "blocked", "cancelled"]
Priority = Literal["low", "medium", "high"]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=task_rules.MAX_TITLE),
    AfterValidator(references.name),
    Field(description="Short and imperative, e.g. “Send an SMS reminder”."),
]
Description = Annotated[
    str,
    StringConstraints(max_length=task_rules.MAX_DESCRIPTION),
    Field(description="What has to be done, and how to tell that it is done."),
]
Due = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=60),
    AfterValidator(references.day),
    Field(json_schema_extra={MARK: "day", SHORT: "day"}),
]
Assignee = Annotated[
    str,
    Field(max_length=150, json_schema_extra={MARK: "member", SHORT: "member"}),
]
Label = Annotated[
    str,
    StringConstraints(pattern=f"^{task_rules.LABEL.pattern}$"),
]
Criterion = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_CRITERION),
]
Hours = Annotated[
    float, Field(ge=0, le=task_rules.MAX_HOURS, json_schema_extra={SHORT: "hours, 0 for none"})
]
Labels = Annotated[
    list[Label],
    Field(max_length=task_rules.MAX_LABELS, json_schema_extra={SHORT: "list of words"}),
]
Criteria = Annotated[
    list[Criterion],
    Field(max_length=MAX_CRITERIA, json_schema_extra={SHORT: "list of sentences"}),
    AfterValidator(references.different),
]
NewDescription = Annotated[Description, Field(json_schema_extra={REPLACES: "task"})]
NewCriteria = Annotated[
    Criteria, Field(json_schema_extra={REPLACES: "task", SHORT: "list of sentences"})
]
NewLabels = Annotated[Labels, Field(json_schema_extra={REPLACES: "task", SHORT: "list of words"})]
Dependencies = Annotated[
    list[TaskRef],
    Field(
        max_length=task_rules.MAX_DEPENDENCIES,
        description="Existing tasks that must be completed before.",
    ),
]
SeveralTasks = Annotated[
    list[TaskRef],
    Field(min_length=1, max_length=100),
]
ParentRef = Annotated[
    str,
    Field(
        max_length=200,
        json_schema_extra={MARK: "task", SHORT: "task or empty for none"},
        description="The new parent task: its number, or its exact title; empty for no parent.",
    ),
]


class Planned(Arguments):
    """What people plan with. None leaves a field as it is."""

    priority: Priority | None = None
    due: Due | None = None
    estimate: Hours | None = None
    assignee: Assignee | None = None

    @property
    def fields(self) -> Fields:
        """The given fields that are no links to other tasks."""
        given = self.model_dump(include=set(Fields.__annotations__), exclude_none=True)
        return cast(Fields, given)


class Specified(Planned):
    description: Description | None = None
    labels: Labels | None = None
    criteria: Criteria | None = None


def with_a_change(arguments: A, *others: str) -> A:
    """Returns `arguments`. Raises ValueError if none is given beside `others`."""
    names = [name for name in type(arguments).model_fields if name not in others]
    if all(getattr(arguments, name) is None for name in names):
        raise ValueError(f"give at least one of {', '.join(names)}")
    return arguments
