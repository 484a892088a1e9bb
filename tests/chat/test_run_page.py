"""The page of a run: who may see what, what was estimated, recalled and changed, parts of a prompt."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.board import tasks
from agent.event_log import events
from agent.event_log.phases import Phase
from agent.llm.base import Context, TaskBrief
from agent.llm.fitting import Prompt, fit
from agent.llm.writing import pack
from agent.memory import memories
from agent.models import (
    Approval,
    ChatSession,
    Membership,
    PlanRevision,
    Project,
    Run,
    Task,
)
from chat.run_page import calls, estimates, rows
from tests.support.run_rows import BAND, RunRows, created, page

pytestmark = pytest.mark.django_db

SECRET = "The whole of the board"


@pytest.fixture
def made(session: ChatSession) -> RunRows:
    """A run of ten seconds: a plan of four with a call to the model, and one step of two, which failed."""
    usage = {"calls": 1, "input_tokens": 1200, "output_tokens": 34}
    made = RunRows(session, usage=usage, model="small-model")
    made.phase(Phase.PLANNING, 0, 4)
    made.plan(made.step("s1", "Create <b>it</b>", 7, 9, status="failed"))
    prompt = pack([{"role": "user", "content": SECRET}])
    made.call("plan", 0, 4, prompt=prompt, text="<script>alert(1)</script>", first_ms=1500)
    return made


@pytest.fixture
def run(made: RunRows) -> Run:
    return made.run


# -- calls to the model ----------------------------------------------------------------------------


def test_the_owner_reads_the_calls_and_nothing_in_them_is_markup(
    client: Client, alice: User, run: Run
) -> None:
    shown = page(client, alice, run)
    assert SECRET in shown
    assert "1200 tokens read, 34 written" in shown
    assert "first word after 1.5 s, took 4.0 s" in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    assert "Create &lt;b&gt;it" in shown


def test_a_call_and_its_run_cost_what_the_settings_say_or_an_unknown_amount(
    client: Client, alice: User, run: Run, settings: Any
) -> None:
    shown = page(client, alice, run)
    assert shown.count("cost unknown") == 2
    settings.SAMURAI_MODEL_PRICES = {"small-model": (Decimal(1000), Decimal(100_000))}
    shown = page(client, alice, run)
    assert shown.count("cost 4.60 USD") == 2


def test_the_calls_can_be_switched_off_for_everybody(
    client: Client, alice: User, run: Run, settings: Any
) -> None:
    settings.SAMURAI_SHOW_PROMPTS = False
    shown = page(client, alice, run)
    assert SECRET not in shown
    assert "What the model was sent is not shown" in shown
    assert "Making a plan" in shown


@pytest.mark.parametrize(
    ("kept", "used", "days", "text"),
    [
        (0, 0, 30, "This run has made no call to a model."),
        (0, 2, 30, "2 calls of this run are gone. Calls are deleted after 30 days."),
        (1, 2, 1, "1 call of this run is gone. Calls are deleted after 1 day."),
        (0, 2, 0, "2 calls of this run are gone. Calls are not kept: SAMURAI_KEEP_PROMPTS_DAYS"),
        (1, 1, 30, "Calls are deleted after 30 days."),
    ],
)
def test_calls_that_are_gone_are_said_to_be(
    client: Client,
    alice: User,
    run: Run,
    settings: Any,
    kept: int,
    used: int,
    days: int,
    text: str,
) -> None:
    settings.SAMURAI_KEEP_PROMPTS_DAYS = days
    if not kept:
        run.model_calls.all().delete()
    run.usage = {**run.usage, "calls": used}
    run.save(update_fields=["usage"])
    shown = page(client, alice, run)
    assert text in shown
    assert shown.count('class="call"') == kept


def test_a_prompt_that_can_not_be_read_breaks_nothing(
    client: Client, alice: User, run: Run
) -> None:
    run.model_calls.update(prompt=b"no prompt")
    assert "The prompt can&#x27;t be read." in page(client, alice, run).replace(
        "can't", "can&#x27;t"
    )


# -- who may see it --------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_other_members_see_the_timeline_without_the_calls(
    client: Client, bob: User, project: Project, run: Run, role: str
) -> None:
    Membership.objects.create(project=project, user=bob, role=role)
    shown = page(client, bob, run)
    assert "Making a plan" in shown
    assert SECRET not in shown
    assert "Only the owner of the project" in shown


def test_a_member_of_the_staff_reads_the_calls(
    client: Client, bob: User, project: Project, run: Run
) -> None:
    Membership.objects.create(project=project, user=bob, role="viewer")
    bob.is_staff = True
    bob.save()
    assert SECRET in page(client, bob, run)


def test_a_run_of_others_looks_like_none(client: Client, bob: User, run: Run) -> None:
    client.force_login(bob)
    theirs, none = client.get(f"/runs/{run.pk}/"), client.get(f"/runs/{uuid4()}/")
    assert (theirs.status_code, none.status_code) == (404, 404)
    assert theirs.content == none.content
    client.logout()
    assert client.get(f"/runs/{run.pk}/").status_code == 302


# -- estimates -------------------------------------------------------------------------------------


def compared(made: RunRows) -> list[tuple[str, str, str, str]]:
    found = estimates.of_run(rows.load(Run.objects.get(pk=made.run.pk)))
    return [(one.name, one.estimate, one.took, one.verdict) for one in found]


def test_each_estimate_stands_beside_what_it_took(
    session: ChatSession, client: Client, alice: User
) -> None:
    made = RunRows(session)
    made.phase(Phase.PLANNING, 0, 1.2, **BAND)
    made.phase(Phase.EXECUTION, 2, 8, **BAND)
    plan = made.plan(
        made.step("s1", "A", 2, 2.5, **BAND),
        made.step("s2", "B", 3, 5, **BAND),
        made.step("s3", "C", 5, 6),
        low_ms=1000,
        high_ms=6000,
    )
    PlanRevision.objects.filter(pk=plan.pk).update(created_at=made.at(2))
    approval = Approval.objects.create(
        run=made.run, plan=plan, status="approved", decided_at=made.at(5)
    )
    Approval.objects.filter(pk=approval.pk).update(requested_at=made.at(2))
    band = "900 ms to 1.5 s"
    whole = "From the plan to the end, without waiting for approval"
    assert compared(made) == [
        (whole, "1.0 s to 6.0 s", "5.0 s", "within the range"),
        ("Making a plan", band, "1.2 s", "within the range"),
        ("Running the plan", band, "6.0 s", "slower by 4.5 s"),
        ("1. A", band, "500 ms", "faster"),
        ("2. B", band, "2.0 s", "slower by 500 ms"),
        ("3. C", "", "1.0 s", ""),
    ]
    shown = page(client, alice, made.run)
    assert "slower by 4.5 s" in shown
    assert "1.0 s to 6.0 s" in shown


def test_without_estimates_none_are_shown(client: Client, alice: User, run: Run) -> None:
    assert "Nothing was estimated" in page(client, alice, run)


def test_a_run_that_works_has_no_verdict_yet(session: ChatSession) -> None:
    made = RunRows(session, ended=None, status="running")
    made.plan(made.step("s1", "A", 2, status="running", **BAND), **BAND)
    assert [(took.endswith("so far"), verdict) for _, _, took, verdict in compared(made)] == [
        (True, ""),
        (True, ""),
    ]


# -- what the context held -------------------------------------------------------------------------


def remember(project: Project, title: str) -> UUID:
    memory, _ = memories.remember(
        project_id=project.pk, title=title, content=f"About {title}.", kind="fact"
    )
    return memory.pk


def brief(key: UUID, title: str, **why: Any) -> dict[str, Any]:
    return {"id": str(key), "title": title, "content": "", "kind": "fact", **why}


def test_what_was_recalled_says_why_and_leads_to_it_as_long_as_it_is_there(
    session: ChatSession, project: Project, alice: User, client: Client
) -> None:
    earlier = RunRows(session)
    made = RunRows(session)
    stripe, latest, gone = (remember(project, title) for title in ("Stripe", "Colour", "Gone"))
    ((task, lost), _) = tasks.create_tasks(
        project_id=project.pk, items=[tasks.NewTask("Pay"), tasks.NewTask("Lost")]
    )
    why = {"score": 2.5, "words": ["stripe"], "beside": ["refund"]}
    context = {
        "memories": [
            brief(stripe, "Stripe", **why),
            brief(latest, "Colour", score=None, words=[], beside=[]),
            brief(gone, "Gone"),
        ],
        "recent_memories": [],
        "tasks": [{"id": f"#{one.number}", "title": one.title} for one in (task, lost)],
        "recent_tasks": [{"id": f"#{task.number}", "title": task.title}],
        "focus": None,
        "completed": [],
        "history": [
            {"role": "user", "content": "Plan <it>", "at": "", "number": earlier.run.number},
            {"role": "assistant", "content": "Done", "at": "", "number": 99},
            {"role": "user", "content": "From a program", "at": "", "number": None},
        ],
    }
    made.phase(Phase.CONTEXT, 0, 1, result=context)
    memories.forget(memory=memories.find_memory(project.pk, str(gone)))
    tasks.delete_task(task=Task.objects.get(pk=lost.pk))
    shown = page(client, alice, made.run)
    assert f'<a href="/memories/{stripe}/">Stripe</a>' in shown
    assert "Score 2.50: contains “stripe”; said beside it: “refund”" in shown
    assert "One of the latest memories; it does not match the message" in shown
    assert "The reason was not kept" in shown
    assert f"/memories/{gone}/" not in shown
    assert f'<a href="/tasks/{task.pk}/">#{task.number} Pay</a>' in shown
    assert "Changed in this session lately; Open, in the order of the board" in shown
    assert f"/tasks/{lost.pk}/" not in shown
    assert (
        f'<a href="/sessions/{session.pk}/#run-{earlier.run.pk}">Person: Plan &lt;it&gt;</a>'
        in shown
    )
    assert "Given by the caller" in shown
    assert shown.count("<em>no longer there</em>") == 3


def test_what_was_recalled_for_words_of_the_analysis_replaces_the_first(
    session: ChatSession, project: Project, alice: User, client: Client
) -> None:
    made = RunRows(session)
    first, second = remember(project, "First"), remember(project, "Second")
    made.phase(Phase.CONTEXT, 0, 1, result={"memories": [brief(first, "First")]})
    why = {"score": 1.0, "words": ["second"], "beside": []}
    again = {"search": "second", "memories": [brief(second, "Second", **why)]}
    made.phase(Phase.ANALYZING, 1, 2, result=again)
    shown = page(client, alice, made.run)
    assert "Score 1.00: contains “second”, searched for “second” too" in shown
    assert f"/memories/{first}/" not in shown


# -- limits ----------------------------------------------------------------------------------------


def large(session: ChatSession) -> RunRows:
    """A run with 200 steps of three sub-steps, 500 events of progress, 60 calls and 300 changes."""
    earlier = [RunRows(session) for _ in range(10)]
    usage = {"calls": 60, "input_tokens": 72_000, "output_tokens": 2040}
    made = RunRows(session, usage=usage, ended=1000)
    made.phases(*Phase)
    sub_step = {"step": "indexing", "message": "Page", "details": "", "state": "finished"}
    parts = [
        {**sub_step, "started_at": made.at(20 + at).isoformat(), "duration_ms": 100}
        for at in range(3)
    ]
    made.plan(
        *(
            made.step(f"s{at}", f"Step {at}", 20 + at, 22 + at, **BAND, sub_steps=parts)
            for at in range(200)
        ),
        **BAND,
    )
    prompt = pack([{"role": "user", "content": "word " * 5000}])
    for at in range(60):
        made.call("compose", at, at + 1, prompt=prompt, text=f"Answer {at}.")
    project = session.project_id
    (task, *_), _ = tasks.create_tasks(project_id=project, items=[tasks.NewTask("Pay")] * 1)
    told = events.Progress(made.run.pk, Phase.EXECUTION, "At work", "", {})
    made.log([*[told] * 500, *(created(made.run, task) for _ in range(300))])
    keys = [remember(session.project, f"Memory {at}") for at in range(12)]
    context = {
        "memories": [brief(key, "M", score=1.0, words=["a"], beside=[]) for key in keys],
        "tasks": [{"id": f"#{at}", "title": f"Task {at}"} for at in range(1, 101)],
        "history": [
            {"role": "user", "content": "Do it", "number": one.run.number} for one in earlier
        ],
    }
    made.run.phases.filter(phase=Phase.CONTEXT).update(result=context)
    return made


def test_the_page_of_a_large_run_takes_few_queries(
    session: ChatSession,
    client: Client,
    alice: User,
    bob: User,
    project: Project,
    django_assert_max_num_queries: Any,
) -> None:
    made = large(session)
    Membership.objects.create(project=project, user=bob, role="viewer")
    for user in (alice, bob):
        client.force_login(user)
        with django_assert_max_num_queries(14):
            shown = client.get(f"/runs/{made.run.pk}/").content.decode()
        assert "200. Step 199" in shown
        assert shown.count('class="call"') == (calls.ON_PAGE if user == alice else 0)
        assert ("Answer 10." in shown) is (user == alice)
        assert shown.count('data-step="call"') == rows.MAX_CALLS
    with django_assert_max_num_queries(9):
        part = client.get(f"/runs/{made.run.pk}/", headers={"X-Part": "now"}).content.decode()
    assert "200. Step 199" in part


def test_all_calls_are_on_pages(session: ChatSession, client: Client, alice: User) -> None:
    made = RunRows(session, usage={"calls": 23, "input_tokens": 0, "output_tokens": 0})
    for at in range(23):
        made.call("compose", at, at + 1, text=f"Answer {at}.")
    client.force_login(alice)
    last = client.get(f"/runs/{made.run.pk}/?calls=3").content.decode()
    assert [f"Answer {at}." in last for at in (19, 20, 22)] == [False, True, True]
    assert "Calls 21 to 23 of 23" in last
    assert "?calls=2#calls" in last
    assert "?calls=4" not in last
    for number in ("0", "4", "x", "-1", "99999999999"):
        shown = client.get(f"/runs/{made.run.pk}/?calls={number}").content.decode()
        assert "Calls 1 to 10 of 23" in shown


# -- the parts of a prompt -------------------------------------------------------------------------


def test_a_prompt_is_shown_in_its_parts_and_none_of_it_is_lost() -> None:
    context = Context(
        "Which <data> is open?",
        "Clinic",
        tasks=(TaskBrief("#1", "Sign-up", "pending", "high", "The description"),),
        counts={"pending": 1},
    )
    tools = [{"name": "create_task", "description": "Creates a task.", "arguments": "title"}]
    turns = fit(Prompt("plan", context, {"tools": tools}), None).turns
    parts = calls.blocks(turns)
    names = [part.name for part in parts]
    assert names[:2] == ["instructions", "tools"]
    assert names[-1] == "message"
    tasks = next(part for part in parts if part.name.startswith("open tasks"))
    assert "Sign-up" in tasks.text
    assert "shown 1 of 1" in tasks.name
    assert parts[-1].text == context.message.replace("<", "‹")
    whole = "".join(turn["content"] for turn in turns)
    shown = "".join(part.text for part in parts)
    assert len(shown) > 0.9 * len(whole)
    for part in parts:
        assert part.text in whole
    assert sum(part.share for part in parts) in range(95, 106)
