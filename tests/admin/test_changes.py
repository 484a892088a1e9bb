"""What can be changed in the admin and what not; deletion takes along what belongs together."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.db.models import Model
from django.test import Client

from agent.accounts.tokens import create_token, find_token
from agent.board import tasks as board
from agent.engine import account_deletion
from agent.models import (
    ApiToken,
    AuditEntry,
    ChatSession,
    Event,
    Membership,
    Memory,
    MemoryRevision,
    Message,
    PlanStep,
    Project,
    Run,
    SearchEntry,
    Task,
)
from tests.support.admin_site import (
    FACTS,
    MODELS,
    act,
    page,
    rows_shown,
    text_of,
)

# -- facts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", FACTS)
def test_a_fact_cannot_be_made_edited_or_deleted(
    rows: ChatSession, client: Client, model: type[Model]
) -> None:
    before = list(model._base_manager.values())
    pk = model._base_manager.first().pk  # type: ignore[union-attr]  # the rows are there
    assert client.get(page(model, "add")).status_code == 403
    assert client.post(page(model, "change", pk), {"title": "x"}).status_code == 403
    assert client.post(page(model, "delete", pk), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(pk)], "post": "yes"}
    client.post(page(model, "changelist"), chosen)
    assert list(model._base_manager.values()) == before


@pytest.mark.parametrize("model", [ApiToken, ChatSession, Memory, Task])
def test_what_is_made_elsewhere_cannot_be_added_here(
    rows: ChatSession, client: Client, model: type[Model]
) -> None:
    assert client.get(page(model, "add")).status_code == 403


# -- people's own changes --------------------------------------------------------------------------


def test_a_project_is_made_and_renamed(boss: User, client: Client) -> None:
    forms = ("TOTAL_FORMS", "INITIAL_FORMS")
    inline = {f"{of}-{name}": "0" for of in ("memberships", "switched_off_tools") for name in forms}
    data = {"name": "Bakery", "description": "", "owner": str(boss.pk), **inline}
    client.post(page(Project, "add"), data)
    project = Project.objects.get()
    assert (project.name, project.owner) == ("Bakery", boss)
    client.post(page(Project, "change", project.pk), {**data, "name": "Bakery shop"})
    assert Project.objects.get().name == "Bakery shop"


def test_an_edited_task_is_found_by_its_new_words_and_pages_hear_of_it(
    rows: ChatSession, client: Client
) -> None:
    task, version = Task.objects.get(), Project.objects.get().board_version
    data = {"title": "Roster", "description": "", "status": "blocked", "priority": "high"}
    response = client.post(page(Task, "change", task.pk), data)
    assert response.status_code == 302, response.context["errors"]
    task.refresh_from_db()
    assert (task.title, task.status, task.priority) == ("Roster", "blocked", "high")
    assert "roster" in SearchEntry.objects.get(object_id=task.pk).body.lower()
    assert Project.objects.get().board_version == version + 1


def test_labels_criteria_and_assignee_of_a_task_are_edited(
    rows: ChatSession, client: Client, alice: User, boss: User
) -> None:
    task = Task.objects.get()
    data = {
        "title": task.title,
        "status": "pending",
        "priority": "high",
        "labels": "Web api",
        "criteria": "[x] A slot is booked\r\n\r\nA mail is sent",
        "assignee": alice.get_username(),
    }
    here = page(Task, "change", task.pk)
    assert client.post(here, data).status_code == 302
    task.refresh_from_db()
    assert (task.labels, task.assignee) == (["web", "api"], alice)
    assert task.criteria == [
        {"id": "c1", "text": "A slot is booked", "done": True},
        {"id": "c2", "text": "A mail is sent", "done": False},
    ]
    shown = client.get(here).context["adminform"].form
    assert shown["criteria"].value() == "[x] A slot is booked\r\n[ ] A mail is sent"
    for wrong in ({"labels": "a" * 31}, {"criteria": "x" * 501}, {"assignee": boss.get_username()}):
        response = client.post(here, data | wrong)
        assert list(response.context["adminform"].form.errors) == list(wrong)
    Project.objects.update(owner=boss)  # alice, no member any more, may stay
    assert client.post(here, data | {"labels": ""}).status_code == 302
    task.refresh_from_db()
    assert (task.labels, task.assignee) == ([], alice)
    client.post(here, data | {"assignee": ""})
    assert Task.objects.get().assignee is None


def test_what_others_change_while_a_task_is_edited_stays(
    rows: ChatSession, client: Client, boss: User
) -> None:
    def change(**fields: Any) -> None:
        task.refresh_from_db()
        with transaction.atomic():
            board.update_task(task=task, **fields)

    task = Task.objects.get()
    change(criteria=["One", "Two", "Three", "Four"], priority="low", labels=["web"])
    here = page(Task, "change", task.pk)
    form = client.get(here).context["adminform"].form
    html = "".join(str(field) for field in form)
    data = {field.html_name: field.value() or "" for field in form}
    data |= dict(re.findall(r'type="hidden" name="(initial-\w+)" value="([^"]*)"', html))
    with transaction.atomic():
        board.tick(task=task, criterion="One", done=True)
    task.refresh_from_db()
    ticked = [{**item} for item in task.criteria if item["text"] != "Three"]
    change(criteria=[*ticked, {"text": "Five", "done": True}], priority="high")
    data |= {"title": "Roster", "criteria": "[ ] One\n[x] Two\n[ ] Three\n[ ] Four\n[ ] Six"}
    told = client.post(here, data, follow=True).content.decode()
    task.refresh_from_db()
    assert (task.title, task.priority, task.labels) == ("Roster", "high", ["web"])
    assert [(item["text"], item["done"]) for item in task.criteria] == [
        ("One", True),
        ("Two", True),
        ("Four", False),
        ("Six", False),
        ("Five", True),
    ]
    assert "Others changed this task while you edited it: priority, acceptance criteria." in told
    fresh = client.get(here).context["adminform"].form
    kept = {field.html_name: field.value() or "" for field in fresh}
    told = client.post(here, kept | {f"initial-{name}": kept[name] for name in kept}, follow=True)
    assert "Others changed" not in told.content.decode()


def test_an_edited_memory_keeps_a_revision_by_the_editor(
    rows: ChatSession, client: Client, boss: User
) -> None:
    row = Memory.objects.get()
    inline = {"revisions-TOTAL_FORMS": "0", "revisions-INITIAL_FORMS": "0"}
    data = {"title": "MySQL", "content": "We use MySQL", "kind": "decision", "category": ""}
    client.post(page(Memory, "change", row.pk), {**data, **inline})
    assert Memory.objects.get().content == "We use MySQL"
    latest = MemoryRevision.objects.order_by("number").last()
    assert latest is not None
    assert (latest.number, latest.action, latest.by) == (2, "updated", boss)
    client.post(page(Memory, "change", row.pk), {**data, **inline, "content": "x" * 10_001})
    assert Memory.objects.get().content == "We use MySQL"


@pytest.mark.parametrize("model", [Task, Memory])
def test_what_is_deleted_here_is_found_by_the_filter_and_can_be_restored(
    rows: ChatSession, client: Client, model: Any
) -> None:
    row = model.objects.get()
    assert f"Deleted 1 {model._meta.verbose_name}." in act(
        client, model, "delete_selected_rows", row
    )
    assert not model.objects.exists()
    assert rows_shown(client, model) == 0
    assert rows_shown(client, model, {"deleted": "yes"}) == 1
    assert rows_shown(client, model, {"deleted": "all"}) == 1
    assert client.get(page(model, "change", row.pk)).status_code == 200
    response = client.post(
        page(model, "changelist") + "?deleted=yes",
        {"action": "restore_selected_rows", "_selected_action": [str(row.pk)]},
        follow=True,
    )
    assert f"Restored 1 {model._meta.verbose_name}." in response.content.decode()
    assert model.objects.get() == row
    assert client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403


# -- tokens ----------------------------------------------------------------------------------------


def test_a_tokens_digest_is_never_shown(rows: ChatSession, client: Client) -> None:
    token = ApiToken.objects.get()
    pages = [page(ApiToken, "changelist"), page(ApiToken, "change", token.pk)]
    pages += [page(ApiToken, "delete", token.pk), page(User, "delete", token.user_id)]
    for address in pages:
        text = text_of(client, address)
        assert token.prefix in text or address == pages[-1]
        assert token.digest not in text


def test_a_revoked_token_opens_nothing(rows: ChatSession, client: Client, alice: User) -> None:
    token, key = create_token(alice, "lost")
    assert "Revoked 1 token." in act(client, ApiToken, "revoke_selected", token)
    assert find_token(key) is None
    assert rows_shown(client, ApiToken, {"status": "revoked"}) == 1
    assert rows_shown(client, ApiToken, {"status": "active"}) == 1


# -- deletion --------------------------------------------------------------------------------------

IN_A_PROJECT = [model for model in MODELS if model not in (Project, ApiToken, AuditEntry)]


def test_deleting_a_project_says_how_much_goes_and_takes_it_all(
    rows: ChatSession, client: Client
) -> None:
    address = page(Project, "delete", rows.project_id)
    text = text_of(client, address)
    assert "Events: 9" in text
    assert "Analyzing" not in text
    assert client.post(address, {"post": "yes"}).status_code == 302
    assert [model for model in IN_A_PROJECT if model._base_manager.exists()] == []


def test_deleting_a_session_leaves_the_project_its_tasks_and_memories(
    rows: ChatSession, client: Client
) -> None:
    chosen = {"action": "delete_selected", "_selected_action": [str(rows.pk)], "post": "yes"}
    client.post(page(ChatSession, "changelist"), chosen)
    gone = (ChatSession, Message, Run, Event, PlanStep)
    assert not any(model._base_manager.exists() for model in gone)
    assert Task.objects.count() == Memory.objects.count() == Project.objects.count() == 1


def test_deleting_a_person_takes_along_the_projects(
    rows: ChatSession, client: Client, alice: User
) -> None:
    address = page(User, "delete", alice.pk)
    assert "Project with members: Clinic booking" in text_of(client, address)
    client.post(address, {"post": "yes"})
    alice.refresh_from_db()
    assert alice.is_active
    Membership.objects.all().delete()
    assert client.post(address, {"post": "yes"}).status_code == 302
    assert account_deletion.delete_parts(alice.pk)
    kept = [model for model in MODELS if model._base_manager.exists()]
    assert kept == [AuditEntry]
    assert not User.objects.filter(pk=alice.pk).exists()


def test_who_may_delete_projects_but_not_events_deletes_neither(
    rows: ChatSession, client: Client, bob: User
) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    names = ("view_project", "delete_project")
    bob.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(bob)
    address = page(Project, "delete", rows.project_id)
    assert "event" in text_of(client, address)
    assert client.post(address, {"post": "yes"}).status_code == 403
    assert Project.objects.exists()


def test_staff_who_may_only_view_can_neither_edit_nor_act(
    rows: ChatSession, client: Client, bob: User
) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(bob)
    task = Task.objects.get()
    assert rows_shown(client, Task) == 1
    assert client.post(page(Task, "change", task.pk), {"title": "x"}).status_code == 403
    act(client, Task, "delete_selected_rows", task)
    act(client, ApiToken, "revoke_selected", ApiToken.objects.get())
    assert Task.objects.get().title == task.title
    assert ApiToken.objects.get().revoked_at is None


def test_a_person_who_is_no_staff_sees_nothing(rows: ChatSession, client: Client) -> None:
    client.force_login(rows.project.owner)
    for model in MODELS:
        assert client.get(page(model, "changelist")).status_code == 302


# -- rights ----------------------------------------------------------------------------------------


def test_who_may_change_users_gets_no_other_rights_by_that(
    boss: User, alice: User, bob: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alice.user_permissions.set(
        Permission.objects.filter(
            codename__in=["view_user", "change_user", "delete_user", "add_user"]
        )
    )
    client = Client()
    client.force_login(alice)
    for person in (alice, bob):
        fields = {"username": person.username, "first_name": "New", "is_active": "on"}
        fields |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
        rights = {"is_staff": "on", "is_superuser": "on", "user_permissions": "1"}
        client.post(page(User, "change", person.pk), fields | rights)
        person.refresh_from_db()
        assert (person.first_name, person.is_superuser) == ("New", False)
    assert not bob.is_staff
    assert not bob.user_permissions.exists()
    digest = boss.password
    new = {"password1": "a long one 77", "password2": "a long one 77", "usable_password": "true"}
    assert client.post(f"/admin/auth/user/{boss.pk}/password/", new).status_code == 403
    assert client.post(page(User, "change", boss.pk), {"username": "gone"}).status_code == 403
    assert client.post(page(User, "delete", boss.pk), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(boss.pk)], "post": "yes"}
    User.objects.create_superuser("another")
    client.post(page(User, "changelist"), chosen)
    boss.refresh_from_db()
    assert (boss.username, boss.password, boss.is_active) == ("boss", digest, True)
