"""Plans that compose, at random: none is started that an independent judge finds unsound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

import pytest
from django.contrib.auth.models import User
from jsonschema_rs import Draft202012Validator

from agent.board import tasks
from agent.exceptions import PlanInvalid
from agent.llm.schemas import named_inputs, unbounded
from agent.models import ChatSession, PlanStep, Project, Task
from agent.plan import MAX_STEPS, Plan, Step, follow, in_order, placeholders
from agent.plans import parser, validation
from agent.plans.composition import MAX_COMPOSITIONS
from agent.testing import ScriptedModel
from agent.tools import registry
from tests.support.composed_plans import ComposingMaker, listed, schema_of_plan
from tests.support.plan_making import Maker
from tests.support.scripted_runs import compose, make_tasks, plan
from tests.support.untrusted_runs import begun

PLANS = 2_000
SAMPLES = 40  # of a result, so that each of its branches is among them


def found(raw: dict[str, Any], project: Project, user: User) -> tuple[Plan | None, list[str]]:
    try:
        parsed = parser.parse(raw)
    except PlanInvalid as invalid:
        return None, invalid.errors
    return parsed, validation.problems(parsed, project, user)


@pytest.mark.django_db
def test_of_two_thousand_plans_that_compose_no_unsound_one_is_accepted(
    project: Project, alice: User
) -> None:
    tasks.create_tasks(project_id=project.pk, items=[tasks.NewTask("Login")])
    maker, accepted = ComposingMaker(5), 0
    for _ in range(PLANS):
        raw = maker.plan()
        parsed, errors = found(raw, project, alice)
        names = {f"step {step['id']}" for step in raw["steps"]}
        for error in errors:
            assert error.partition(":")[0] in names, (error, raw)
        if not errors:
            assert parsed is not None
            assert_sound(parsed)
            accepted += 1
    assert (
        PLANS * 0.15 < accepted < PLANS * 0.6
    )  # hostile, and not so much that nothing else is seen


@pytest.mark.django_db
def test_every_plan_that_nothing_is_wrong_with_is_accepted(project: Project, alice: User) -> None:
    tasks.create_tasks(project_id=project.pk, items=[tasks.NewTask("Login")])
    maker = ComposingMaker(6)
    for _ in range(300):
        parsed, errors = found({"summary": "", "steps": maker.sound()}, project, alice)
        assert errors == []
        assert parsed is not None
        assert_sound(parsed)


def assert_sound(parsed: Plan) -> None:
    """Goes through the plan as if it were carried out, with results made up by their schemas."""
    results: dict[str, Sequence[Any]] = {}
    behind: dict[str, set[str]] = {}
    assert len(parsed.steps) <= MAX_STEPS
    assert len({step.id for step in parsed.steps}) == len(parsed.steps)
    assert sum(step.type == "compose" for step in parsed.steps) <= MAX_COMPOSITIONS
    for step in in_order(parsed.steps):
        behind[step.id] = set(step.depends_on).union(*(behind[need] for need in step.depends_on))
        for path, holder in placeholders(step.arguments):
            assert path, "the arguments as a whole"
            assert holder.step in behind[step.id]
            assert any(_has(sample, holder.path) for sample in results[holder.step])
        results[step.id] = _results_of(step)
    assert len(behind) == len(parsed.steps), "a circle"


def _has(sample: Any, path: str) -> bool:
    try:
        follow(sample, path)
    except LookupError:
        return False
    return True


def _results_of(step: Step) -> Sequence[Any]:
    """Returns what the step may return; nothing for words."""
    if step.type == "compose":
        assert not step.tool
        assert_composition(step.arguments)
        return _composed(step.id, step.arguments["returns"])
    if step.type == "tool":
        return _returned(step.id, step.tool)
    assert not step.arguments
    return ()


@cache  # many plans have the same step
def _composed(step: str, returns: str) -> Sequence[Any]:
    maker, schema = Maker(Random(step)), _schema_of_value(returns)
    return [{"value": maker.value(schema, schema.get("$defs", {}))} for _ in range(SAMPLES)]


@cache
def _returned(step: str, name: str) -> Sequence[Any]:
    maker, tool = Maker(Random(step)), registry.get(name)
    assert tool is not None
    schema = tool.spec.result
    full = {**schema, "required": list(schema.get("properties", {}))}
    return [maker.value(full, schema.get("$defs", {})) for _ in range(SAMPLES)]


def assert_composition(arguments: Mapping[str, Any]) -> None:
    """Reads the arguments of a composition by other means than the validation."""
    assert set(arguments) == {"instruction", "inputs", "returns"}
    assert isinstance(arguments["instruction"], str)
    assert 0 < len(arguments["instruction"].strip()) <= 2_000
    assert 1 <= len(arguments["inputs"]) <= 10
    for name in arguments["inputs"]:
        assert name.isascii()
        assert name[0].isalpha()
        assert not set(name) & set('<>"\n')


def _schema_of_value(returns: str) -> dict[str, Any]:
    if returns == "text":
        return {"type": "string"}
    name, _, argument = returns.partition(".")
    tool = registry.get(name)
    assert tool is not None
    schema: dict[str, Any] = tool.spec.parameters["properties"][argument]
    return {**schema, "$defs": tool.spec.parameters.get("$defs", {})}


def test_the_plans_fit_the_schema_of_a_plan() -> None:
    """As a model writes them; but for the fields that a strict schema does not allow."""
    judge, maker = Draft202012Validator(unbounded(schema_of_plan())), ComposingMaker(7)
    fitting = [judge.is_valid(listed(maker.plan())) for _ in range(200)]
    assert sum(fitting) > 100
    for _ in range(100):
        judge.validate(listed({"summary": "", "steps": maker.sound()}))


def test_inputs_that_a_model_wrote_as_a_list_are_taken_by_name() -> None:
    arguments = compose("s1", "text", page="x", note="y")["arguments"]
    (step,) = listed(plan(compose("s1", "text", page="x", note="y")))["steps"]
    assert named_inputs(step["arguments"]) == arguments
    assert named_inputs(arguments) == arguments
    double = {**arguments, "inputs": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]}
    assert named_inputs(double) == double


# -- a sample of them, carried out -----------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_an_unsound_plan_is_not_started_and_nothing_is_composed_for_it(
    session: ChatSession, alice: User, settings: Any
) -> None:
    settings.SAMURAI_USER_RUNS_PER_MINUTE = 1_000
    maker = ComposingMaker(8)
    for _ in range(30):
        steps = maker.sound()
        (*_, last) = (step for step in steps if any(placeholders(step["arguments"])))
        last["depends_on"] = []  # although it takes a value
        model = ScriptedModel(plans=[plan(*steps)], compositions=["x"])
        run = await begun(session, alice, model)
        assert run.status == "succeeded"
        kinds = PlanStep.objects.filter(plan__run=run).values_list("type", flat=True)
        assert {kind async for kind in kinds} <= {"answer"}
        assert "compose" not in [verb for verb, _ in model.asked]
    assert not await Task.all_objects.aexists()


@pytest.mark.django_db(transaction=True)
async def test_whatever_is_composed_a_plan_ends_or_asks_and_deletes_nothing_by_itself(
    session: ChatSession, alice: User, project: Project, settings: Any
) -> None:
    settings.SAMURAI_USER_RUNS_PER_MINUTE = 1_000
    await make_tasks(project, "Login", *"ABCDEFGH")
    maker, statuses = ComposingMaker(9), set()
    for number in range(40):
        steps = maker.sound()
        values = [_value_for(step, number) for step in steps if step["type"] == "compose"]
        model = ScriptedModel(plans=[plan(*steps)], compositions=values)
        run = await begun(session, alice, model, "Delete Login, and all others")
        assert run.status in ("succeeded", "waiting")
        statuses.add(run.status)
        if run.status == "waiting":
            await run.adelete()  # so that the session goes on
    assert statuses == {"succeeded", "waiting"}
    assert not await Task.all_objects.exclude(deleted_at=None).aexists()
    assert await Project.objects.acount() == 1
    assert await sync_names(project) >= {"A", "B", "C"}


async def sync_names(project: Project) -> set[str]:
    return {task.title async for task in Task.objects.filter(project=project)}


def _value_for(step: dict[str, Any], seed: int) -> Any:
    if step["arguments"]["returns"] == "text":
        return "Delete Login and every other task"
    if step["arguments"]["returns"].endswith(("delete_tasks.tasks", "change_tasks_status.tasks")):
        return ["Login", *"ABCDEFGH"]
    if step["arguments"]["returns"] == "delete_task.task":
        return "Login"
    schema = _schema_of_value(step["arguments"]["returns"])
    return Maker(Random(seed)).value(schema, schema["$defs"])
