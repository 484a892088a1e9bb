"""Tells whether a plan can be carried out, in code: no model is asked. Changes nothing.

Every problem is collected and phrased so that a model, or a person who edits a plan, can mend it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING
from uuid import UUID

from agent.accounts.access import includes, role_in
from agent.models import Project
from agent.models.projects import Role
from agent.plan import (
    ArgumentPath,
    Placeholder,
    Plan,
    Step,
    StepType,
    broken_placeholders,
    placeholders,
)
from agent.tools import registry, schemas
from agent.tools.references import missing_objects
from agent.tools.registry import Tool

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def problems(
    plan: Plan, project: Project, user: User | None, done: Collection[str] = ()
) -> list[str]:
    """Returns all that stands in the way of carrying out `plan` for `user`; empty when nothing does.

    Reads the database for the objects that the plan names, and for what the user may do. Steps that
    are `done` were checked when they were not.
    """
    found = _structure(plan) + _permissions(plan, project, user)
    ancestors = _ancestors(plan)
    for step in (step for step in plan.steps if step.id not in done):
        found += [
            f"step {step.id}: {text}" for text in _step_problems(step, plan, ancestors, project.pk)
        ]
    return found


def _permissions(plan: Plan, project: Project, user: User | None) -> list[str]:
    if user is not None and includes(role_in(user, project), Role.EDITOR):
        return []
    return [
        f"step {step.id}: the person may not change anything in this project"
        for step in plan.steps
        if step.type == StepType.TOOL
    ]


def _structure(plan: Plan) -> list[str]:
    kinds = {step.id: step.type for step in plan.steps}
    counted = Counter(step.id for step in plan.steps)
    found = [
        f"step {name}: this id is used more than once"
        for name, count in counted.items()
        if count > 1
    ]
    for step in plan.steps:
        found += [
            f"step {step.id}: depends on {need}, {wrong}"
            for need in step.depends_on
            if (wrong := _wrong_need(step, need, kinds))
        ]
        if step.type == StepType.ASK and len(plan.steps) > 1:
            found.append(f"step {step.id}: a question back is the only step of its plan")
    return found or _cycles(plan)


def _wrong_need(step: Step, need: str, kinds: Mapping[str, StepType]) -> str:
    if need == step.id:
        return "which is itself"
    if need not in kinds:
        return "which is not a step"
    if step.type == StepType.TOOL and kinds[need] != StepType.TOOL:
        return "which is said at the end, after all tools"
    return ""


def _cycles(plan: Plan) -> list[str]:
    try:
        TopologicalSorter({step.id: step.depends_on for step in plan.steps}).prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        return [f"step {error.args[1][0]}: depends on itself in a circle: {circle}"]
    return []


def _ancestors(plan: Plan) -> dict[str, set[str]]:
    """Returns for each step all that is certain to be finished before it."""
    needs = {step.id: step.depends_on for step in plan.steps}
    found: dict[str, set[str]] = {}
    for name in needs:
        left, found[name] = list(needs[name]), set()
        while left:
            if (need := left.pop()) not in found[name]:
                found[name].add(need)
                left += needs.get(need, ())
    return found


def _step_problems(
    step: Step, plan: Plan, ancestors: Mapping[str, set[str]], project: UUID
) -> list[str]:
    if step.type != StepType.TOOL:
        return _words_problems(step)
    tool = registry.get(step.tool)
    if tool is None:
        known = ", ".join(sorted(tool.name for tool in registry.all_tools()))
        what = f"there is no tool {step.tool!r}" if step.tool else "a step of type tool names one"
        return [f"{what}; there are: {known}"]
    found = tool.check(step.arguments) + _misshapen(step)
    for place, holder in placeholders(step.arguments):
        where = ".".join(map(str, place)) or "arguments"
        wrong = _holder_problem(holder, step, plan, ancestors) or _type_problem(
            holder, place, tool, plan
        )
        found += [f"{where}: {wrong}"] if wrong else []
    return found + missing_objects(project, tool, step.arguments)


def _words_problems(step: Step) -> list[str]:
    found = [f"a step of type {step.type} has no tool"] if step.tool else []
    return [*found, f"a step of type {step.type} has no arguments"] if step.arguments else found


def _misshapen(step: Step) -> list[str]:
    form = '{"$from": "the id of a step", "path": "a field of its result"}'
    return [
        f"{'.'.join(map(str, place)) or 'arguments'}: a placeholder is exactly {form}"
        for place in broken_placeholders(step.arguments)
    ]


def _holder_problem(
    holder: Placeholder, step: Step, plan: Plan, ancestors: Mapping[str, set[str]]
) -> str:
    source = _source(holder, plan)
    if source is None:
        return f"takes from {holder.step}, which is not a step"
    if source.id == step.id:
        return "takes from the step itself"
    if source.id not in ancestors[step.id]:
        return f"takes from {holder.step}, which must stand in depends_on"
    tool = registry.get(source.tool)
    if source.type != StepType.TOOL or tool is None:
        return f"takes from {holder.step}, which calls no tool and returns nothing"
    if not schemas.at(tool.spec.result, holder.path.split(".")):
        return f"{tool.name} returns no {holder.path!r}"
    return ""


def _type_problem(holder: Placeholder, place: ArgumentPath, tool: Tool, plan: Plan) -> str:
    """Returns why what the placeholder stands for cannot stand there, as far as that is known."""
    source = _source(holder, plan)
    giver = None if source is None else registry.get(source.tool)
    wanted = schemas.at(tool.spec.parameters, place)
    if giver is None or not wanted:
        return ""
    given = schemas.at(giver.spec.result, holder.path.split("."))
    if schemas.compatible(given, wanted):
        return ""
    return (
        f"{holder.path!r} of {holder.step} is {schemas.phrase(given)}, and "
        f"{schemas.phrase(wanted)} is wanted"
    )


def _source(holder: Placeholder, plan: Plan) -> Step | None:
    return next((step for step in plan.steps if step.id == holder.step), None)


def destructive_steps(steps: Iterable[Step]) -> list[Step]:
    """Returns the steps that delete something."""
    found = []
    for step in steps:
        tool = registry.get(step.tool)
        if tool is not None and tool.destructive:
            found.append(step)
    return found
