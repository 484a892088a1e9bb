"""Every operation of pages and API that writes or exports is in the audit log, or it is said why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from django.utils import timezone

from agent.accounts import members
from agent.accounts.shared_links import create_link
from agent.accounts.tokens import create_token
from agent.agent import PlanningFirstAgent
from agent.board import tasks
from agent.engine import local
from agent.memory import memories
from agent.models import (
    Approval,
    AuditEntry,
    ChatSession,
    Membership,
    Message,
    PlanRevision,
    Project,
    Run,
)
from agent.models.audit import Deed
from agent.models.projects import Role
from tests.support import operations
from tests.support.scripted_runs import create

# Why some operations write no entry.
CREATED = "makes or renames something, which has its time and its maker"
BOARD = (
    "changes a task or a memory; histories and logs of sessions tell it, and an undo takes it back"
)
LOGGED = "is an event of its session's log, with its author"
READS = "writes nothing of a person"
OPINION = "rates a run"
UNANSWERED = "ends an invitation, which is recorded, and nobody has joined"

EVERYWHERE = "is recorded by what it changes, whoever changes it: tests/accounts/test_audit.py"
PROOF = "asks for a proof again, or shows codes, and changes nothing"
ADDRESS = "sends mail, or tells that it was sent"
NOT_RECORDED = {
    **dict.fromkeys(("account_login", "account_logout"), "is the same view as sign-in or sign-out"),
    **dict.fromkeys(("sign-in-link", "mfa_authenticate", "mfa_login_webauthn"), EVERYWHERE),
    **dict.fromkeys(("account_change_password", "account_set_password"), EVERYWHERE),
    **dict.fromkeys(("account_reset_password_from_key", "account_signup"), EVERYWHERE),
    **dict.fromkeys(("mfa_activate_totp", "mfa_deactivate_totp", "mfa_add_webauthn"), EVERYWHERE),
    **dict.fromkeys(("mfa_generate_recovery_codes", "mfa_remove_webauthn"), EVERYWHERE),
    **dict.fromkeys(("account_reauthenticate", "mfa_reauthenticate"), PROOF),
    **dict.fromkeys(("mfa_reauthenticate_webauthn", "mfa_download_recovery_codes"), PROOF),
    **dict.fromkeys(("mfa_index", "mfa_list_webauthn", "mfa_view_recovery_codes"), PROOF),
    **dict.fromkeys(("account_email", "account_confirm_email"), EVERYWHERE),
    **dict.fromkeys(("account_reset_password", "account_reset_password_done"), ADDRESS),
    "account_reset_password_from_key_done": ADDRESS,
    "account_email_verification_sent": ADDRESS,
    "mfa_edit_webauthn": "names a key for the person",
    **dict.fromkeys(("new-project", "edit-project", "new-session", "rename-session"), CREATED),
    **dict.fromkeys(("new-task", "new-memory", "task", "move-task", "memory"), BOARD),
    **dict.fromkeys(("undo-memory", "use-revision"), BOARD),
    **dict.fromkeys(("undo", "retry", "regenerate"), LOGGED),
    **dict.fromkeys(
        ("theme", "shared", "shared-events", "model", "metrics", "measurements"), READS
    ),
    **dict.fromkeys(("withdraw-invitation", "decline-invitation"), UNANSWERED),
    "DELETE projects/<uuid:project_id>/invitations/<uuid:invitation_id>/": UNANSWERED,
    "POST invitations/<uuid:invitation_id>/decline/": UNANSWERED,
    "rate-progress": OPINION,
    "analytics-csv": "is the same view as project-analytics-csv",
    "POST projects/": CREATED,
    "PATCH projects/<uuid:project_id>/": CREATED,
    "POST projects/<uuid:project_id>/chat/": LOGGED,
    "POST projects/<uuid:project_id>/chat-stream/": LOGGED,
    "POST projects/<uuid:project_id>/sessions/": CREATED,
    "POST projects/<uuid:project_id>/tasks/": BOARD,
    "POST projects/<uuid:project_id>/memories/": BOARD,
    "POST sessions/<uuid:session_id>/messages/": LOGGED,
    "POST sessions/<uuid:session_id>/undo/": LOGGED,
    "POST runs/<uuid:run_id>/steer/": LOGGED,
    "POST runs/<uuid:run_id>/retry/": LOGGED,
    "POST runs/<uuid:run_id>/regenerate/": LOGGED,
    "POST runs/<uuid:run_id>/feedback/": OPINION,
    "PATCH tasks/<uuid:task_id>/": BOARD,
    "PATCH memories/<uuid:memory_id>/": BOARD,
    "POST memories/<uuid:memory_id>/undo/": BOARD,
    "POST ag-ui/": "sends messages, which are logged, and approves as runs/…/approve/ does",
    "POST ag-ui/runs/<str:name>/events/": READS,
}


@dataclass(slots=True)
class World:
    client: Client
    alice: User
    project: Project
    session: ChatSession
    done: Run

    def post(self, path: str, **data: Any) -> Any:
        return self.client.post(path, data)

    def api(self, method: str, path: str, **data: Any) -> Any:
        body = {"data": json.dumps(data), "content_type": "application/json"}
        return getattr(self.client, method)(f"/api/{path}", **body)

    @property
    def at(self) -> str:
        return f"/projects/{self.project.pk}"

    def token(self) -> Any:
        return create_token(self.alice)[0].pk

    def link(self) -> Any:
        return create_link(self.session, self.alice)[0].pk

    def member(self) -> str:
        """Makes Bob a member, again."""
        Membership.objects.all().delete()
        Membership.objects.create(project=self.project, user=User.objects.get(username="bob"))
        return "bob"

    def invited(self) -> Any:
        """Invites Alice to a project of Bob's; returns the invitation."""
        bob = User.objects.get(username="bob")
        project = Project.objects.create(name="Theirs", owner=bob)
        return members.invite(project, "alice", Role.VIEWER, by=bob).pk

    def task(self) -> Any:
        return tasks.create_task(project_id=self.project.pk, title="Sweep")[0].pk

    def memory(self) -> Any:
        number = AuditEntry.objects.count()
        fields = {"title": f"Fact {number}", "content": f"Number {number}", "kind": "fact"}
        return memories.remember(project_id=self.project.pk, **fields)[0].pk  # type: ignore[arg-type]

    def waiting(self) -> Any:
        """Returns a run whose plan waits for approval."""
        message = Message.objects.create(
            session=self.session, role="user", author=self.alice, content="Do it"
        )
        number = self.session.runs.count() + 1
        now = timezone.now()
        run = Run.objects.create(
            session=self.session,
            number=number,
            message=message,
            created_by=self.alice,
            status="waiting",
            started_at=now,
        )
        plan = PlanRevision.objects.create(run=run, revision=1, digest="d")
        Approval.objects.create(run=run, plan=plan, digest="d")
        return run.pk

    def other_project(self) -> Project:
        return Project.objects.create(name="Other", owner=self.alice)

    def other_session(self) -> Any:
        return ChatSession.objects.create(project=self.project).pk

    def export_account(self) -> None:
        async def ask() -> None:
            client = AsyncClient()
            await client.aforce_login(self.alice)
            response = await client.post("/account/data/export/", {"password": "alice's secret"})
            _ = [part async for part in response]  # type: ignore[union-attr]

        async_to_sync(ask)()


