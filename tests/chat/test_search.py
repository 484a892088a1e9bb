"""The search over everything: who finds what, in which order, and with which texts."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.models import ChatSession, Membership, Memory, Message, MessageEntry, Project, Task
from agent.models.projects import Role
from chat import search

pytestmark = pytest.mark.django_db

KINDS = ["project", "session", "task", "memory", "message"]


def fill(project: Project, words: str) -> Message:
    """Makes an object of each kind with the words; returns the message."""
    project.name = words
    project.save()
    session = ChatSession.objects.create(project=project, title=words)
    number = Task.objects.filter(project=project).count() + 1
    Task.objects.create(project=project, number=number, position=number, title=words)
    Memory.objects.create(project=project, title=words, content=words)
    return Message.objects.create(session=session, role="user", content=words)


def kinds(user: Any, text: str) -> list[str]:
    return [found.kind for found in search.find(user, text)]


def test_members_of_every_role_find_each_kind_and_nobody_else_finds_anything(
    alice: User, bob: User, project: Project
) -> None:
    fill(project, "The payments page")
    members = [User.objects.create_user(role) for role in (Role.VIEWER, Role.EDITOR)]
    for member in members:
        Membership.objects.create(project=project, user=member, role=member.username)
    for user in (alice, *members):
        assert kinds(user, "paym") == kinds(user, "PAGE paym") == KINDS
    Project.objects.create(name="Bob's own", owner=bob)
    assert search.find(bob, "paym") == []
    alice.is_active = False
    assert search.find(alice, "paym") == []


def test_a_deleted_memory_and_what_has_only_one_of_the_words_are_not_found(
    alice: User, project: Project
) -> None:
    fill(project, "The payments page")
    Memory.objects.get().delete()
    assert kinds(alice, "paym") == [kind for kind in KINDS if kind != "memory"]
    assert kinds(alice, "paym invoice") == []


def test_titles_come_before_texts_and_the_newer_before_the_older(
    alice: User, project: Project, session: ChatSession
) -> None:
    titles = ["Other", "Old payments", "New payments", "Payments first"]
    for number, title in enumerate(titles, 1):
        text = "about payments" if title == "Other" else ""
        Task.objects.create(
            project=project, number=number, position=number, title=title, description=text
        )
    found = [one.title for one in search.find(alice, "payments")]
    assert found == ["#4 Payments first", "#3 New payments", "#2 Old payments", "#1 Other"]
    assert [one.title for one in search.find(alice, "#2")] == ["#2 Old payments"]
    for number in range(search.MOST + 1):
        Message.objects.create(session=session, role="user", content=f"message {number}")
    assert [one.excerpt for one in search.find(alice, "message")] == [
        f"message {number}" for number in range(search.MOST, 0, -1)
    ]


def test_a_result_leads_to_its_exact_place(client: Client, alice: User, project: Project) -> None:
    message = fill(project, "payments")
    message.content = "x " * 300 + "payments"
    message.save()
    client.force_login(alice)
    for found in search.find(alice, "payments"):
        assert client.get(found.url).status_code == 200
    assert found.url == f"/sessions/{message.session_id}/#message-{message.pk}"
    assert found.excerpt.startswith("…")
    assert found.excerpt.endswith("payments")


def test_a_message_is_found_by_the_beginnings_of_its_words_as_long_as_it_is_there(
    alice: User, project: Project, session: ChatSession
) -> None:
    texts = [
        "Über die Zahlungen im Café",
        "予約システムを作る",
        "foo-bar is not foobaz",
        "x " * 9_000 + "end",
    ]
    made = [
        Message.objects.create(session=session, role="assistant", content=text) for text in texts
    ]
    for text, number in (
        ("zahl", 0),
        ("ÜBER zahlungen", 0),
        ("cafe", 0),
        ("システム", 1),
        ("予", 1),
        ("foo-bar", 2),
        ("FOO is", 2),
        ("end", 3),
    ):
        assert [one.id for one in search.find(alice, text)] == [made[number].pk], text
    for text in ("ahlungen", "システムシ", "bar-foo", "foo-b%r"):
        assert search.find(alice, text) == [], text
    made[2].content = "Now something else"
    made[2].save()
    assert [one.id for one in search.find(alice, "someth")] == [made[2].pk]
    assert search.find(alice, "foobaz") == []
    session.delete()
    assert search.find(alice, "zahl") == search.find(alice, "someth") == []
    assert MessageEntry.objects.count() == 0


def test_messages_that_are_made_in_bulk_are_found_the_newest_first(
    alice: User, bob: User, project: Project, session: ChatSession
) -> None:
    other = Project.objects.create(name="Of Bob", owner=bob)
    theirs = ChatSession.objects.create(project=other)
    Message.objects.bulk_create(
        Message(session=theirs if number % 2 else session, role="user", content=f"wish {number}")
        for number in range(100)
    )
    assert [one.excerpt for one in search.find(alice, "wish")] == [
        f"wish {number}" for number in (98, 96, 94, 92, 90)
    ]
    assert [one.excerpt for one in search.find(bob, "wish 9")] == [
        f"wish {number}" for number in (99, 97, 95, 93, 91)
    ]


@pytest.mark.parametrize("sign", ["%", "_", "'", '"', "\\", "<b>", "%s", "*", "&"])
def test_signs_are_found_as_they_are(alice: User, project: Project, sign: str) -> None:
    fill(project, f"50{sign} off")
    fill(Project.objects.create(name="", owner=alice), "50 off")
    assert kinds(alice, f"50{sign}") == KINDS


def test_texts_that_name_nothing_find_nothing(alice: User, project: Project) -> None:
    fill(project, "The payments page")
    for text in ("", "  ", "\0", "\ud800", "#999999999999", "x" * 100_000, "a b " * 10_000 + "q"):
        assert search.find(alice, text) == []
    assert kinds(alice, "pay\0ments") == KINDS


def test_the_api_finds_and_refuses(client: Client, alice: User, project: Project) -> None:
    fill(project, "The payments page")
    assert client.get("/api/search/?q=paym").status_code == 401
    client.force_login(alice)
    answer = client.get("/api/search/?q=paym").json()
    assert [one["kind"] for one in answer["results"]] == KINDS
    assert answer["results"][2]["url"] == f"/tasks/{Task.objects.get().pk}/"
    for query in ("", "?q=", "?q=%00", f"?q={'x' * 201}"):
        assert client.get(f"/api/search/{query}").status_code == 400
