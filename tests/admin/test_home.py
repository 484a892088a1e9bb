"""The first page of the admin: figures of now, today and seven days, and the lists behind them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agent.analytics import overview
from agent.models import (
    ChatSession,
    Feedback,
    Membership,
    MemoryRevision,
    Message,
    ModelCall,
    PhaseResult,
    PlanStep,
    Project,
    Run,
)
from agent.models.projects import Role
from agent.runs import waiting
from tests.support.admin_site import add_rows, allow, make_call, text_of

SECTION = re.compile(r'<section class="(\w+)".*?</section>', re.DOTALL)
LINK = re.compile(r'<a href="([^"]+\?[^"]+)">([\d,]+)(?: (?:runs?|new)\b[^<]*)?</a>')


def page(client: Client) -> str:
    return text_of(client, reverse("admin:index"))


def sections(client: Client) -> dict[str, str]:
    return {found[1]: found[0] for found in SECTION.finditer(page(client))}


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip()


def make_run(session: ChatSession, status: str = "succeeded", **more: Any) -> Run:
    """Adds a run of the session's newest message. `days`: how long ago it was accepted."""
    days, by = more.pop("days", 0), more.pop("by", session.project.owner)
    message = Message.objects.create(session=session, role="user", author=by, content="Do it")
    number = session.runs.count() + 1
    run = Run.objects.create(
        session=session, number=number, message=message, created_by=by, status=status, **more
    )
    Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(days=days))
    ChatSession.objects.filter(pk=session.pk).update(run_count=number)
    return run


# -- what it says ----------------------------------------------------------------------------------


def test_a_new_product_says_what_will_be_here(boss: User, client: Client) -> None:
    found = sections(client)
    assert list(found) == [
        *("runs", "people", "failures", "queue", "models", "phases", "tools", "memories"),
        "feedback",
    ]
    for key, text in found.items():
        assert re.search(r'<p class="none">[A-Z].{20,}\.</p>', text), key
        assert not re.search(r"\d", words(text)), key
    assert "Failed runs by their error code." in found["failures"]


def test_runs_are_counted_by_what_became_of_them(
    session: ChatSession, boss: User, client: Client
) -> None:
    make_run(session, "running", lease_owner="here:12:1", lease_until=timezone.now())
    make_run(session, "waiting")
    for days in (0, 0, 1, 7, 9):
        make_run(session, days=days)
    make_run(session, "cancelled")
    text = words(sections(client)["runs"])
    for said in ("1 running now|running now 1", "waiting for approval 1", "today 5"):
        assert re.search(said, text), (said, text)
    assert "succeeded today 2" in text
    assert "cancelled today 1" in text
    assert "failed today" not in text
    assert "in the past 7 days 7" in text


def test_failures_are_counted_by_their_code(
    session: ChatSession, boss: User, client: Client
) -> None:
    for code, days in (
        ("tool_failed", 0),
        ("tool_failed", 3),
        ("model_timeout", 7),
        ("internal", 9),
    ):
        make_run(session, "failed", error_code=code, days=days)
    text = words(sections(client)["failures"])
    assert "tool_failed 1 2 model_timeout 0 1" in text
    assert "internal" not in text


def test_without_failures_it_says_so(session: ChatSession, boss: User, client: Client) -> None:
    make_run(session)
    assert "No run failed today or in the seven days before." in sections(client)["failures"]
    assert "Nothing waits for anybody." in sections(client)["people"]


def test_what_waits_is_counted_by_the_person_for_whom(
    session: ChatSession, bob: User, boss: User, client: Client
) -> None:
    """As their own pages count it: a plan for each who may decide, a failure for who asked."""
    Membership.objects.create(project=session.project, user=bob, role=Role.EDITOR)
    make_run(session, "waiting")
    other = ChatSession.objects.create(project=session.project, created_by=bob)
    make_run(other, "failed", by=bob, left_open="failure")
    asked = ChatSession.objects.create(project=session.project)
    make_run(asked, left_open="question", days=2)
    superseded = ChatSession.objects.create(project=session.project)
    make_run(superseded, "failed", left_open="failure")
    make_run(superseded)
    text = words(sections(client)["people"])
    assert re.search(r"alice 1 1 0 48 h 0 min bob 1 0 1 \d+ ms", text), text
    own = waiting.counts([session.project.owner_id, bob.pk])
    told = {
        person.id: person.plans + person.questions + person.failures for person in waiting.people(9)
    }
    assert told == own


def test_the_queue_and_the_workers_tell_their_age(
    session: ChatSession, boss: User, client: Client
) -> None:
    now = timezone.now()
    make_run(session, "queued", days=1)
    other = ChatSession.objects.create(project=session.project)
    make_run(other, "running", lease_owner="here:12:1:1", lease_until=now + timedelta(seconds=9))
    third = ChatSession.objects.create(project=session.project)
    make_run(third, "running", lease_owner="gone:7:1:1", lease_until=now - timedelta(minutes=5))
    text = words(sections(client)["queue"])
    assert "queued 1 oldest in the queue 24 h 0 min" in text.replace("1 queued", "queued 1")
    assert re.search(r"process 12 on here 1 1\.\d s ago(?! : dead)", text), text
    assert re.search(r"process 7 on gone 1 5 min 1\d s ago: dead", text), text


