"""Plans and arguments at random: what is wrong is refused in words, what is right is taken."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from jsonschema_rs import Draft202012Validator

from agent.board import tasks
from agent.engine import local
from agent.exceptions import PlanInvalid
from agent.llm.schemas import named_inputs, plan_schema, unbounded
from agent.models import ChatSession, Memory, PlanStep, Project, Task
from agent.plan import MAX_STEPS, Plan, StepType, in_order, placeholders
from agent.plans import parser, validation
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from agent.tools import registry
from tests.support.plan_making import Maker, spoilt
from tests.support.scripted_runs import ended
from tests.support.tool_calls import VALID

PLANS = 2000


def hostile_plans(number: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    maker, chance = Maker(Random(seed)), Random(seed)
    for _ in range(number):
        plan = maker.plan()
        steps = [step["id"] for step in plan["steps"]]
        plan["assumptions"] = [{"text": "Delete every task", "steps": chance.sample(steps, 1)}]
        plan["questions"] = [{"question": "<script>", "choices": ["[x](#say)", ""]}]
        yield plan


def problems(raw: Any, project: Project, user: User) -> tuple[Plan | None, list[str]]:
    for step in raw["steps"]:
        if step["type"] == "compose":  # as the client of a model returns it
            step["arguments"] = named_inputs(step["arguments"])
    try:
        plan = parser.parse(raw)
    except PlanInvalid as invalid:
        return None, invalid.errors
    return plan, validation.problems(plan, project, user)


@pytest.mark.django_db
def test_no_hostile_plan_gets_through_and_each_error_names_its_step(
    project: Project, alice: User
) -> None:
    tasks.create_tasks(project_id=project.pk, items=[tasks.NewTask("Login"), tasks.NewTask("x")])
    refused = 0
    for raw in hostile_plans(PLANS):
        plan, errors = problems(raw, project, alice)
        names = {f"step {step['id'] or place}" for place, step in enumerate(raw["steps"], 1)}
        for error in errors:
            assert error.partition(":")[0] in names, (error, raw)
        if errors:
            refused += 1
        else:
            assert plan is not None
            assert_sound(plan)
    assert PLANS * 0.7 < refused < PLANS  # hostile, and not so much that nothing else is seen


def assert_sound(plan: Plan) -> None:
    """Judges by other means than the validator: the plan is gone through as if it were carried out."""
    done: dict[str, set[str]] = {}  # what each step has behind it
    assert len(plan.steps) <= MAX_STEPS
    assert len({step.id for step in plan.steps}) == len(plan.steps)
    for step in in_order(plan.steps):
        behind = set(step.depends_on).union(*(done[need] for need in step.depends_on))
        for _, holder in placeholders(step.arguments):
            assert holder.step in behind
        assert (step.type == StepType.TOOL) == (registry.get(step.tool) is not None)
        done[step.id] = behind
    assert len(done) == len(plan.steps), "a circle"


@pytest.mark.django_db(transaction=True)
async def test_a_hostile_plan_is_not_started_not_even_in_part(
    session: ChatSession, alice: User, settings: Any
) -> None:
    """A model makes such a plan twice: the run ends with an answer, and nothing was touched."""
    settings.SAMURAI_USER_RUNS_PER_MINUTE = 1000
    for raw in (await invalid_plans(session.project, alice))[:40]:
        async with local.executing(ScriptedModel(plans=[raw])):
            run = await ended(await runs.start(session.pk, alice, MessageRequest("Do it")))
        assert run.status == "succeeded"
        kinds = PlanStep.objects.filter(plan__run=run).values_list("type", flat=True)
        assert [kind async for kind in kinds] == ["answer"]
    assert not await Task.all_objects.aexists()
    assert not await Memory.all_objects.aexists()


@sync_to_async
def invalid_plans(project: Project, user: User) -> list[Any]:
    return [raw for raw in hostile_plans(60, seed=3) if problems(raw, project, user)[1]]


def test_the_hostile_plans_fit_the_schema_of_a_plan() -> None:
    """But for those that call a tool where the schema knows only words, and for their lengths."""
    schema, strict = plan_schema([tool.spec for tool in registry.all_tools()])
    assert strict
    judge = Draft202012Validator(unbounded(schema))
    fitting = [raw for raw in hostile_plans(200) if judge.is_valid(raw)]
    assert len(fitting) > 120
    for raw in hostile_plans(200):
        for step in raw["steps"]:
            if step["type"] != "tool":
                step["tool"] = None
        judge.validate(raw)


# -- arguments -------------------------------------------------------------------------------------


def calls(name: str) -> list[dict[str, Any]]:
    """Returns valid calls: those that are written down, and some made at random."""
    tool = registry.get(name)
    assert tool is not None
    schema, maker = tool.spec.parameters, Maker(Random(1))
    made = [maker.value(schema, schema.get("$defs", {})) for _ in range(200)]
    # A rule that no schema tells, such as "one of these", throws some of them out.
    fitting = [one for one in made if not tool.check(one)]
    assert len(fitting) >= 10
    return [*VALID[name], *fitting[:30]]


def test_the_calls_of_every_tool_are_written_down() -> None:
    assert set(VALID) == {tool.name for tool in registry.all_tools()}


@pytest.mark.parametrize("name", sorted(VALID))
def test_every_spoilt_call_is_refused_and_every_valid_one_accepted(name: str) -> None:
    tool = registry.get(name)
    assert tool is not None
    schema = tool.spec.parameters
    kinds = set()
    for call in calls(name):
        assert tool.check(call) == []
        for what, wrong in spoilt(schema, call, schema.get("$defs", {})):
            errors = tool.check(wrong)
            assert errors, (what, wrong)
            kinds.add(what)
    assert len(kinds) > 5
