"""Checks arguments without placeholders: those that were filled, as a plan's are checked before it, and the
texts that a step replaces, when it is carried out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from agent.exceptions import ToolFailed
from agent.models import Project, Task
from agent.plan import Plan, Step, StepType, fill
from agent.plans import composition
from agent.plans.composition import LEFT_OUT
from agent.plans.rewriting import Rewriting, as_text, numbers, seen_parts, seen_texts
from agent.tools import references, registry


def problems(
    step: Step,
    filled: Mapping[str, Any],
    steps: Mapping[str, Step],
    results: Mapping[str, Any],
    project: Project,
    seen: Collection[str],
) -> list[str]:
    """Returns why the step must not be carried out with the arguments `filled`.

    `steps`: those of the plan, by id; `results`: of the finished ones. `seen`: the marks of the texts that
    the model saw when it made the plan.
    """
    tool = registry.get(step.tool)
    if tool is None:
        return [f"there is no tool {step.tool!r}"]
    if composition.has_reference(filled):
        return ["a value from an earlier step looks like a placeholder"]
    found = tool.check(filled) or references.missing_objects(project.pk, tool, filled)
    return found or _rewriting(step, filled, steps, results, project, seen)


def _rewriting(
    step: Step,
    filled: Mapping[str, Any],
    steps: Mapping[str, Step],
    results: Mapping[str, Any],
    project: Project,
    seen: Collection[str],
) -> list[str]:
    """Checks the texts that the step replaces, and that the plan did not name: a composed value does."""
    whole = replace(step, arguments=filled)
    known = _known(step, steps, results, seen)
    settled = Rewriting(Plan("", tuple(steps.values())), project, known, ()).settled(step)
    return Rewriting(Plan("", (whole,)), project, known, ()).problems(whole, but=settled)


def refuse_unread(
    step: Step,
    filled: Mapping[str, Any],
    steps: Mapping[str, Step],
    results: Mapping[str, Any],
    project: Project,
    seen: Collection[str],
    left: Mapping[UUID, Mapping[str, Any] | None],
) -> dict[str, Task]:
    """Raises ToolFailed if the step would replace a text that the model has not seen as it is now.

    Returns the tasks that it read and locked, by what the step refers to them with.

    The first six arguments are as in `problems`; `left`: how the run has left what it changed, by id. Inside
    the effect of the step, so that nobody changes the text in between.
    """
    whole = replace(step, arguments=filled)
    known = _known(step, steps, results, seen)
    rewriting = Rewriting(Plan("", (whole,)), project, known, (), locks=True)
    for row, text in rewriting.unread(whole):
        if text not in _texts(left.get(row.pk) or {}):
            name = row.name if isinstance(row, Project) else row.title
            raise ToolFailed(f"The text of “{name}” was not read as it is now. It is not replaced.")
    return rewriting.tasks


def _texts(left: Mapping[str, Any]) -> set[str]:
    """Returns the texts of an object as a change has it, which names tasks by their ids."""
    needed = numbers(Task.objects.filter(pk__in=left.get("depends_on", ())))
    return {as_text(needed), *map(as_text, left.values())}


def _known(
    step: Step, steps: Mapping[str, Step], results: Mapping[str, Any], seen: Collection[str]
) -> set[str]:
    """Returns the marks of the texts that the model saw when it made the plan and composed its values."""
    return {*seen, *(mark for one in _composed(step, steps) for mark in _shown(one, results))}


def _composed(step: Step, steps: Mapping[str, Step]) -> list[Step]:
    return [steps[name] for name in composition.sources(step, steps)]


def _shown(step: Step, results: Mapping[str, Any]) -> list[str]:
    """Returns the marks of the texts that the model saw when it composed the value of `step`."""
    if step.type != StepType.COMPOSE or LEFT_OUT in results[step.id]:
        return []
    inputs = step.arguments["inputs"]
    return [*seen_texts(fill(inputs, results)), *seen_parts(inputs, results)]
