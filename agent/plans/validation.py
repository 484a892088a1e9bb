"""Checks whether a plan can be executed. Asks no model and changes nothing.

All problems are reported at once, with enough detail for a model, or a person who edits the plan, to
fix them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING
from uuid import UUID

from agent.accounts.access import includes, role_in
from agent.models import Project
from agent.models.projects import Role
from agent.plan import (
    WORK,
    ArgumentPath,
    Placeholder,
    Plan,
    Step,
    StepType,
    broken_placeholders,
    path_text,
    placeholders,
)
from agent.plans import composition
from agent.plans.composition import MAX_COMPOSITIONS, schema_of_result
from agent.plans.rewriting import Rewriting
from agent.tools import references, registry, schemas, switches
from agent.tools.registry import Tool

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def problems(
    plan: Plan,
    project: Project,
    user: User | None,
    done: Collection[str] = (),
    seen: Collection[str] | None = None,
) -> list[str]:
    """Returns the reasons why `plan` cannot be executed for `user`; empty if it can.

    Reads the user's role and the objects that the plan names from the database. Steps in `done` were
    checked before they were executed. `seen`: as in `rewriting.Rewriting`.
    """
    problems = _structure(plan) + _permissions(plan, project, user)
    ancestors, rewriting = _ancestors(plan), Rewriting(plan, project, seen, done)
    off = _switched_off(plan, project)
    for step in (step for step in plan.steps if step.id not in done):
        texts = [switches.refusal(step.tool)] if step.tool in off else []
        texts = texts or _step_problems(step, plan, ancestors, project.pk)
        if not texts and step.type == StepType.TOOL:
            texts = rewriting.problems(step)
        problems += [f"step {step.id}: {text}" for text in texts]
    return problems


def _switched_off(plan: Plan, project: Project) -> Collection[str]:
    uses_tools = any(step.type == StepType.TOOL for step in plan.steps)
    return switches.switched_off(project.pk) if uses_tools else ()


def resolved(plan: Plan, project: Project, done: Collection[str] = ()) -> Plan:
    """Returns the valid `plan` with what its arguments mean, as `references.resolved` finds it: the ids
    of tasks, dates, members. Steps in `done` stay.

    In a plan that composes, titles become ids too: a composed title must not make another object of it.
    """
    composes = any(step.type == StepType.COMPOSE for step in plan.steps)
    steps = (step if step.id in done else _resolved(step, project, composes) for step in plan.steps)
    return replace(plan, steps=tuple(steps))


def _resolved(step: Step, project: Project, with_titles: bool) -> Step:
    tool = registry.get(step.tool)
    if tool is None:
        return step
    meant = references.resolved(project.pk, tool, step.arguments, with_titles=with_titles)
    return replace(step, arguments=meant)


def _permissions(plan: Plan, project: Project, user: User | None) -> list[str]:
    if user is not None and includes(role_in(user, project), Role.EDITOR):
        return []
    return [
        f"step {step.id}: the user has no permission to change this project"
        for step in plan.steps
        if step.type in WORK
    ]


def _structure(plan: Plan) -> list[str]:
    kinds = {step.id: step.type for step in plan.steps}
    counter = Counter(step.id for step in plan.steps)
    problems = [
        f"step {name}: this id is used more than once"
        for name, number in counter.items()
        if number > 1
    ]
    for step in plan.steps:
        problems += [
            f"step {step.id}: depends on {dependency}, {problem}"
            for dependency in step.depends_on
            if (problem := _dependency_problem(step, dependency, kinds))
        ]
        if step.type == StepType.ASK and len(plan.steps) > 1:
            problems.append(f"step {step.id}: a step of type ask must be the only step")
    composing = [step.id for step in plan.steps if step.type == StepType.COMPOSE]
    if len(composing) > MAX_COMPOSITIONS:
        problems.append(
            f"step {composing[MAX_COMPOSITIONS]}: a plan may have at most {MAX_COMPOSITIONS} steps of "
            "type compose"
        )
    return problems or _cycles(plan)


def _dependency_problem(step: Step, dependency: str, kinds: Mapping[str, StepType]) -> str:
    if dependency == step.id:
        return "which is the step itself"
    if dependency not in kinds:
        return "which is not a step"
    if step.type in WORK and kinds[dependency] not in WORK:
        return "which is part of the answer, after all tools"
    return ""


def _cycles(plan: Plan) -> list[str]:
    try:
        TopologicalSorter({step.id: step.depends_on for step in plan.steps}).prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        return [f"step {error.args[1][0]}: its dependencies form a circle: {circle}"]
    return []


def _ancestors(plan: Plan) -> dict[str, set[str]]:
    """Returns for each step its direct and indirect dependencies."""
    direct = {step.id: step.depends_on for step in plan.steps}
    ancestors: dict[str, set[str]] = {}
    for name in direct:
        pending, ancestors[name] = list(direct[name]), set()
        while pending:
            if (dependency := pending.pop()) not in ancestors[name]:
                ancestors[name].add(dependency)
                pending += direct.get(dependency, ())
    return ancestors


def _step_problems(
    step: Step, plan: Plan, ancestors: Mapping[str, set[str]], project: UUID
) -> list[str]:
    if step.type == StepType.COMPOSE:
        return _compose_problems(step, plan, ancestors)
    if step.type != StepType.TOOL:
        return _answer_problems(step)
    tool = registry.get(step.tool)
    if tool is None:
        names = ", ".join(sorted(tool.name for tool in registry.all_tools()))
        problem = f"there is no tool {step.tool!r}" if step.tool else "tool is missing"
        return [f"{problem}; use one of: {names}"]
    problems = tool.check(step.arguments) + _malformed(step)
    for path, placeholder in placeholders(step.arguments):
        problem = _source_problem(placeholder, step, plan, ancestors) or _type_problem(
            placeholder, path, tool, plan
        )
        problems += [f"{path_text(path)}: {problem}"] if problem else []
    return problems + references.missing_objects(project, tool, step.arguments)


def _compose_problems(step: Step, plan: Plan, ancestors: Mapping[str, set[str]]) -> list[str]:
    problems = ["a step of type compose must have no tool"] if step.tool else []
    problems += composition.problems(step.arguments) + _malformed(step)
    for path, placeholder in placeholders(step.arguments):
        problem = _source_problem(placeholder, step, plan, ancestors)
        if len(path) < 2 or path[0] != "inputs":
            problem = "only an input may be a part of an earlier result"
        problems += [f"{path_text(path)}: {problem}"] if problem else []
    return problems


def _answer_problems(step: Step) -> list[str]:
    problems = []
    if step.tool:
        problems.append(f"a step of type {step.type} must have no tool")
    if step.arguments:
        problems.append(f"a step of type {step.type} must have no arguments")
    return problems


def _malformed(step: Step) -> list[str]:
    form = '{"$from": "the id of a step", "path": "a field of its result"}'
    return [
        f"{path_text(path)}: a placeholder must be exactly {form}"
        for path in broken_placeholders(step.arguments)
    ]


def _source_problem(
    placeholder: Placeholder, step: Step, plan: Plan, ancestors: Mapping[str, set[str]]
) -> str:
    source = _source(placeholder, plan)
    if source is None:
        return f"refers to {placeholder.step}, which is not a step"
    if source.id == step.id:
        return "refers to the step itself"
    if source.id not in ancestors[step.id]:
        return f"refers to {placeholder.step}, which must be in depends_on"
    result = schema_of_result(source)
    if not result:
        return f"refers to {placeholder.step}, which has no result"
    if not schemas.at(result, placeholder.path.split(".")):
        return f"{source.tool or placeholder.step} returns no {placeholder.path!r}"
    return ""


def _type_problem(placeholder: Placeholder, path: ArgumentPath, tool: Tool, plan: Plan) -> str:
    """Returns why the referenced result does not fit the argument, as far as the schemas tell."""
    source = _source(placeholder, plan)
    if not path:
        return "a step has to name its arguments; each of them may be a part of an earlier result"
    expected = schemas.at(tool.spec.parameters, path)
    if source is None or not expected:
        return ""
    actual = schemas.at(schema_of_result(source), placeholder.path.split("."))
    if schemas.compatible(actual, expected):
        return ""
    return (
        f"expected {schemas.phrase(expected)}, but {placeholder.path!r} of {placeholder.step} is "
        f"{schemas.phrase(actual)}"
    )


def _source(placeholder: Placeholder, plan: Plan) -> Step | None:
    return next((step for step in plan.steps if step.id == placeholder.step), None)


def destructive_steps(steps: Iterable[Step]) -> list[Step]:
    """Returns the steps whose tools delete something."""
    return [
        step for step in steps if (tool := registry.get(step.tool)) is not None and tool.destructive
    ]
