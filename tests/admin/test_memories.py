"""Memories in the admin: found as the agent finds them, compared, taken back, carried in and out."""

from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client
from django.urls import reverse

from agent.memory import memories
from agent.models import ChatSession, Memory, MemoryRevision, Project
from tests.support.admin_site import act, allow, body, page, rows_shown, text_of, told_of

pytestmark = pytest.mark.django_db(transaction=True)


def history(row: Memory) -> str:
    return reverse("admin:agent_memory_revisions", args=[row.pk])


@pytest.fixture
def row(rows: ChatSession) -> Memory:
    found: Memory = Memory.objects.get()
    return found


def test_a_memory_is_found_by_other_forms_of_its_words_and_by_parts_of_them(
    row: Memory, client: Client
) -> None:
    memories.revise(memory=row, content="We are using PostgreSQL for bookings")
    for words, found in (("booked", 1), ("used in bookings", 1), ("ostgre", 1), ("MySQL", 0)):
        assert rows_shown(client, Memory, {"q": words}) == found, words
    memories.forget(memory=row)
    assert rows_shown(client, Memory, {"q": "bookings", "deleted": "yes"}) == 1


def test_memories_are_narrowed_by_project_kind_category_and_age(
    row: Memory, client: Client
) -> None:
    memories.revise(memory=row, category="storage")
    other = Project.objects.create(name="Other", owner=row.project.owner)
    memories.remember(project_id=other.pk, title="x", content="y", kind="note", category="else")
    for query in (
        {"project__id__exact": str(row.project_id)},
        {"kind__exact": "decision"},
        {"category__exact": "storage"},
    ):
        assert rows_shown(client, Memory, query) == 1, query
    assert rows_shown(client, Memory, {"updated_at__gte": "2999-01-01 00:00:00+00:00"}) == 0


def test_revisions_show_word_by_word_what_changed(row: Memory, client: Client) -> None:
    memories.revise(memory=row, content="We use MySQL <b>", title="MySQL")
    text = text_of(client, history(row))
    assert "We use <del>PostgreSQL</del><ins>MySQL &lt;b&gt;</ins>" in text
    assert "<b>title</b>: <del>PostgreSQL</del><ins>MySQL</ins>" in text
    assert text.index("2 Updated") < text.index("1 Created")


def test_a_revision_is_taken_back_as_one_of_its_own(row: Memory, client: Client) -> None:
    memories.revise(memory=row, content="We use MySQL")
    version = Project.objects.get().board_version
    assert (
        "Revision 2 was undone."
        in client.post(history(row), {"number": "2"}, follow=True).content.decode()
    )
    row.refresh_from_db()
    assert row.content == "We use PostgreSQL"
    assert MemoryRevision.objects.filter(memory=row).count() == 3
    assert Project.objects.get().board_version == version + 1
    assert told_of(row) == ["boss: Undid revision 2."]
    # Over a later change it is refused.
    assert (
        "has changed since"
        in client.post(history(row), {"number": "2"}, follow=True).content.decode()
    )
    # The first one's undoing is forgetting, and that one's undoing brings it back.
    client.post(history(row), {"number": "1"})
    assert not Memory.objects.exists()
    client.post(history(row), {"number": "4"})
    assert Memory.objects.get().content == "We use PostgreSQL"
    for number in ("9", "x", ""):
        assert client.post(history(row), {"number": number}).status_code == 404


def test_who_may_only_view_reads_revisions_and_takes_none_back(
    row: Memory, client: Client, bob: User
) -> None:
    memories.revise(memory=row, content="We use MySQL")
    allow(client, bob, "view_memory")
    assert "Undo 2" not in text_of(client, history(row))
    assert client.post(history(row), {"number": "2"}).status_code == 403
    allow(client, bob, "view_task")
    assert client.get(history(row)).status_code == 403
    assert Memory.objects.get().content == "We use MySQL"


# -- carrying in -----------------------------------------------------------------------------------

IMPORT = "admin:agent_memory_import"


def carry_in(client: Client, project: Project, *lines: object) -> str:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    file = SimpleUploadedFile("memories.jsonl", text.encode())
    response = client.post(reverse(IMPORT), {"project": str(project.pk), "file": file})
    return response.content.decode()


def test_a_file_of_memories_is_taken_in_and_what_cannot_be_kept_is_told(
    row: Memory, client: Client
) -> None:
    project = row.project
    text = carry_in(
        client,
        project,
        {"title": "Cache", "content": "We use Redis", "kind": "decision", "category": "storage"},
        {"title": "PostgreSQL", "content": "We use PostgreSQL 16", "kind": "decision"},
        {"title": "Cache", "content": "We use Redis", "kind": "decision", "category": "storage"},
        {"title": "Bad", "content": "x", "kind": "opinion"},
        {"title": "Bad", "content": "x" * 10_001},
        {"title": "Bad", "content": 7},
        "nonsense",
        "",
    )
    assert "Created: 1. Updated: 1. Unchanged: 1. Skipped: 4." in text
    for number in (4, 5, 6, 7):
        assert f"Line {number}: " in text
    assert {m.content for m in Memory.objects.all()} == {"We use Redis", "We use PostgreSQL 16"}
    revision = MemoryRevision.objects.filter(memory=row).latest("number")
    assert revision.by is not None
    assert revision.by.username == "boss"
    assert LogEntry.objects.filter(change_message="Imported.").count() == 2
    assert rows_shown(client, Memory, {"q": "redis"}) == 1


def test_a_file_that_is_none_is_refused_as_a_whole(row: Memory, client: Client) -> None:
    assert "more than 500 lines" in carry_in(client, row.project, *["{}"] * 501)
    file = SimpleUploadedFile("memories.jsonl", b"\xff\xfe")
    data = {"project": str(row.project_id), "file": file}
    assert "must be UTF-8 text" in client.post(reverse(IMPORT), data).content.decode()
    assert "required" in client.post(reverse(IMPORT), {}).content.decode()
    assert Memory.objects.count() == 1


def test_who_may_not_add_memories_takes_none_in(row: Memory, client: Client, bob: User) -> None:
    allow(client, bob, "view_memory", "change_memory", "view_project")
    assert reverse(IMPORT) not in text_of(client, page(Memory, "changelist"))
    assert client.get(reverse(IMPORT)).status_code == 403
    assert "Remembered" not in carry_in(client, row.project, {"title": "x", "content": "y"})
    assert Memory.objects.count() == 1
    allow(client, bob, "view_memory", "change_memory", "add_memory")
    assert reverse(IMPORT) in text_of(client, page(Memory, "changelist"))


# -- carrying out ----------------------------------------------------------------------------------


async def test_what_is_carried_out_can_be_carried_in_elsewhere(
    row: Memory, async_client: AsyncClient, client: Client, boss: User
) -> None:
    await async_client.aforce_login(boss)
    chosen = {"action": "export_selected", "_selected_action": [str(row.pk)]}
    response = await async_client.post(page(Memory, "changelist"), chosen)
    text = await body(response)  # type: ignore[arg-type]
    (line,) = text.splitlines()
    told = json.loads(line)
    assert (told["project"], told["content"]) == ("Clinic booking", "We use PostgreSQL")
    entry = await LogEntry.objects.aget()
    assert entry.change_message == "Exported."


def test_every_action_is_in_the_history_of_its_row(row: Memory, client: Client) -> None:
    act(client, Memory, "delete_selected_rows", row)
    client.post(
        page(Memory, "changelist") + "?deleted=yes",
        {"action": "restore_selected_rows", "_selected_action": [str(row.pk)]},
    )
    assert told_of(row) == ["boss: Restored.", "boss: Deleted."]
