"""An account is closed at once and deleted in parts; what others need stays, and nothing is half-done."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client

from agent.accounts import members
from agent.accounts.tokens import create_token, find_token
from agent.board import tasks
from agent.engine import account_deletion, local
from agent.engine.account_deletion import Undecided
from agent.exceptions import Refused
from agent.models import (
    AccountDeletion,
    AuditEntry,
    ChatSession,
    Event,
    Invitation,
    Membership,
    Memory,
    Message,
    Project,
    Run,
    Task,
)
from agent.models.projects import Role
from agent.runs import runs
from agent.runs.runs import MessageRequest
from chat import access, connection_identity
from chat.connection_identity import ConnectionIdentity, Login
from tests.support.scripted_runs import ended

pytestmark = pytest.mark.django_db(transaction=True)


async def say(session: ChatSession, user: User, *messages: str) -> list[Run]:
    done = []
    async with local.executing(sessions={session.pk}):
        for message in messages:
            run = await runs.start(session.pk, user, MessageRequest(message))
            done.append(await ended(run))
    return done


@pytest.fixture
async def of_bob(alice: User, bob: User) -> ChatSession:
    """A session in Bob's project, in which Alice has said something and has a run that waits."""
    project = await Project.objects.acreate(name="Bob's", owner=bob)
    await Membership.objects.acreate(project=project, user=alice, role="editor")
    session = await ChatSession.objects.acreate(project=project, created_by=alice)
    await say(session, alice, "Create a task to sweep")
    await sync_to_async(tasks.update_task)(task=await Task.objects.aget(), assignee="alice")
    await runs.start(session.pk, alice, MessageRequest("What is open?"))
    return session


@sync_to_async
def begin(user: User, **heirs: Any) -> None:
    account_deletion.begin(user, {}, by=user)


async def test_everything_goes_but_what_was_written_in_projects_of_others(
    session: ChatSession, of_bob: ChatSession, alice: User, bob: User
) -> None:
    await say(session, alice, "Create a task to mop", "Remember that we use Django.")
    waiting = await Run.objects.aget(status="queued")
    await sync_to_async(Client().force_login)(alice)
    await begin(alice)
    assert await account_deletion.go_on(alice.pk)
    assert not await User.objects.filter(pk=alice.pk).aexists()
    assert [row.name async for row in Project.objects.all()] == ["Bob's"]
    for model in (Event, Run, Message):
        assert await model.objects.exclude(**_of(model, of_bob)).acount() == 0
    assert await Memory.all_objects.acount() == await Session.objects.acount() == 0
    said = [row async for row in Message.objects.filter(role="user").order_by("created_at")]
    assert [(row.content, row.author_id) for row in said] == [
        ("Create a task to sweep", None),
        ("What is open?", None),
    ]
    await waiting.arefresh_from_db()
    assert waiting.status == Run.Status.CANCELLED
    assert (await Task.objects.aget()).assignee_id is None
    entry = await AuditEntry.objects.filter(deed="user_deleted").aget()
    assert (entry.label, entry.actor) == ("alice", "alice")


def _of(model: Any, session: ChatSession) -> dict[str, Any]:
    return {"session": session.pk}


async def test_a_closed_account_opens_nothing_before_anything_is_deleted(
    session: ChatSession, alice: User
) -> None:
    token, key = await sync_to_async(create_token)(alice)
    store = await sync_to_async(_login)(alice)
    logins = [
        Login(alice.pk, "alice", token=token.pk),
        Login(alice.pk, "alice", session_key=store, session_hash=alice.get_session_auth_hash()),
    ]
    watched = [ConnectionIdentity(login, session.pk, session.project_id) for login in logins]
    not_allowed = sync_to_async(connection_identity.not_allowed)
    assert await not_allowed(watched) == {}
    await begin(alice)
    assert set((await not_allowed(watched)).values()) == {connection_identity.NOT_LOGGED_IN}
    assert await sync_to_async(find_token)(key) is None
    signed_in = await sync_to_async(Client().login)(username="alice", password="alice's secret")
    assert not signed_in


def _login(user: User) -> str:
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store.create()
    return str(store.session_key)


