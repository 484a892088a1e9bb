"""The page of a project: what its owner changes there, and what nobody else can."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.models import ChatSession, Membership, Memory, Project, Task
from agent.models.projects import Role
from chat import project_views


@pytest.fixture
def client(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def guest(bob: User, project: Project) -> Client:
    """Bob, who views the project."""
    Membership.objects.create(project=project, user=bob, role=Role.VIEWER)
    client = Client()
    client.force_login(bob)
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


def at(name: str, project: Project, *more: str) -> str:
    return reverse(name, args=[project.pk, *more])


def version(client: Client, project: Project) -> str:
    return str(client.get(at("project", project)).context["edit"].now)


def test_the_owner_changes_the_name_and_the_description(client: Client, project: Project) -> None:
    seen = version(client, project)
    sent = {"name": "Clinic", "description": "Booking\nand more", "version": seen}
    response = client.post(at("edit-project", project), sent, follow=True)
    assert "Saved." in text_of(response)
    project.refresh_from_db()
    assert (project.name, project.description) == ("Clinic", "Booking\nand more")


def test_a_refused_change_keeps_what_was_typed_and_says_why(
    client: Client, project: Project
) -> None:
    sent = {"name": "", "description": "<b>new</b>", "version": version(client, project)}
    response = client.post(at("edit-project", project), sent)
    assert response.status_code == 400
    text = text_of(response)
    assert "This field is required." in text
    assert "&lt;b&gt;new&lt;/b&gt;" in text
    too_long = client.post(at("edit-project", project), {**sent, "name": "x" * 201})
    assert "too long: 201 of 200 characters" in text_of(too_long)
    project.refresh_from_db()
    assert (project.name, project.description) == ("Clinic booking", "")


def test_somebody_elses_change_is_not_overwritten_unasked(client: Client, project: Project) -> None:
    seen = version(client, project)
    Project.objects.update(description="By another tab")
    sent = {"name": "Clinic", "description": "Mine", "version": seen}
    response = client.post(at("edit-project", project), sent)
    assert "Someone else changed this meanwhile" in text_of(response)
    assert "Mine" in text_of(response)
    again = {**sent, "version": response.context["edit"].now}
    assert client.post(at("edit-project", project), again).status_code == 302
    project.refresh_from_db()
    assert project.description == "Mine"


def test_a_project_is_deleted_when_its_name_was_typed(
    client: Client, project: Project, session: ChatSession
) -> None:
    Task.objects.create(project=project, number=1, title="Booking")
    Memory.objects.create(project=project, title="Stack", content="Django")
    address = at("delete-project", project)
    text = text_of(client.get(address))
    for part in ("1 session", "0 messages", "1 task", "1 memory", "0 members"):
        assert f"<li>{part}</li>" in text
    wrong = client.post(address, {"name": "Clinic"})
    assert "This is not the name of the project." in text_of(wrong)
    assert Project.objects.exists()
    assert client.post(address, {"name": "Clinic booking"}).status_code == 302
    assert not Project.objects.exists()


def test_the_owner_changes_the_role_of_a_member_and_removes_them(
    client: Client, project: Project, bob: User
) -> None:
    member = Membership.objects.create(project=project, user=bob)
    client.post(at("change-role", project, "bob"), {"role": "editor"})
    member.refresh_from_db()
    assert member.role == "editor"
    task = Task.objects.create(project=project, number=1, title="Booking", assignee=bob)
    assert client.post(at("remove-member", project, "bob")).status_code == 302
    assert not Membership.objects.exists()
    task.refresh_from_db()
    assert task.assignee is None


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("alice", "This user is the owner."),
        ("bob", "This user is already a member."),
    ],
)
def test_who_cannot_be_invited_stays_typed_with_the_reason(
    client: Client, guest: Client, project: Project, user: str, reason: str
) -> None:
    response = client.post(at("invite", project), {"user": user, "role": "editor"})
    assert response.status_code == 400
    assert reason in text_of(response)
    assert f'value="{user}"' in text_of(response)
    assert Membership.objects.get().role == "viewer"


def test_the_page_says_how_many_sessions_and_members_it_leaves_out(
    client: Client, guest: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    Membership.objects.create(project=project, user=User.objects.create_user("dora"))
    for number in range(3):
        ChatSession.objects.create(project=project, title=f"Thread {number}")
    assert "Only the" not in text_of(client.get(at("project", project)))
    monkeypatch.setattr(project_views, "MAX_SESSIONS", 1)
    monkeypatch.setattr(project_views, "MAX_MEMBERS", 1)
    text = text_of(client.get(at("project", project)))
    assert "Only the latest 1 are listed. The search finds earlier ones by title." in text
    assert "Only the first 1 members are listed." in text


def test_a_member_leaves(guest: Client, project: Project) -> None:
    assert "Leave project" in text_of(guest.get(at("project", project)))
    assert guest.post(at("remove-member", project, "bob")).status_code == 302
    assert guest.get(at("project", project)).status_code == 404


OWNERS = ("edit-project", "delete-project", "invite")


def test_a_viewer_sees_no_control_of_the_owner_and_can_use_none(
    guest: Client, project: Project
) -> None:
    text = text_of(guest.get(at("project", project)))
    for control in ("Save project", "Delete project", "Invite", "Change role", "New session"):
        assert control not in text
    addresses = [at(name, project) for name in OWNERS]
    addresses += [at("change-role", project, "bob"), at("remove-member", project, "alice")]
    for address in addresses:
        response = guest.post(address, {"name": "x", "user": "bob", "role": "editor"})
        assert response.status_code == 403
        assert "This needs the role owner in the project." in text_of(response)


def test_somebody_elses_project_looks_like_none(bob: User, project: Project) -> None:
    client = Client()
    client.force_login(bob)
    for name in OWNERS:
        assert client.post(at(name, project)).status_code == 404
    assert client.post(at("remove-member", project, "alice")).status_code == 404
    assert Client().post(at("edit-project", project)).status_code == 302


def test_decisions_are_listed_before_other_memories(client: Client, project: Project) -> None:
    for kind, title in ((Memory.Kind.FACT, "Opening hours"), (Memory.Kind.DECISION, "PostgreSQL")):
        Memory.objects.create(project=project, kind=kind, title=title, content=title)
    decisions, others = text_of(client.get(at("project", project))).split('id="memory-title"')
    assert 'id="decisions-title"' in decisions
    assert ("PostgreSQL" in decisions, "PostgreSQL" in others) == (True, False)
    assert "Opening hours" in others