STEPS = [create("s1", "Sweep")]
RECORDED: dict[str, tuple[Deed, Callable[[World], Any]]] = {
    "delete-project": (
        Deed.PROJECT_DELETED,
        lambda w: w.post(f"/projects/{w.other_project().pk}/delete/", name="Other"),
    ),
    "export": (Deed.PROJECT_EXPORTED, lambda w: w.client.get(f"{w.at}/export/")),
    "invite": (
        Deed.MEMBER_INVITED,
        lambda w: w.post(f"{w.at}/invitations/", user="bob", role="viewer"),
    ),
    "accept-invitation": (
        Deed.MEMBER_ADDED,
        lambda w: w.post(f"/invitations/{w.invited()}/accept/"),
    ),
    "change-role": (
        Deed.ROLE_CHANGED,
        lambda w: w.post(f"{w.at}/members/{w.member()}/role/", role="editor"),
    ),
    "remove-member": (
        Deed.MEMBER_REMOVED,
        lambda w: w.post(f"{w.at}/members/{w.member()}/remove/"),
    ),
    "switch-tool": (
        Deed.TOOL_SWITCHED_OFF,
        lambda w: w.post(f"{w.at}/tools/undo/switch/", on="0"),
    ),
    "session-settings": (
        Deed.APPROVAL_MODE_CHANGED,
        lambda w: w.post(f"/sessions/{w.other_session()}/settings/", ask_first="on"),
    ),
    "delete-session": (
        Deed.SESSION_DELETED,
        lambda w: w.post(f"/sessions/{w.other_session()}/delete/"),
    ),
    "shared-links": (
        Deed.LINK_CREATED,
        lambda w: w.post(f"/sessions/{w.session.pk}/links/", days="7"),
    ),
    "revoke-link": (Deed.LINK_REVOKED, lambda w: w.post(f"/shared-links/{w.link()}/revoke/")),
    "run-capsule": (Deed.RUN_EXPORTED, lambda w: w.client.get(f"/runs/{w.done.pk}/capsule/")),
    "project-analytics-csv": (
        Deed.ANALYTICS_EXPORTED,
        lambda w: w.client.get(f"{w.at}/analytics/csv/"),
    ),
    "delete-task": (Deed.TASK_DELETED, lambda w: w.post(f"/tasks/{w.task()}/delete/")),
    "delete-memory": (Deed.MEMORY_DELETED, lambda w: w.post(f"/memories/{w.memory()}/delete/")),
    "tokens": (Deed.TOKEN_CREATED, lambda w: w.post("/tokens/", scope="read")),
    "revoke-token": (Deed.TOKEN_REVOKED, lambda w: w.post(f"/tokens/{w.token()}/revoke/")),
    "decide": (
        Deed.PLAN_APPROVED,
        lambda w: w.post(f"/waiting/{w.waiting()}/", decision="approve", revision="1"),
    ),
    "export-account": (Deed.USER_EXPORTED, World.export_account),
    "POST tokens/": (Deed.TOKEN_CREATED, lambda w: w.api("post", "tokens/")),
    "DELETE tokens/<uuid:token_id>/": (
        Deed.TOKEN_REVOKED,
        lambda w: w.api("delete", f"tokens/{w.token()}/"),
    ),
    "DELETE projects/<uuid:project_id>/": (
        Deed.PROJECT_DELETED,
        lambda w: w.api("delete", f"projects/{w.other_project().pk}/"),
    ),
    "POST projects/<uuid:project_id>/invitations/": (
        Deed.MEMBER_INVITED,
        lambda w: w.api("post", f"projects/{w.project.pk}/invitations/", user="bob", role="viewer"),
    ),
    "POST invitations/<uuid:invitation_id>/accept/": (
        Deed.MEMBER_ADDED,
        lambda w: w.api("post", f"invitations/{w.invited()}/accept/"),
    ),
    "PATCH projects/<uuid:project_id>/members/<username:username>/": (
        Deed.ROLE_CHANGED,
        lambda w: w.api("patch", f"projects/{w.project.pk}/members/{w.member()}/", role="editor"),
    ),
    "DELETE projects/<uuid:project_id>/members/<username:username>/": (
        Deed.MEMBER_REMOVED,
        lambda w: w.api("delete", f"projects/{w.project.pk}/members/{w.member()}/"),
    ),
    "PATCH projects/<uuid:project_id>/tools/<str:name>/": (
        Deed.TOOL_SWITCHED_ON,
        lambda w: w.api("patch", f"projects/{w.project.pk}/tools/undo/", enabled=True),
    ),
    "PATCH sessions/<uuid:session_id>/": (
        Deed.APPROVAL_MODE_CHANGED,
        lambda w: w.api("patch", f"sessions/{w.other_session()}/", approval="required"),
    ),
    "DELETE sessions/<uuid:session_id>/": (
        Deed.SESSION_DELETED,
        lambda w: w.api("delete", f"sessions/{w.other_session()}/"),
    ),
    "POST sessions/<uuid:session_id>/shared-links/": (
        Deed.LINK_CREATED,
        lambda w: w.api("post", f"sessions/{w.session.pk}/shared-links/"),
    ),
    "DELETE shared-links/<uuid:link_id>/": (
        Deed.LINK_REVOKED,
        lambda w: w.api("delete", f"shared-links/{w.link()}/"),
    ),
    "POST runs/<uuid:run_id>/cancel/": (
        Deed.PLAN_REJECTED,
        lambda w: w.api("post", f"runs/{w.waiting()}/cancel/"),
    ),
    "POST runs/<uuid:run_id>/approve/": (
        Deed.PLAN_APPROVED,
        lambda w: w.api("post", f"runs/{w.waiting()}/approve/", plan_revision=1),
    ),
    "POST runs/<uuid:run_id>/reject/": (
        Deed.PLAN_REJECTED,
        lambda w: w.api("post", f"runs/{w.waiting()}/reject/", plan_revision=1, reason="No"),
    ),
    "POST runs/<uuid:run_id>/edit-plan/": (
        Deed.PLAN_EDITED,
        lambda w: w.api("post", f"runs/{w.waiting()}/edit-plan/", plan_revision=1, steps=STEPS),
    ),
    "DELETE tasks/<uuid:task_id>/": (
        Deed.TASK_DELETED,
        lambda w: w.api("delete", f"tasks/{w.task()}/"),
    ),
    "DELETE memories/<uuid:memory_id>/": (
        Deed.MEMORY_DELETED,
        lambda w: w.api("delete", f"memories/{w.memory()}/"),
    ),
    "sign-ins": (Deed.SIGNED_OUT, lambda w: w.post("/accounts/sign-ins/")),
    # The last ones: these end the sign-in, and the account.
    "sign-out": (Deed.SIGNED_OUT, lambda w: w.post("/accounts/sign-out/")),
    "sign-in": (
        Deed.SIGNED_IN,
        lambda w: w.post("/accounts/sign-in/", username="alice", password="alice's secret"),
    ),
    "delete-account": (
        Deed.USER_DELETED,
        lambda w: (
            Membership.objects.all().delete(),
            w.post("/account/data/delete/", username="alice", password="alice's secret"),
        ),
    ),
}