async def test_a_large_account_is_deleted_in_parts_and_a_restart_goes_on(
    session: ChatSession, of_bob: ChatSession, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    await say(session, alice, "Create a task to mop", "Create a task to dust")
    for name, size in (("EVENTS", 7), ("ROWS", 1), ("SECONDS", 0)):
        monkeypatch.setattr(account_deletion, name, size)
    await begin(alice)
    before = await Event.objects.filter(session=session).acount()
    await account_deletion.go_on_with_all(2, 0)
    assert await Event.objects.filter(session=session).acount() == before - 14
    for _ in range(100):
        if not await AccountDeletion.objects.aexists():
            break
        await account_deletion.go_on_with_all(3, 0)
    assert not await User.objects.filter(pk=alice.pk).aexists()
    assert await Project.objects.acount() == 1


async def test_a_project_with_members_is_handed_over_or_deleted_and_never_unasked(
    project: Project, session: ChatSession, alice: User, bob: User
) -> None:
    await Membership.objects.acreate(project=project, user=bob)
    task, _ = await sync_to_async(tasks.create_task)(
        project_id=project.pk, title="Sweep", assignee="alice"
    )
    begin_with = sync_to_async(account_deletion.begin)
    with pytest.raises(Undecided) as undecided:
        await begin_with(alice, {}, by=alice)
    assert undecided.value.projects == [project]
    carol = await User.objects.acreate(username="carol")
    with pytest.raises(Refused, match="no active member"):
        await begin_with(alice, {project.pk: carol}, by=alice)
    await alice.arefresh_from_db()
    assert alice.is_active
    await begin_with(alice, {project.pk: bob}, by=alice)
    assert await account_deletion.go_on(alice.pk)
    await project.arefresh_from_db()
    assert project.owner_id == bob.pk
    assert not await Membership.objects.aexists()
    await task.arefresh_from_db()
    assert task.assignee_id is None
    assert await ChatSession.objects.filter(pk=session.pk).aexists()
    entry = await AuditEntry.objects.aget(deed="project_handed_over")
    assert (entry.object_id, entry.details) == (str(project.pk), {"to": "bob"})


def test_the_only_administrator_stays(alice: User) -> None:
    boss = User.objects.create_superuser("boss")
    with pytest.raises(Refused, match="only administrator"):
        account_deletion.begin(boss, {}, by=boss)
    boss.refresh_from_db()
    assert boss.is_active
    User.objects.create_superuser("another")
    account_deletion.begin(boss, {}, by=boss)


def test_nobody_joins_a_project_that_is_deleted_with_the_account(
    project: Project, alice: User, bob: User
) -> None:
    invitation = members.invite(project, "bob", Role.EDITOR, by=alice)
    account_deletion.begin(alice, {}, by=alice)
    assert not access.invitations(bob).exists()
    with pytest.raises(Invitation.DoesNotExist):
        members.accept(invitation, by=bob)
    assert not Membership.objects.exists()


def test_the_command_asks_and_lists_what_is_not_decided(
    project: Project, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Membership.objects.create(project=project, user=bob)
    out = StringIO()
    with pytest.raises(CommandError, match=rf"{project.pk} Clinic booking \(members: bob\)"):
        call_command("delete_user", "alice", "--no-input", stdout=out)
    monkeypatch.setattr("sys.stdin", StringIO())
    with pytest.raises(CommandError, match="Say --no-input"):
        call_command("delete_user", "alice", "--delete", str(project.pk), stdout=out)
    monkeypatch.setattr("builtins.input", lambda text: "bob")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        call_command("delete_user", "alice", "--delete", str(project.pk), stdout=out)
    assert "Clinic booking" in out.getvalue()
    for wrong in (["nobody"], ["alice", "--delete", "x"], ["alice", "--hand-over", "x=bob"]):
        with pytest.raises(CommandError, match="There is no"):
            call_command("delete_user", *wrong, "--no-input", stdout=out)
    assert User.objects.get(pk=alice.pk).is_active
    monkeypatch.setattr("builtins.input", lambda text: "alice")
    call_command("delete_user", "alice", "--hand-over", f"{project.pk}=bob", stdout=out)
    assert not User.objects.filter(pk=alice.pk).exists()
    assert Project.objects.get().owner == bob
