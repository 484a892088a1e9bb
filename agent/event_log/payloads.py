"""The JSON objects inside of events, as types. A reader gets them as they stand in the frame."""

from __future__ import annotations

from typing import Any, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # on Python 3.11 pydantic does not read `typing`'s

_open = with_config(ConfigDict(extra="allow"))  # what a later version adds stays in it


@_open
class PlannedStep(TypedDict):
    id: str
    type: str
    tool: str | None
    description: str
    arguments: dict[str, Any]
    depends_on: list[str]
    status: str


@_open
class PlanAssumption(TypedDict):
    text: str
    steps: list[str]


@_open
class PlanQuestion(TypedDict):
    question: str
    choices: list[str]


@_open
class StepComment(TypedDict):
    step: str
    text: str


@_open
class EffectChange(TypedDict):
    """`differs`: an earlier approval of the plan did not show the change like this. `number`: of an
    existing task. `about`: of an existing memory, its kind and content. `links`: the names of the tasks
    that a new or changed task links to, or no longer does, by id.
    """

    object: str
    id: str
    action: str
    title: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    differs: NotRequired[bool]
    number: NotRequired[int]
    about: NotRequired[str]
    links: NotRequired[dict[str, str]]


@_open
class StepEffect(TypedDict):
    """What a step of a plan would change. `note`: why that is not known, that it only reads, or that it
    would fail.

    Where the changes do not say all: the `tool` that will be called and with which `arguments`, and in
    `sources` the numbers of the steps that placeholders in them name, by id.
    """

    step: str
    changes: list[EffectChange]
    note: str
    tool: NotRequired[str]
    arguments: NotRequired[dict[str, Any]]
    sources: NotRequired[dict[str, int]]


class Answer(TypedDict):
    id: str
    role: str
    content: str
    html: str
