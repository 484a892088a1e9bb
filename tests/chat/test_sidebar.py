"""What the sidebar shows to whom, and how many queries that takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agent.models import Batch, ChatSession, Membership, Message, Project, Run
from chat import sidebar
from chat.sidebar import Listed, Sidebar

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 1, tzinfo=UTC)


def of(user: User, project: Project | None = None) -> Sidebar:
    key = (user.pk, project and project.pk)
    return sidebar.read([key])[key]


def opened(project: Project, title: str, day: int = 0, batch: Batch | None = None) -> ChatSession:
    session = ChatSession.objects.create(
        project=project, title=title, batch=batch, created_by=project.owner, last_seq=1
    )
    ChatSession.objects.filter(pk=session.pk).update(updated_at=START + timedelta(days=day))
    return session


def run_of(session: ChatSession, status: str, **fields: Any) -> Run:
    message = Message.objects.create(session=session, role="user", content="Do it")
    session.run_count += 1
    session.save(update_fields=["run_count"])
    return Run.objects.create(
        session=session,
        number=session.run_count,
        message=message,
        status=status,
        created_by=session.project.owner,
        **fields,
    )


def batch_of(project: Project, name: str = "wishes.txt", day: int = 0) -> Batch:
    at = START + timedelta(days=day)
    return Batch.objects.create(pk=uuid4(), project=project, name=name, updated_at=at)


def titles(entries: tuple[Listed, ...]) -> list[str]:
    return [one.title for one in entries]


def test_what_waits_comes_first_and_what_works_is_marked(alice: User, project: Project) -> None:
    other = Project.objects.create(name="Other", owner=alice)
    asks, fails, works, idle = (
        opened(project, "Asks", 1),
        opened(other, "Fails", 2),
        opened(project, "Works", 3),
        opened(project, "Idle", 4),
    )
    run_of(asks, "succeeded", left_open="question")
    run_of(fails, "failed", left_open="failure")
    run_of(works, "running")
    run_of(works, "queued")
    run_of(idle, "succeeded")
    side = of(alice, project)
    assert side.count == 2
    assert [(one.title, one.state, one.note) for one in side.waiting] == [
        ("Asks", "waiting", "Question · Clinic booking"),
        ("Fails", "waiting", "Failed run · Other"),
    ]
    assert [(group.name, titles(group.entries)) for group in side.groups] == [
        ("Clinic booking", ["Idle", "Works"]),
        ("Other", []),
    ]
    assert [one.state for one in side.groups[0].entries] == ["", "working"]


def test_a_plan_waits_for_those_who_may_decide_and_works_for_nobody(
    alice: User, bob: User, project: Project
) -> None:
    session = opened(project, "Delete all")
    run_of(session, "waiting")
    run_of(session, "queued")
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(project=project, user=bob, role="editor")
    Membership.objects.create(project=project, user=viewer, role="viewer")
    for person in (alice, bob):
        assert [one.note for one in of(person).waiting] == ["Plan to approve · Clinic booking"]
    seen = of(viewer)
    assert (seen.count, seen.waiting) == (0, ())
    assert [(one.title, one.state) for one in seen.groups[0].entries] == [("Delete all", "")]


def test_nobody_sees_what_is_of_other_peoples_projects(
    alice: User, bob: User, project: Project
) -> None:
    batch = batch_of(project)
    run_of(opened(project, "Of a batch", batch=batch), "failed", left_open="failure", batch=batch)
    run_of(opened(project, "Waits"), "waiting")
    seen = of(bob, project)
    assert (seen.count, seen.waiting, seen.groups) == (0, (), ())
    key, own = (bob.pk, None), (alice.pk, project.pk)
    both = sidebar.read([key, own])
    assert both[key].groups == ()
    assert both[own].count == 2


def test_a_batch_is_one_entry_that_tells_how_its_runs_ended(alice: User, project: Project) -> None:
    batch = batch_of(project, day=2)
    batch_of(project, "nothing.txt", day=3)  # has opened no session
    for number, status in enumerate(["succeeded", "succeeded", "cancelled", "running", "failed"]):
        session = opened(project, f"Wish {number}", number, batch)
        run_of(session, status, batch=batch)
    opened(project, "Newer", 4)
    opened(project, "Older", 1)
    entries = of(alice, project).groups[0].entries
    assert titles(entries) == ["Newer", "wishes.txt", "Older"]
    assert (entries[1].note, entries[1].state) == ("2 done · 1 failed · 1 cancelled", "working")
    assert titles(entries[1].sessions) == [f"Wish {number}" for number in (4, 3, 2, 1, 0)]
    assert [one.state for one in entries[1].sessions] == ["", "working", "", "", ""]

    Run.objects.filter(status="failed").update(left_open="failure")
    seen = of(alice, project)
    assert titles(seen.groups[0].entries) == ["Newer", "Older"]
    (waits,) = seen.waiting
    assert (waits.kind, waits.note) == ("batch", "2 done · 1 failed · 1 cancelled · 1 waiting")
    assert [(one.title, one.note) for one in waits.sessions[:2]] == [
        ("Wish 4", "Failed run"),
        ("Wish 3", ""),
    ]


def test_it_is_short_whatever_is_stored(alice: User, project: Project) -> None:
    batch = batch_of(project)
    for number in range(sidebar.MAX_OF_BATCH + 5):
        failed = opened(project, f"Wish {number}", number, batch)
        run_of(failed, "failed", left_open="failure", batch=batch)
    for number in range(sidebar.MAX_WAITING + 5):
        run_of(opened(project, f"Waits {number}", number), "waiting")
    for number in range(sidebar.MAX_ENTRIES + 5):
        opened(project, f"Idle {number}", number)
    side = of(alice, project)
    assert side.count == sidebar.MAX_OF_BATCH + sidebar.MAX_WAITING + 10
    assert len(side.waiting) == sidebar.MAX_WAITING
    assert len(side.waiting[0].sessions) == sidebar.MAX_OF_BATCH
    assert side.waiting[0].more
    assert len(side.groups[0].entries) <= sidebar.MAX_ENTRIES
    assert len(of(alice).groups[0].entries) <= sidebar.MAX_OF_OTHERS


def test_the_number_of_queries_does_not_grow(alice: User, bob: User, project: Project) -> None:
    opened(project, "First", batch=batch_of(project))
    with CaptureQueriesContext(connection) as few:
        of(alice, project)
    keys = []
    for number in range(10):
        person = User.objects.create_user(f"person {number}")
        own = Project.objects.create(name=f"Project {number}", owner=person)
        Membership.objects.create(project=own, user=alice)
        opened(own, "One", batch=batch_of(own))
        run_of(opened(own, "Two"), "waiting")
        keys.append((person.pk, own.pk))
    with CaptureQueriesContext(connection) as many:
        sidebar.read([*keys, (alice.pk, project.pk), (bob.pk, None)])
    assert len(many) <= len(few) + 2  # of projects that no page is of, too


def test_a_frame_tells_only_what_is_new(alice: User, project: Project) -> None:
    Project.objects.create(name="Other", owner=alice)
    session = opened(project, "Before")
    before = of(alice, project)
    whole = json.loads(before.frame(None))
    assert [one["name"] for one in whole["projects"]] == ["Clinic booking", "Other"]
    assert before == of(alice, project)
    ChatSession.objects.filter(pk=session.pk).update(title="After")
    after = of(alice, project)
    assert after.version != before.version
    changed, same = json.loads(after.frame(before))["projects"]
    assert [one["title"] for one in changed["entries"]] == ["After"]
    assert same == {"id": whole["projects"][1]["id"]}


def test_a_page_shows_the_entries_with_words_for_the_marks(
    client: Client, alice: User, project: Project
) -> None:
    batch = batch_of(project)
    run_of(opened(project, "Of <b>", batch=batch), "succeeded", batch=batch)
    asks, works = opened(project, "Asks"), opened(project, "Works")
    run_of(asks, "waiting")
    run_of(works, "running")
    client.force_login(alice)
    page = client.get(f"/sessions/{asks.pk}/").content.decode()
    side = page[page.index('id="side"') : page.index("New project…")]
    first = side[side.index('data-slot="waiting-first"') : side.index("</section>")]
    assert '<b data-slot="waiting-count">1</b>' in first
    assert 'aria-current="page"' in first
    assert "Waiting for you</span>" in first
    assert side.count(f'data-key="{asks.pk}"') == 1
    assert "Of &lt;b&gt;" in side
    assert "1 done" in side
    assert "Working" in side
