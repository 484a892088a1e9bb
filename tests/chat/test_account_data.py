"""The page of a person's own data: everything as a file, and the deletion of the account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import AsyncClient, Client

from agent.accounts.shared_links import create_link
from agent.accounts.tokens import create_token
from agent.board import tasks
from agent.engine import account_deletion
from agent.memory import memories
from agent.models import AuditEntry, ChatSession, Feedback, Membership, Message, Project, Run
from chat import account_export, account_forms

SECRET = "alice's secret"
Line = dict[str, Any]


def page_of(user: User, password: str = SECRET) -> Client:
    client = Client()
    assert client.login(username=user.get_username(), password=password)
    return client


@pytest.fixture
def filled(project: Project, session: ChatSession, alice: User, bob: User) -> str:
    """Alice's project, in which Bob writes too, and what she wrote in Bob's; returns a token's key."""
    for number in range(2 * account_export.AT_A_TIME + 1):
        Message.objects.create(session=session, role="user", author=alice, content=f"№ {number}")
    Message.objects.create(session=session, role="user", author=bob, content="Of Bob, here")
    tasks.create_task(project_id=project.pk, title="Sweep")
    memory, _ = memories.remember(
        project_id=project.pk, title="Stack", content="Django", kind="decision", by_id=alice.pk
    )
    memories.forget(memory=memory)
    elsewhere = Project.objects.create(name="Bob's", owner=bob)
    Membership.objects.create(project=elsewhere, user=alice, role="editor")
    other = ChatSession.objects.create(project=elsewhere, title="Theirs", created_by=bob)
    mine = Message.objects.create(session=other, role="user", author=alice, content="Mine, there")
    Message.objects.create(session=other, role="user", author=bob, content="A secret of Bob")
    run = Run.objects.create(session=other, number=1, message=mine, created_by=alice)
    Feedback.objects.create(run=run, user=alice, value=1, comment="spot on")
    create_link(session, alice)
    return create_token(alice, "laptop")[1]


def check(lines: list[Line], key: str, alice: User) -> None:
    of: dict[str, list[Line]] = {}
    for line in lines:
        of.setdefault(line["type"], []).append(line)
    assert (lines[0]["format"], lines[0]["version"]) == ("samurai-agent-account", 1)
    (profile,) = of["profile"]
    assert (profile["username"], profile["id"]) == ("alice", alice.pk)
    assert [one["name"] for one in of["project"]] == ["Clinic booking"]
    assert [one["title"] for one in of["task"]] == ["Sweep"]
    assert [(one["content"], one["kind"]) for one in of["memory"]] == [("Django", "decision")]
    assert [one["action"] for one in of["memory_revision"]] == ["created", "deleted"]
    said = [one["content"] for one in of["message"]]
    assert len(said) == 2 * account_export.AT_A_TIME + 3
    assert {"№ 100", "Of Bob, here", "Mine, there"} <= set(said)
    assert [one["comment"] for one in of["feedback"]] == ["spot on"]
    assert [one["name"] for one in of["access_token"]] == ["laptop"]
    assert len(of["shared_link"]) == len(of["membership"]) == len(of["run"]) == 1
    assert {"token_created", "user_created", "user_exported"} <= {
        one["deed"] for one in of["audit"]
    }
    text = json.dumps(lines)
    assert "A secret of Bob" not in text
    assert not any(secret in text for secret in (key, "digest", alice.password))


async def asked(client: AsyncClient, **data: str) -> Any:
    return await client.post("/account/data/export/", data)


@pytest.mark.django_db(transaction=True)
async def test_the_export_has_everything_of_the_person_and_nothing_of_others(
    filled: str, alice: User
) -> None:
    client = AsyncClient()
    await client.aforce_login(alice)
    assert (await asked(client)).status_code == 400
    wrong = await asked(client, password="wrong")
    assert "This is not your password." in wrong.content.decode()
    response = await asked(client, password=SECRET)
    assert response["Content-Disposition"] == f'attachment; filename="account-{alice.pk}.jsonl"'
    busy = await asked(client, password=SECRET)
    assert busy.status_code == 409
    assert "exported already" in busy.content.decode()
    parts = [part async for part in response]
    assert len(parts) > 5  # it is written while it is sent
    check([json.loads(line) for line in b"".join(parts).splitlines()], filled, alice)
    again = await asked(client, password=SECRET)
    assert again.status_code == 200
    _ = [part async for part in again]
    assert not cache.has_key(f"export-{alice.pk}")
    cache.add(f"export-{alice.pk}", True)  # as another process does
    assert (await asked(client, password=SECRET)).status_code == 409


