"""The audit log: who did what to which object, from where. It is only added to, and misses nothing."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from agent.accounts.audit import record
from agent.accounts.tokens import create_token
from agent.engine import pruning
from agent.models import AuditEntry, Membership, Project
from agent.models.audit import Deed, Unchangeable
from agent.support.log_lines import JsonFormatter, TextFormatter
from samurai_site.recorded_admin import RecordedAdmin
from tests.support.databases import migrated_database
from tests.support.documents import DOCS, code_spans, rows, section
from tests.support.server import ServerProcess, send, until, watching

SECRET = "alice's secret"


def latest() -> AuditEntry:
    return AuditEntry.objects.order_by("-id")[0]


def deeds() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("deed", flat=True))


# -- what an entry tells ---------------------------------------------------------------------------


def test_an_entry_tells_who_did_what_to_which_object_from_where(
    client: Client, project: Project, alice: User, bob: User
) -> None:
    client.force_login(alice)
    client.post(f"/projects/{project.pk}/invitations/", {"user": "bob", "role": "editor"})
    entry = latest()
    assert (entry.deed, entry.actor, entry.actor_id) == ("member_invited", "alice", alice.pk)
    assert (entry.kind, entry.object_id, entry.label) == ("user", str(bob.pk), "bob")
    assert (entry.project, entry.details) == (project.pk, {"role": "editor"})
    assert (entry.via, entry.address) == ("page", "127.0.0.1")


def test_an_entry_names_the_token_of_a_program_and_not_its_key(
    project: Project, alice: User
) -> None:
    token, key = create_token(alice, "script")
    api = Client(headers={"Authorization": f"Token {key}"})
    assert api.delete(f"/api/projects/{project.pk}/").status_code == 204
    entry = latest()
    assert (entry.deed, entry.actor, entry.label) == ("project_deleted", "alice", "Clinic booking")
    assert (entry.via, entry.details) == ("token", {"token": str(token.pk)})
    assert key not in str(list(AuditEntry.objects.values()))


def test_a_header_of_the_client_changes_no_address(client: Client, alice: User) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    client.post("/accounts/sign-in/", {"username": "alice", "password": SECRET}, headers=forged)
    assert (latest().deed, latest().address) == ("signed_in", "127.0.0.1")


def test_an_entry_stays_as_it_is_when_the_person_and_the_object_are_gone(
    client: Client, project: Project, alice: User
) -> None:
    client.force_login(alice)
    client.post(f"/projects/{project.pk}/delete/", {"name": "Clinic booking"})
    User.objects.filter(pk=alice.pk).delete()
    entry = AuditEntry.objects.get(deed="project_deleted")
    assert (entry.actor, entry.label) == ("alice", "Clinic booking")


def test_a_real_server_believes_its_own_proxy_and_gives_the_request_its_id(
    server: ServerProcess,
) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "from-proxy"}
    url = f"{server.url}/sign-in/none/"
    asked = urllib.request.Request(url, headers=headers)
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(asked, timeout=30)
    found = server.rows(
        "SELECT deed, via, address, request_id FROM agent_auditentry ORDER BY id DESC LIMIT 1"
    )
    assert found == [("sign_in_failed", "page", "203.0.113.9", "from-proxy")]


async def test_a_decision_over_a_websocket_names_the_token_that_opened_it(
    server: ServerProcess,
) -> None:
    headers = {"Authorization": f"Token {server.cast['alice']['token']}"}
    async with watching(server, headers=headers) as socket:
        await send(socket, "Create a task to sweep", approval="required")
        frames = await until(socket, lambda frame: frame.get("status") == "waiting")
        run = frames[-1]["run"]
        approval = {"type": "approve", "run": run, "plan_revision": 1}
        await socket.send(json.dumps(approval))
        await until(socket, lambda frame: frame["type"] == "complete")
    found = server.rows(
        "SELECT deed, actor, kind, object_id, via, address, details FROM agent_auditentry "
        "ORDER BY id DESC LIMIT 1"
    )
    *told, details = found[0]
    assert told == ["plan_approved", "alice", "run", run, "token", "127.0.0.1"]
    assert {"token", "session", "revision"} == set(json.loads(details))


# -- signing in ------------------------------------------------------------------------------------


def test_signing_in_failing_and_signing_out_are_told(client: Client, alice: User) -> None:
    sign_in = "/accounts/sign-in/"
    client.post(sign_in, {"username": "alice", "password": "wrong"})
    assert (latest().deed, latest().label, latest().actor) == ("sign_in_failed", "alice", "")
    client.post(sign_in, {"username": "ALICE", "password": "wrong"})
    assert (latest().deed, latest().label) == ("sign_in_failed", "alice")
    client.post(sign_in, {"username": "my password", "password": "x"})
    assert (latest().deed, latest().label) == ("sign_in_failed", "")
    client.post(sign_in, {"username": "alice", "password": SECRET})
    assert (latest().deed, latest().actor) == ("signed_in", "alice")
    client.post("/accounts/sign-out/")
    assert latest().deed == "signed_out"
    client.get("/sign-in/nothing/")
    assert latest().deed == "sign_in_failed"
    assert "my password" not in str(list(AuditEntry.objects.values()))


def test_changed_passwords_and_new_users_are_told_wherever_they_are_changed(
    client: Client, alice: User
) -> None:
    assert (latest().deed, latest().label, latest().via) == ("user_created", "alice", "command")
    alice.set_password("another one")
    alice.save()
    assert (latest().deed, latest().actor, latest().via) == ("password_changed", "", "command")
    boss = User.objects.create_superuser("boss")
    client.force_login(boss)
    new = {"password1": "a long one 77", "password2": "a long one 77"}
    client.post(f"/admin/auth/user/{alice.pk}/password/", {**new, "usable_password": "true"})
    changed = AuditEntry.objects.filter(deed="password_changed").order_by("-id")[0]
    assert (changed.actor, changed.label, changed.via) == ("boss", "alice", "admin")
    assert "a long one 77" not in str(list(AuditEntry.objects.values()))


def test_second_factors_are_told(client: Client, alice: User) -> None:
    factor = Authenticator.objects.create(user=alice, type="totp", data={"secret": "hidden"})
    told = latest()
    assert (told.deed, told.label, told.details) == (
        "second_factor_added",
        "alice",
        {"factor": "totp"},
    )
    call_command("remove_second_factor", "alice")
    assert (latest().deed, latest().via) == ("second_factor_removed", "command")
    assert "hidden" not in str(list(AuditEntry.objects.values())), factor


def test_wrong_codes_are_told(client: Client, alice: User) -> None:
    Authenticator.objects.create(user=alice, type="totp", data={"secret": "A" * 32})
    client.post("/accounts/sign-in/", {"username": "alice", "password": SECRET})
    for _ in range(8):
        client.post("/accounts/second-factor/sign-in/", {"code": "000000"})
    told = AuditEntry.objects.filter(deed="sign_in_failed", label="alice", details__factor="code")
    assert told.count() == 5


def test_addresses_for_mail_are_told_and_not_what_they_are(client: Client, alice: User) -> None:
    address = EmailAddress.objects.create(user=alice, email="alice@example.com")
    assert (latest().deed, latest().label) == ("email_added", "alice")
    address.delete()
    assert (latest().deed, latest().label) == ("email_removed", "alice")
    assert "example.com" not in str(list(AuditEntry.objects.values()))


# -- only added to ---------------------------------------------------------------------------------


def test_an_entry_is_neither_changed_nor_deleted(alice: User) -> None:
    entry = latest()
    entry.actor = "nobody"
    for change in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.update(actor="nobody"),
        lambda: AuditEntry.objects.all().delete(),
        lambda: AuditEntry.objects.bulk_update([entry], ["actor"]),
    ):
        with pytest.raises(Unchangeable):
            change()
    statement = "UPDATE agent_auditentry SET actor = 'nobody'"
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        connection.cursor().execute(statement)
    assert latest().actor != "nobody"


@pytest.mark.postgresql
def test_postgresql_refuses_changes_too() -> None:
    import psycopg

    with migrated_database() as url, psycopg.connect(url) as database:
        columns = "deed, actor, kind, object_id, label, details, via, address, request_id, at"
        values = "'x', 'alice', '', '', '', '{}', 'page', '', '', now()"
        database.execute(f"INSERT INTO agent_auditentry ({columns}) VALUES ({values})")
        with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
            database.execute("UPDATE agent_auditentry SET actor = 'nobody'")


def test_what_is_rolled_back_is_not_told(
    alice: User, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    before = deeds()
    with (
        caplog.at_level(logging.INFO, "audit"),
        django_capture_on_commit_callbacks(execute=True),
        transaction.atomic(),
    ):
        record(Deed.USER_EXPORTED, alice, by=alice)
        transaction.set_rollback(True)
    assert deeds() == before
    assert caplog.records == []


def test_an_entry_costs_one_statement(alice: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        record(Deed.MEMORY_EXPORTED, *[alice] * 20, by=alice)


def test_only_old_entries_are_pruned_and_only_by_their_own_setting(
    alice: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda now=timezone.now: now() - timedelta(days=400))
    record(Deed.USER_DELETED, alice, by=alice)
    monkeypatch.undo()
    record(Deed.USER_EXPORTED, alice, by=alice)
    settings.SAMURAI_KEEP_EXPIRED_DAYS = settings.SAMURAI_KEEP_EVENTS_DAYS = 1
    pruning.prune(pause=0)
    assert deeds() == ["user_created", "user_deleted", "user_exported"]
    settings.SAMURAI_KEEP_AUDIT_DAYS = 365
    call_command("prune")
    assert deeds() == ["user_created", "user_exported"]


def test_every_deed_is_in_the_documents() -> None:
    text = section(DOCS["docs/security.md"], "Audit log")
    named = {name for row in rows(text) for name in code_spans(row[0])}
    assert set(Deed.values) == named & set(Deed.values)
    assert {"time", "deed", "address", "request"} <= named


# -- in the admin and in the log -------------------------------------------------------------------


def test_everything_in_the_admin_is_recorded_in_all_applications() -> None:
    assert all(isinstance(pages, RecordedAdmin) for pages in admin.site._registry.values())


def test_the_admin_tells_changes_by_the_names_of_fields(
    client: Client, project: Project, bob: User
) -> None:
    boss = User.objects.create_superuser("boss")
    client.force_login(boss)
    member = Membership.objects.create(project=project, user=bob)
    address = f"/admin/agent/membership/{member.pk}/change/"
    client.post(address, {"user": bob.pk, "project": project.pk, "role": "editor"})
    changed, role = AuditEntry.objects.order_by("-id")[:2]
    assert (changed.deed, changed.details) == ("admin_changed", {"fields": ["Role"]})
    assert (role.deed, role.details) == ("role_changed", {"role": "editor", "before": "viewer"})
    client.post(f"/admin/agent/membership/{member.pk}/delete/", {"post": "yes"})
    assert deeds()[-2:] == ["admin_deleted", "member_removed"]
    client.post("/admin/auth/group/add/", {"name": "Helpers"})
    assert (latest().deed, latest().kind, latest().label) == ("admin_added", "group", "Helpers")


def test_an_entry_is_a_line_of_the_log(
    alice: User, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    with (
        caplog.at_level(logging.INFO, "audit"),
        django_capture_on_commit_callbacks(execute=True),
    ):
        record(Deed.ROLE_CHANGED, alice, by=alice, role="editor")
    (told,) = caplog.records
    line = json.loads(JsonFormatter().format(told))
    assert (line["logger"], line["audit"]["deed"]) == ("audit", "role_changed")
    assert (line["audit"]["label"], line["audit"]["details"]) == ("alice", {"role": "editor"})
    text = TextFormatter().format(told)
    assert f"role_changed by alice: user {alice.pk}, command -" in text
