"""A goal becomes a plan that says what it assumes and asks what it leaves open."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.exceptions import PlanInvalid
from agent.llm.base import Outcome
from agent.models import ChatSession, Project, Run, Task
from agent.plan import Assumption, OpenQuestion
from agent.plans import open_points, parser
from agent.runs import approvals
from agent.runs.runs import MessageRequest
from agent.support.markdown import render
from agent.testing import ScriptedModel
from chat import fold
from tests.support.scripted_runs import create, log_of, outcome, plan, process, use

in_process = pytest.mark.django_db(transaction=True)

CARDS = {"text": "Patients pay by card.", "steps": ["s2"]}
PROVIDER = {"question": "Which payment provider?", "choices": ["Stripe", "PayPal"]}
RELEASE: dict[str, Any] = {
    **plan(
        create("s1", "Booking"),
        use("s2", "create_tasks", tasks=[{"title": "Payment", "description": "Pay online."}]),
    ),
    "assumptions": [CARDS, "There is one clinic."],
    "questions": [PROVIDER, "When is it due?"],
}


@in_process
async def test_a_goal_is_planned_and_what_is_open_ends_the_answer(
    project: Project, session: ChatSession
) -> None:
    model = ScriptedModel(plans=[RELEASE], answers=[["Planned two tasks."]])
    result = await process(model, project, session, "Plan the first release")
    assert result.answer == (
        "Planned two tasks.\n\n"
        "- Which payment provider? · [Stripe](#say) · [PayPal](#say)\n"
        "- When is it due?"
    )
    assert 'href="#say"' in render(result.answer, "a")
    (told,) = [argument for verb, argument in model.asked if verb == "answer"]
    assert isinstance(told, Outcome)
    assert told.assumptions == ("Patients pay by card.", "There is one clinic.")
    assert told.questions == ("Which payment provider?", "When is it due?")


@in_process
async def test_the_tasks_state_the_assumptions_that_they_rest_on(
    project: Project, session: ChatSession
) -> None:
    await process(ScriptedModel(plans=[RELEASE]), project, session)
    booking, payment = [task.description async for task in Task.objects.order_by("position")]
    assert booking == "Assumed: There is one clinic."
    assert payment == (
        "Pay online.\n\nAssumed: Patients pay by card.\nAssumed: There is one clinic."
    )


@in_process
async def test_a_page_shows_what_the_plan_assumes_and_leaves_open(
    project: Project, session: ChatSession
) -> None:
    await process(ScriptedModel(plans=[RELEASE]), project, session)
    (frame,) = [frame["plan"] for frame in await log_of(session) if frame["type"] == "plan"]
    assert frame["assumptions"][0] == CARDS
    assert frame["questions"][0] == PROVIDER
    (shown,) = (await sync_to_async(fold.load)(session.pk)).exchanges
    assert shown.open_points == [
        "Assumes: Patients pay by card.",
        "Assumes: There is one clinic.",
        "Open: Which payment provider?",
        "Open: When is it due?",
    ]


@in_process
async def test_an_edited_plan_keeps_what_is_open(
    project: Project, session: ChatSession, alice: User
) -> None:
    run = await outcome(
        session, alice, MessageRequest("Plan it", approval="required"), *RELEASE["steps"]
    )
    await change_open(run)
    await approvals.edit(session.pk, run.pk, 1, alice, [create("s1", "Booking")])
    frames = [frame["plan"] for frame in await log_of(session) if frame["type"] == "plan"]
    assert [frame["questions"] for frame in frames] == [[], [PROVIDER]]


@sync_to_async
def change_open(run: Run) -> None:
    run.plans.update(questions=[PROVIDER])


# -- reading ---------------------------------------------------------------------------------------


@in_process
async def test_a_plan_that_only_asks_ends_with_its_questions(
    project: Project, session: ChatSession
) -> None:
    asking = {**plan(), "questions": [PROVIDER]}
    model = ScriptedModel(plans=[asking], answers=[["One thing is open."]])
    result = await process(model, project, session, "Plan the payment")
    assert result.answer.startswith("One thing is open.\n\n- Which payment provider? · [Stripe]")
    assert [verb for verb, _ in model.asked].count("plan") == 1
    with pytest.raises(PlanInvalid, match="at least one step"):
        parser.parse(asking, shortens=False)  # a person's edit


def test_what_a_model_writes_amiss_costs_nothing_else() -> None:
    raw = plan(create("s1", "Login"))
    odd: list[Any] = [None, 7, {"text": 7}, {"text": " "}, {"text": "A\nb", "steps": "s1"}, "A b"]
    asked: list[Any] = [{"question": "Which?", "choices": [1, "", "x" * 200]}, {"choices": ["a"]}]
    made = parser.parse({**raw, "assumptions": odd, "questions": asked})
    assert [one.text for one in made.assumptions] == ["A b"]
    (question,) = made.questions
    assert question.question == "Which?"
    assert [len(choice) for choice in question.choices] == [1, 100]
    assert parser.parse({**raw, "assumptions": None, "questions": "Why?"}).questions == ()


def test_a_plan_without_open_points_is_written_as_before() -> None:
    raw = plan(create("s1", "Login"))
    assert parser.parse(raw).as_json() == raw
    made = parser.parse({**raw, "assumptions": ["A"], "questions": ["B?"]})
    assert made.assumptions == (Assumption("A"),)
    assert made.questions == (OpenQuestion("B?"),)
    assert parser.parse(made.as_json()) == made


def test_finished_steps_and_stated_assumptions_are_left_alone() -> None:
    made = parser.parse({**plan(create("s1", "A"), create("s2", "B")), "assumptions": ["Known."]})
    once = open_points.written(made, ["s1"])
    descriptions = [step.arguments.get("description") for step in once.steps]
    assert descriptions == [None, "Assumed: Known."]
    assert open_points.written(once, ["s1"]) == once