def test_phases_and_tools_are_ordered_by_their_median(rows: ChatSession, client: Client) -> None:
    run = Run.objects.get()
    PhaseResult.objects.all().delete()
    for number, (analyzing, planning) in enumerate([(100, 900), (200, 1000), (9000, 1100)]):
        other = make_run(rows) if number else run
        for phase, took in (("analyzing", analyzing), ("planning", planning), ("custom", 50_000)):
            PhaseResult.objects.create(
                run=other, phase=phase, started_at=timezone.now(), duration_ms=took
            )
    text = words(sections(client)["phases"])
    assert re.search("planning 1.0 s, 9 of 10 within 1.0 s analyzing 200 ms", text), text
    assert "custom" not in text
    assert "create_task 2 min 5 s" in words(sections(client)["tools"])
    PlanStep.objects.update(finished_at=None)
    assert "How long the tools in plans usually take." in sections(client)["tools"]


def test_calls_to_models_have_their_tokens_and_their_cost(
    rows: ChatSession, client: Client, settings: Any
) -> None:
    settings.SAMURAI_MODEL_PRICES = {"small-model": (Decimal(2), Decimal(10))}
    call = make_call(Run.objects.get())
    ModelCall.objects.filter(pk=call.pk).update(error="Too long")
    old = make_call(Run.objects.get())
    ModelCall.objects.filter(pk=old.pk).update(started_at=timezone.now() - timedelta(days=1))
    text = words(sections(client)["models"])
    assert "small-model 2 1 2,400 68 0.0055 USD" in text
    settings.SAMURAI_MODEL_PRICES = {}
    assert "68 unknown" in words(sections(client)["models"])


def test_memories_and_ratings_are_counted_over_the_days(rows: ChatSession, client: Client) -> None:
    first = MemoryRevision.objects.get()
    MemoryRevision.objects.create(memory=first.memory, number=2, action="deleted", title="Gone")
    text = words(sections(client)["memories"])
    assert "1 new" in text
    assert "deleted 1" in text
    other = User.objects.create_user("carol")
    Feedback.objects.create(run=Run.objects.get(), user=other, value=-1)
    third = User.objects.create_user("dave")
    old = Feedback.objects.create(run=Run.objects.get(), user=third, value=-1)
    Feedback.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=9))
    assert "50 %" in words(sections(client)["feedback"])


# -- where it leads --------------------------------------------------------------------------------


def figures(client: Client) -> Iterator[tuple[str, int]]:
    """Yields the address and the number of each link that tells one."""
    for address, number in LINK.findall(page(client)):
        yield html.unescape(address), int(number.replace(",", ""))


def test_each_number_leads_to_a_list_of_as_many_rows(
    rows: ChatSession, bob: User, client: Client
) -> None:
    Membership.objects.update(role=Role.EDITOR)
    for status, more in (
        ("failed", {"error_code": "tool_failed", "left_open": "failure"}),
        ("failed", {"error_code": "tool_failed", "days": 3}),
        ("failed", {"error_code": "internal", "days": 9}),
        ("cancelled", {}),
        ("waiting", {}),
        ("queued", {}),
        ("running", {"lease_owner": "here:12:1", "lease_until": timezone.now()}),
    ):
        session = ChatSession.objects.create(project=rows.project, created_by=bob)
        make_run(session, status, by=bob, **more)
    asked = ChatSession.objects.create(project=rows.project, created_by=bob)
    make_run(asked, by=bob, left_open="question", days=1)
    call = make_call(Run.objects.earliest("created_at"))
    ModelCall.objects.filter(pk=call.pk).update(error="Too long")
    found = dict(figures(client))
    assert len(found) >= 22
    for address, number in found.items():
        response = client.get(address)
        assert response.status_code == 200, address
        assert len(response.context["cl"].result_list) == number, address
    lists = {urlsplit(address).path.split("/")[-2] for address in found}
    assert lists == {"run", "modelcall", "memoryrevision", "feedback"}


def test_the_slowest_lead_to_their_rows(rows: ChatSession, client: Client) -> None:
    for key, name, address in (
        ("phases", "1.5 s", "/admin/agent/phaseresult/?phase=analyzing"),
        ("tools", "2 min 5 s", "/admin/agent/planstep/?tool=create_task"),
    ):
        assert re.search(rf'<a href="{re.escape(address)}">{name}', sections(client)[key])
        assert len(client.get(address).context["cl"].result_list) == 1


# -- who sees it, and what it costs ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("permissions", "seen"),
    [
        ((), []),
        (("view_task",), []),
        (("view_run",), ["runs", "people", "failures", "queue"]),
        (("view_phaseresult", "view_planstep"), ["phases", "tools"]),
        (("view_modelcall",), ["models"]),
        (("view_memory",), []),
        (("view_memory", "view_memoryrevision"), ["memories"]),
        (("view_feedback",), ["feedback"]),
    ],
)
def test_staff_see_the_figures_of_what_they_may_view(
    rows: ChatSession, bob: User, client: Client, permissions: tuple[str, ...], seen: list[str]
) -> None:
    allow(client, bob, *permissions)
    assert list(sections(client)) == seen
    assert ("You may see none of the figures." in page(client)) == (not seen)


def queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as captured:
        page(client)
    return len(captured)


def test_more_rows_need_no_more_queries(rows: ChatSession, client: Client) -> None:
    before = queries(client)
    assert before < 25
    add_rows(rows)
    assert queries(client) == before


def test_projects_of_others_count_too(rows: ChatSession, bob: User, client: Client) -> None:
    """The admin is for the site, not for a project."""
    project = Project.objects.create(name="Other", owner=bob)
    make_run(ChatSession.objects.create(project=project, created_by=bob), "waiting")
    assert overview.unfinished().counts == {"waiting": 1}
    assert "bob 1 0 0" in words(sections(client)["people"])