def test_every_operation_that_writes_or_exports_is_recorded_or_it_is_said_why_not(
    client: Client, alice: User
) -> None:
    client.force_login(alice)
    found = [*operations.of_pages(client), *operations.of_api()]
    assert set(found) == {*RECORDED, *NOT_RECORDED}
    assert not RECORDED.keys() & NOT_RECORDED.keys()


@pytest.mark.django_db(transaction=True)
async def test_each_of_these_operations_writes_its_entry(
    session: ChatSession, alice: User, bob: User
) -> None:
    async with local.executing(sessions={session.pk}):
        await PlanningFirstAgent().process_user_message(
            "What is open?", session.project_id, session_id=session.pk
        )
    await sync_to_async(_perform_all)(session, alice)


def _perform_all(session: ChatSession, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    world = World(client, alice, session.project, session, Run.objects.get())
    for name, (deed, perform) in RECORDED.items():
        last = AuditEntry.objects.latest("id").pk
        perform(world)
        entries = AuditEntry.objects.filter(pk__gt=last, deed=deed)
        assert [entry.actor for entry in entries] == ["alice"], name
        assert entries[0].via == "page", name


def test_every_deed_is_one_of_an_operation_of_the_admin_or_of_a_command() -> None:
    elsewhere = {
        *(Deed.ADMIN_ADDED, Deed.ADMIN_CHANGED, Deed.ADMIN_DELETED),
        *(Deed.SESSION_EXPORTED, Deed.MEMORY_EXPORTED),  # in the admin
        *(Deed.SIGN_IN_LINK_CREATED, Deed.SIGN_IN_FAILED, Deed.USER_CREATED),
        *(Deed.PASSWORD_CHANGED, Deed.PROJECT_HANDED_OVER),
        *(Deed.SECOND_FACTOR_ADDED, Deed.SECOND_FACTOR_REMOVED),
        *(Deed.EMAIL_ADDED, Deed.EMAIL_REMOVED),
        *(Deed.PROVIDER_CONNECTED, Deed.PROVIDER_DISCONNECTED),
    }
    assert {deed for deed, _ in RECORDED.values()} | elsewhere == set(Deed)
