"""The settings of a session: its title, its task, its deletion."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.models import ChatSession, Event, Membership, Project, Task
from agent.models.projects import Role


@pytest.fixture
def client(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def member(bob: User, project: Project, role: Role) -> Client:
    Membership.objects.create(project=project, user=bob, role=role)
    client = Client()
    client.force_login(bob)
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


def at(name: str, session: ChatSession) -> str:
    return reverse(name, args=[session.pk])


@pytest.mark.django_db(transaction=True)
def test_a_new_title_is_an_event_of_the_session_and_leads_back(
    client: Client, session: ChatSession
) -> None:
    for back, place in (("project", "project"), ("session", "session"), ("", "settings")):
        sent = {"title": f"By {place}", "back": back}
        response = client.post(at("rename-session", session), sent)
        assert response.status_code == 302
        assert place in response["Location"]
        session.refresh_from_db()
        assert session.title == f"By {place}"
    assert Event.objects.filter(session=session, type="change").count() == 3


def test_a_title_that_is_refused_stays_typed(client: Client, session: ChatSession) -> None:
    response = client.post(at("rename-session", session), {"title": "x" * 201})
    assert response.status_code == 400
    assert "too long: 201 of 200 characters" in text_of(response)
    assert "x" * 201 in text_of(response)
    assert "This field is required." in text_of(client.post(at("rename-session", session)))
    session.refresh_from_db()
    assert session.title == ""


def test_a_session_asks_first_and_is_about_a_task(client: Client, session: ChatSession) -> None:
    task = Task.objects.create(project=session.project, number=7, title="Booking")
    address = at("session-settings", session)
    unknown = client.post(address, {"task": "#8", "ask_first": "on"})
    assert "There is no task #8 in this project." in text_of(unknown)
    assert client.post(address, {"task": "7", "ask_first": "on"}).status_code == 302
    session.refresh_from_db()
    assert (session.approval, session.task) == ("required", task)
    assert 'value="#7"' in text_of(client.get(address))
    client.post(address, {"task": "", "csrf": "x"})
    session.refresh_from_db()
    assert (session.approval, session.task) == ("auto", None)


def test_the_owner_deletes_a_session_and_its_tasks_stay(
    client: Client, session: ChatSession
) -> None:
    Task.objects.create(project=session.project, number=1, title="Booking")
    address = at("delete-session", session)
    assert "<li>0 messages</li>" in text_of(client.get(address))
    assert ChatSession.objects.exists()
    gone = client.post(address, follow=True)
    assert "Session deleted." in text_of(gone)
    assert not ChatSession.objects.exists()
    assert Task.objects.exists()


def test_each_role_sees_and_does_what_it_may(
    bob: User, project: Project, session: ChatSession
) -> None:
    editor = member(bob, project, Role.EDITOR)
    assert editor.get(at("session-settings", session)).status_code == 200
    assert "Delete session" not in text_of(editor.get(at("session", session)))
    assert editor.post(at("delete-session", session)).status_code == 403
    Membership.objects.update(role=Role.VIEWER)
    assert "Rename session" not in text_of(editor.get(at("session", session)))
    assert "Rename session" not in text_of(editor.get(reverse("project", args=[project.pk])))
    assert editor.post(at("rename-session", session), {"title": "x"}).status_code == 403
    Membership.objects.all().delete()
    for name in ("session-settings", "rename-session", "delete-session"):
        assert editor.post(at(name, session), {"title": "x"}).status_code == 404
