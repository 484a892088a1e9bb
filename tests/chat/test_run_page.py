"""The page of a run: who may see what, and the parts of a prompt."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agent.llm.base import Context, TaskBrief
from agent.llm.fitting import Prompt, fit
from agent.llm.writing import pack
from agent.models import (
    Approval,
    ChatSession,
    Membership,
    Message,
    ModelCall,
    PhaseResult,
    PlanRevision,
    PlanStep,
    Project,
    Run,
)
from chat import run_page

pytestmark = pytest.mark.django_db

SECRET = "What the model was sent"


@pytest.fixture
def run(session: ChatSession, alice: User) -> Run:
    """A run of ten seconds: a phase of four, a plan with one step of two, an approval of three."""
    began = timezone.now() - timedelta(seconds=60)

    def after(seconds: int) -> object:
        return began + timedelta(seconds=seconds)

    message = Message.objects.create(session=session, role="user", content="Plan it", author=alice)
    run = Run.objects.create(
        session=session,
        number=1,
        message=message,
        status="succeeded",
        created_by=alice,
        started_at=began,
        finished_at=after(10),
        usage={"calls": 1, "input_tokens": 1200, "output_tokens": 34},
    )
    PhaseResult.objects.create(run=run, phase="planning", started_at=began, duration_ms=4000)
    PhaseResult.objects.create(
        run=run,
        phase="reading:r1",
        result={"title": "Reading “Pay” in full"},
        started_at=after(1),
        duration_ms=1000,
    )
    plan = PlanRevision.objects.create(run=run, revision=1)
    PlanStep.objects.create(
        plan=plan,
        key="s1",
        position=1,
        type="tool",
        description="Create <b>it</b>",
        status="failed",
        started_at=after(7),
        finished_at=after(9),
    )
    approval = Approval.objects.create(run=run, plan=plan, status="approved", decided_at=after(7))
    Approval.objects.filter(pk=approval.pk).update(requested_at=after(4))
    ModelCall.objects.create(
        run=run,
        verb="plan",
        model="small-model",
        prompt=pack([{"role": "user", "content": SECRET}]),
        text="<script>alert(1)</script>",
        input_tokens=1200,
        output_tokens=34,
        started_at=began,
        first_ms=1500,
        duration_ms=4000,
    )
    return run


def page(client: Client, user: User, run: Run) -> str:
    client.force_login(user)
    return client.get(f"/runs/{run.pk}/").content.decode()


def test_the_timeline_has_what_happened_in_order(run: Run) -> None:
    spans = run_page.timeline(run)
    assert [(span.name, span.start, span.width, span.took) for span in spans] == [
        ("Making a plan", 0, 400, "4.0 s"),
        ("Reading “Pay” in full", 100, 100, "1.0 s"),
        ("Waiting for approval", 400, 300, "3.0 s"),
        ("Create <b>it</b>", 700, 200, "2.0 s"),
    ]
    assert [span.level for span in spans] == [0, 1, 0, 1]
    assert spans[3].status == "failed"


def test_a_run_that_has_not_started_has_no_timeline(run: Run) -> None:
    run.started_at = None
    assert run_page.timeline(run) == []


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


def test_the_page_takes_few_queries_however_many_calls_there_are(
    client: Client, alice: User, run: Run, django_assert_max_num_queries: object
) -> None:
    (one,) = run.model_calls.all()
    for number in range(run_page.MAX_CALLS + 5):
        one.pk, one.started_at = uuid4(), one.started_at + timedelta(seconds=1)
        one.output_tokens = 1000 + number
        one.save(force_insert=True)
    client.force_login(alice)
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        shown = client.get(f"/runs/{run.pk}/").content.decode()
    assert shown.count('class="call"') == run_page.MAX_CALLS
    assert "1054 written" in shown


def test_a_prompt_is_shown_in_its_parts_and_none_of_it_is_lost() -> None:
    context = Context(
        "Which <data> is open?",
        "Clinic",
        tasks=(TaskBrief("#1", "Sign-up", "pending", "high", "The description"),),
        counts={"pending": 1},
    )
    tools = [{"name": "create_task", "description": "Creates a task.", "arguments": "title"}]
    turns = fit(Prompt("plan", context, {"tools": tools}), None).turns
    parts = run_page.blocks(turns)
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
