"""A text that the model did not see whole is never replaced; its parts can be changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from agent.agent import PlanningFirstAgent
from agent.models import ChatSession, Memory, PhaseResult, Project, Task
from agent.plan import Plan, Step, StepType
from agent.plans import validation
from agent.plans.rewriting import seen_texts
from agent.testing import ScriptedModel
from tests.support.model_server import ModelServer, Request, by_schema
from tests.support.model_talk import connected
from tests.support.scripted_runs import plan, process, use

pytestmark = pytest.mark.django_db(transaction=True)

SCENARIOS = "\n\n".join(
    f"Scenario: payment {n}\n  Given a patient with invoice {n}\n  When the patient pays by card\n"
    f"  Then invoice {n} is closed and a receipt is sent"
    for n in range(1, 8)
)
ANALYSIS = {"intent": "command", "summary": "Asks", "needs_tools": True, "question": ""}
INVENTED = "Scenario: payment 1\n  Given anything\n  Then the model wrote this"


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with connected(settings, monkeypatch) as server:
        yield server


def careless(request: Request) -> dict[str, Any]:
    """Replaces the whole description, of which the prompt has the beginning; obeys a refusal."""
    if '<data name="reasons">' not in request.text:
        return plan(use("s1", "update_task", task="Take payments", description=INVENTED))
    edits = [{"how": "replace", "find": "payment 7\n", "text": "payment by cash\n"}]
    return plan(use("s1", "update_task", task="Take payments", edits=edits))


async def test_a_small_change_keeps_the_scenarios_that_the_model_was_not_shown(
    server: ModelServer, project: Project
) -> None:
    task = await Task.objects.acreate(project=project, title="Take payments", description=SCENARIOS)
    server.handler = by_schema(analysis=ANALYSIS, plan=careless, memory={"notes": []})
    result = await PlanningFirstAgent().process_user_message(
        "In “Take payments”, the seventh scenario is about cash", project.pk
    )
    assert [step["status"] for step in result.steps] == ["succeeded"]
    await task.arefresh_from_db()
    assert task.description == SCENARIOS.replace("payment 7\n", "payment by cash\n")
    first, second = (request for request in server.requests if request.asked == "plan")
    assert f"[cut: 500 of {len(SCENARIOS):,} characters]" in first.text
    assert "“Take payments”, of which the model has not read all" in second.text


async def test_a_text_that_was_shown_whole_may_be_replaced(
    server: ModelServer, project: Project
) -> None:
    task = await Task.objects.acreate(
        project=project, title="Take payments", description="By card."
    )
    server.handler = by_schema(analysis=ANALYSIS, plan=careless, memory={"notes": []})
    await PlanningFirstAgent().process_user_message("Describe it anew", project.pk)
    await task.arefresh_from_db()
    assert task.description == INVENTED


async def test_what_a_resumed_run_may_replace_is_what_the_prompt_of_its_plan_had(
    project: Project, session: ChatSession
) -> None:
    task = await Task.objects.acreate(project=project, title="Pay", description="By card.")
    step = use("s1", "update_task", task="Pay", description="Anew.")
    result = await process(ScriptedModel(plans=[plan(step)]), project, session)
    row = await PhaseResult.objects.aget(run=result.run, phase="planning")
    assert set(row.result["seen"]) >= set(
        seen_texts({"id": f"#{task.number}", "description": "By card."})
    )


# -- which texts a plan may replace ------------------------------------------------------------------


def errors(project: Project, user: User, seen: list[str] | None, *steps: dict[str, Any]) -> str:
    made = Plan(
        "",
        tuple(
            Step(
                one["id"],
                StepType.TOOL,
                "",
                one["tool"],
                one["arguments"],
                tuple(one["depends_on"]),
            )
            for one in steps
        ),
    )
    return "; ".join(validation.problems(made, project, user, seen=seen))


def test_only_the_text_as_it_is_now_counts_as_seen(project: Project, alice: User) -> None:
    task = Task.objects.create(project=project, title="Pay", description="By card.")
    memory = Memory.objects.create(project=project, title="Tests", content="Always.", kind="fact")
    pay = use("s1", "update_task", task=str(task.pk), description="New")
    recall = use("s2", "update_memory", memory="Tests", content="New")
    bulk = use("s3", "edit_tasks", tasks=[{"task": "Pay", "description": "New"}])
    for step, key, name, text in (
        (pay, task.pk, "description", "By card."),
        (bulk, task.pk, "description", "By card."),
        (recall, memory.pk, "content", "Always."),
    ):
        assert "has not read all" in errors(project, alice, [], step)
        earlier = seen_texts({"id": str(key), name: text[:3]})
        assert "has not read all" in errors(project, alice, earlier, step)
        assert errors(project, alice, seen_texts([{"id": str(key), name: text}]), step) == ""
        assert errors(project, alice, None, step) == ""  # a person's plan


def test_acceptance_criteria_that_were_not_shown_are_not_replaced(
    project: Project, alice: User
) -> None:
    criteria = [{"id": "c1", "text": "Paid", "done": True}, {"id": "c2", "text": "Sent"}]
    task = Task.objects.create(project=project, title="Pay", criteria=criteria)
    Task.objects.create(project=project, title="Without")
    shown = {"id": f"#{task.number}", "criteria": ({"text": "Paid"}, {"text": "Sent"})}
    read = {"tasks": [{"task_id": str(task.pk), "criteria": [{"text": "Paid"}, {"text": "Sent"}]}]}
    for new in (["Mailed"], []):
        step = use("s1", "update_task", task="Pay", criteria=new)
        part = seen_texts({**shown, "criteria": [{"text": "Paid"}]})
        assert "the acceptance criteria of “Pay”" in errors(project, alice, [], step)
        assert "the acceptance criteria of “Pay”" in errors(project, alice, part, step)
        for seen in (seen_texts(shown), seen_texts(read), None):
            assert errors(project, alice, seen, step) == ""
    step = use("s1", "update_task", task="Without", criteria=["New"])
    assert errors(project, alice, [], step) == ""


def test_labels_and_dependencies_that_were_not_shown_are_not_replaced(
    project: Project, alice: User
) -> None:
    first = Task.objects.create(project=project, title="First", number=1)
    second = Task.objects.create(project=project, title="Second", number=2)
    task = Task.objects.create(project=project, title="Pay", number=3, labels=["ui", "api"])
    task.depends_on.set([first, second])
    links = [{"task_id": str(one.pk), "number": f"#{one.number}"} for one in (second, first)]
    shown = {"id": "#3", "labels": ("ui", "api"), "depends_on": ("#1", "#2")}
    read = {"task_id": str(task.pk), "labels": ["ui", "api"], "depends_on": links}
    earlier = {"id": "#3", "labels": ("ui",), "depends_on": ("#1",)}
    for name, words, new in (
        ("labels", "labels", ["later"]),
        ("labels", "labels", []),
        ("depends_on", "dependencies", ["#1"]),
        ("depends_on", "dependencies", []),
    ):
        step = use("s1", "update_task", task="Pay", **{name: new})
        for unseen in ([], seen_texts(earlier)):
            assert f"replaces the {words} of “Pay”" in errors(project, alice, unseen, step)
        for seen in (seen_texts(shown), seen_texts({"tasks": [read]}), None):
            assert errors(project, alice, seen, step) == ""
        step = use("s1", "update_task", task="First", **{name: ["later"][: name == "labels"]})
        assert errors(project, alice, [], step) == ""


def test_a_memory_of_the_same_title_is_not_replaced_unseen(project: Project, alice: User) -> None:
    memory = Memory.objects.create(
        project=project, title="Database", content="PostgreSQL 15.", kind="decision"
    )

    def remember(**other: Any) -> dict[str, Any]:
        said = {"title": "database", "content": "SQLite.", "kind": "decision"} | other
        return use("s1", "create_memory", **said)

    seen = seen_texts({"id": str(memory.pk), "content": "PostgreSQL 15."})
    assert "“Database”" in errors(project, alice, [], remember())
    assert errors(project, alice, seen, remember()) == ""
    assert errors(project, alice, None, remember()) == ""  # a person's plan
    for other in ({"kind": "fact"}, {"title": "Storage"}, {"content": "PostgreSQL 15"}):
        assert errors(project, alice, [], remember(**other)) == ""


def test_an_empty_text_and_the_text_of_a_new_task_may_be_replaced(
    project: Project, alice: User
) -> None:
    Task.objects.create(project=project, title="Empty")
    Task.objects.create(project=project, title="Full", description="Words")
    assert errors(project, alice, [], use("s1", "update_task", task="Empty", description="x")) == ""
    key = {"$from": "s1", "path": "task_id"}
    change = use("s2", "update_task", "s1", task=key, description="x")
    assert errors(project, alice, [], use("s1", "create_task", title="New"), change) == ""
    found = {"$from": "s1", "path": "tasks.0.task_id"}
    change = use("s2", "update_task", "s1", task=found, description="x")
    assert "unread" in errors(project, alice, [], use("s1", "search_tasks", query="Full"), change)
    touched = use("s1", "change_task_status", task="Full", status="blocked")
    change = use("s2", "update_task", "s1", task=key, description="x")
    assert "unread" in errors(project, alice, [], touched, change)
    text = {"$from": "s1", "path": "title"}
    change = use("s2", "update_task", "s1", task="Full", description=text)
    assert "has not read all" in errors(project, alice, [], touched, change)


def test_edits_that_do_not_fit_are_told_before_anything_runs(project: Project, alice: User) -> None:
    Task.objects.create(project=project, title="Pay", description="By card.")
    edits = [{"how": "replace", "find": "By cash", "text": "x"}]
    wrong = use("s1", "update_task", task="Pay", edits=edits)
    assert errors(project, alice, [], wrong).endswith("edits: The text does not contain “By cash”.")
    # Another step may write what this one looks for.
    before = use("s0", "update_task", task="Pay", edits=[{"how": "append", "text": "By cash"}])
    assert errors(project, alice, [], before, {**wrong, "depends_on": ["s0"]}) == ""
