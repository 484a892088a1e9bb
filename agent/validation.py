"""Tells whether a plan can be carried out, in code: no model is asked. Changes nothing.

Every problem is collected and phrased so that a model, or a person who edits a plan, can mend it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from agent.access import includes, role_in
from agent.exceptions import PlanInvalid
from agent.models import Project
from agent.models.projects import Role
from agent.plans import MAX_STEPS, Plan, Step, StepType, placeholders
from agent.tools import registry
from agent.tools.references import missing_objects

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_TEXT = 2_000  # characters of a summary or a description


def parse(raw: Any) -> Plan:
    """Returns the plan that `raw` describes. Raises `PlanInvalid` when it has not the form of one."""
    if not isinstance(raw, Mapping):
        raise PlanInvalid(["the plan is not an object"])
    items = raw.get("steps")
    if not isinstance(items, list) or not items:
        raise PlanInvalid(["steps: a plan has at least one step"])
    errors = [error for place, item in enumerate(items, 1) for error in _form_errors(place, item)]
    if not isinstance(raw.get("summary", ""), str):
        errors.append("summary: must be text")
    if errors:
        raise PlanInvalid(errors)
    return Plan(raw.get("summary", "")[:MAX_TEXT], tuple(_step(item) for item in items))


def _form_errors(place: int, item: Any) -> list[str]:
    if not isinstance(item, Mapping):
        return [f"step {place}: is not an object"]
    name = f"step {item.get('id') or place}"
    errors = []
    if not isinstance(item.get("id"), str) or not 0 < len(item["id"]) <= 40:
        errors.append(f"{name}: id must be a text of 1 to 40 characters")
    if item.get("type") not in [str(kind) for kind in StepType]:
        errors.append(f"{name}: type must be tool, answer or ask")
    if not isinstance(item.get("tool") or "", str):
        errors.append(f"{name}: tool must be the name of a tool, or null")
    if not isinstance(item.get("description", ""), str):
        errors.append(f"{name}: description must be text")
    if not isinstance(item.get("arguments") or {}, Mapping):
        errors.append(f"{name}: arguments must be an object")
    needs = item.get("depends_on") or []
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        errors.append(f"{name}: depends_on must be a list of the ids of steps")
    return errors


def _step(item: Mapping[str, Any]) -> Step:
    return Step(
        id=item["id"],
        type=StepType(item["type"]),
        description=item.get("description", "")[:MAX_TEXT],
        tool=item.get("tool") or "",
        arguments=dict(item.get("arguments") or {}),
        depends_on=tuple(dict.fromkeys(item.get("depends_on") or [])),
    )


def problems(plan: Plan, project: Project, user: User | None) -> list[str]:
    """Returns all that stands in the way of carrying out `plan` for `user`; empty when nothing does.

    Reads the database for the objects that the plan names, and for what the user may do.
    """
    found = _structure(plan) + _permissions(plan, project, user)
    ancestors = {} if found else _ancestors(plan)
    for step in plan.steps:
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
    found = []
    ids = [step.id for step in plan.steps]
    if len(ids) > MAX_STEPS:
        found.append(
            f"plan: {len(ids)} steps; at most {MAX_STEPS}. Put lists into one step that takes a list"
        )
    doubles = {name for name in ids if ids.count(name) > 1}
    found += [f"step {name}: this id is used more than once" for name in sorted(doubles)]
    for step in plan.steps:
        found += [
            f"step {step.id}: depends on {need}, which is {'itself' if need == step.id else 'not a step'}"
            for need in step.depends_on
            if need == step.id or need not in ids
        ]
    return found or _cycles(plan)


def _cycles(plan: Plan) -> list[str]:
    try:
        TopologicalSorter({step.id: step.depends_on for step in plan.steps}).prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        return [f"step {error.args[1][0]}: depends on itself in a circle: {circle}"]
    return []


def _ancestors(plan: Plan) -> dict[str, set[str]]:
    """Returns for each step all that is certain to be finished before it; `plan` has no cycle."""
    needs = {step.id: step.depends_on for step in plan.steps}
    found: dict[str, set[str]] = {}
    for name in TopologicalSorter(needs).static_order():
        found[name] = set(needs[name]).union(*(found[need] for need in needs[name]))
    return found


def _step_problems(
    step: Step, plan: Plan, ancestors: Mapping[str, set[str]], project: UUID
) -> list[str]:
    if step.type != StepType.TOOL:
        return [f"a step of type {step.type} has no tool"] if step.tool else []
    tool = registry.get(step.tool)
    if tool is None:
        known = ", ".join(sorted(tool.name for tool in registry.every()))
        return [f"there is no tool {step.tool!r}; there are: {known}"]
    found = tool.check(step.arguments)
    for place, holder in placeholders(step.arguments):
        where = ".".join(map(str, place)) or "arguments"
        found += [f"{where}: {text}" for text in _holder_problems(holder, step, plan, ancestors)]
    return found or missing_objects(project, tool, step.arguments)


def _holder_problems(
    holder: Any, step: Step, plan: Plan, ancestors: Mapping[str, set[str]]
) -> list[str]:
    source = next((other for other in plan.steps if other.id == holder.step), None)
    if source is None:
        return [f"takes from {holder.step}, which is not a step"]
    if ancestors and source.id not in ancestors[step.id]:
        return [f"takes from {holder.step}, which must stand in depends_on"]
    tool = registry.get(source.tool)
    if source.type != StepType.TOOL or tool is None:
        return [f"takes from {holder.step}, which calls no tool and returns nothing"]
    schema = tool.spec.result
    if not _leads_somewhere(schema, holder.path.split("."), schema.get("$defs", {})):
        return [f"{tool.name} returns no {holder.path!r}"]
    return []


def _leads_somewhere(schema: Mapping[str, Any], path: list[str], named: Mapping[str, Any]) -> bool:
    """Follows `path` through a JSON Schema: names through properties, numbers through items."""
    if "$ref" in schema:
        schema = named[schema["$ref"].rsplit("/", 1)[1]]
    if not path:
        return True
    first, rest = path[0], path[1:]
    if first in schema.get("properties", {}):
        return _leads_somewhere(schema["properties"][first], rest, named)
    if first.isdigit() and isinstance(schema.get("items"), Mapping):
        return _leads_somewhere(schema["items"], rest, named)
    return False


def destructive_steps(steps: Iterable[Step]) -> list[Step]:
    """Returns the steps that delete something."""
    found = []
    for step in steps:
        tool = registry.get(step.tool)
        if tool is not None and tool.destructive:
            found.append(step)
    return found