@pytest.mark.django_db(transaction=True)
def test_the_command_writes_the_same_for_nobody_else_to_read(
    filled: str, alice: User, tmp_path: Path
) -> None:
    file = tmp_path / "alice.jsonl"
    call_command("export_user", "alice", str(file))
    check([json.loads(line) for line in file.read_text().splitlines()], filled, alice)
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="cannot be written: File exists"):
        call_command("export_user", "alice", str(file))
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("export_user", "nobody", str(tmp_path / "x"))


def test_without_a_password_a_sign_in_of_the_last_minutes_is_needed(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    client = Client()
    client.force_login(alice)
    path, sent = "/account/data/delete/", {"username": "alice"}
    assert "password" not in client.get("/account/data/").context["delete"].fields
    session = client.session
    session[account_forms.SIGNED_IN_AT] -= account_forms.LATELY + 1
    session.save()
    assert "You signed in a while ago." in client.post(path, sent).content.decode()
    client.force_login(alice)
    assert "Your account is closed" in client.post(path, sent).content.decode()


def test_the_page_asks_what_becomes_of_projects_with_members(
    project: Project, alice: User, bob: User
) -> None:
    Membership.objects.create(project=project, user=bob)
    client = page_of(alice)
    text = client.get("/account/data/").content.decode()
    assert "These projects have members." in text
    for part in ("“Clinic booking”", "Hand over to bob", "Delete it with everything in it"):
        assert part in text
    sent = {"username": "alice", "password": SECRET}
    assert client.post("/account/data/delete/", sent).status_code == 400
    wrong = {**sent, "username": "bob", str(project.pk): str(bob.pk)}
    refused = client.post("/account/data/delete/", wrong)
    assert "This is not your username. Nothing was deleted." in refused.content.decode()
    alice.refresh_from_db()
    assert alice.is_active
    closed = client.post("/account/data/delete/", {**sent, str(project.pk): str(bob.pk)})
    assert "Your account is closed" in closed.content.decode()
    assert client.get("/").status_code == 302
    project.refresh_from_db()
    assert project.owner == bob
    assert account_deletion.delete_parts(alice.pk)
    assert not User.objects.filter(pk=alice.pk).exists()


def test_the_only_administrator_is_told_why_not(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    sent = {"username": "alice", "password": SECRET}
    response = page_of(alice).post("/account/data/delete/", sent)
    assert response.status_code == 409
    assert "This is the only administrator." in response.content.decode()


def test_a_password_is_guessed_no_more_often_here_than_at_signing_in(alice: User) -> None:
    client = page_of(alice)
    told = [
        client.post(f"/account/data/{form}/", {"password": "guess"}).content.decode()
        for form in ("export", "delete") * 3
    ]
    assert ["This is not your password." in text for text in told] == [True] * 5 + [False]
    refused = client.post("/account/data/export/", {"password": SECRET})
    assert "Too many attempts." in refused.content.decode()
    failures = AuditEntry.objects.filter(deed="sign_in_failed", label="alice")
    assert (failures.count(), failures.first().via) == (5, "page")  # type: ignore[union-attr]


def test_the_export_does_not_tell_from_where_others_did_something(
    project: Project, alice: User, bob: User
) -> None:
    owner = Client(REMOTE_ADDR="10.0.0.7")
    owner.force_login(alice)
    owner.post(f"/projects/{project.pk}/invitations/", {"user": "bob", "role": "editor"})
    Client(REMOTE_ADDR="10.0.0.8").post(
        "/accounts/sign-in/", {"username": "bob", "password": "guess"}
    )
    of_bob = _audit(bob)
    assert (of_bob["member_invited"]["actor"], of_bob["member_invited"]["address"]) == ("alice", "")
    assert of_bob["sign_in_failed"]["address"] == "10.0.0.8"
    assert _audit(alice)["member_invited"]["address"] == "10.0.0.7"


def _audit(user: User) -> dict[str, Line]:
    """Returns the lines about the audit log, by the deed."""
    (part,) = [one for one in account_export._PARTS if one.type == "audit"]
    return {line["deed"]: dict(line) for line in part.show(list(part.rows(user)))}


async def test_who_is_signed_out_gets_nothing(db: None) -> None:
    before = await AuditEntry.objects.acount()
    for path in ("export/", "delete/"):
        response = await AsyncClient().post(f"/account/data/{path}", {})
        assert response.status_code == 302
    assert await sync_to_async(AuditEntry.objects.count)() == before
