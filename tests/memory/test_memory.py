"""The memory: remembered once, revised, forgotten, brought back and recalled."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from agent.exceptions import ToolFailed
from agent.llm.base import MemoryNote
from agent.memory import consolidation, memories
from agent.models import ChatSession, Memory, MemoryRevision, Message, Project, Run


@pytest.fixture
def said(session: ChatSession) -> Message:
    Message.objects.create(session=session, role="user", content="Good morning, colleagues")
    Message.objects.create(session=session, role="user", content="Hello, an appointment app!")
    Message.objects.create(session=session, role="assistant", content="What about the storage?")
    return Message.objects.create(session=session, role="user", content="Django with PostgreSQL")


@pytest.fixture
def run(session: ChatSession, said: Message) -> Run:
    return Run.objects.create(
        session=session, number=1, message=said, created_by=session.created_by
    )


def remember(project: Project, title: str = "PostgreSQL", **fields: Any) -> Any:
    fields = {"content": "We decided to use PostgreSQL.", "kind": "decision"} | fields
    return memories.remember(project_id=project.pk, title=title, **fields)


def revisions(one: Memory) -> list[tuple[int, str, str]]:
    rows = MemoryRevision.objects.filter(memory=one).order_by("number")
    return list(rows.values_list("number", "action", "content"))


def test_what_is_remembered_has_a_first_revision_and_its_origin(
    project: Project, run: Run, alice: User
) -> None:
    one, change = remember(
        project,
        category="storage",
        source_message_id=run.message_id,
        run_id=run.pk,
        by_id=alice.pk,
    )
    assert one.source_message == run.message
    assert (change.object, change.action, change.before) == ("memory", "created", None)
    assert change.after == {
        "id": str(one.pk),
        "title": "PostgreSQL",
        "content": "We decided to use PostgreSQL.",
        "kind": "decision",
        "category": "storage",
    }
    revision = one.revisions.get()
    assert (revision.number, revision.action, revision.run, revision.by) == (
        1,
        "created",
        run,
        alice,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"title": "postgresql", "content": " we decided to use  PostgreSQL"},
        {"content": "“We decided to use PostgreSQL”"},
    ],
)
def test_what_is_known_already_changes_nothing(project: Project, fields: dict[str, str]) -> None:
    one = remember(project)[0]
    assert remember(project, **fields) == (one, None)
    assert revisions(one) == [(1, "created", "We decided to use PostgreSQL.")]


def test_the_same_content_under_another_title_or_kind_is_revised(project: Project) -> None:
    one = remember(project, category="storage")[0]
    again, change = remember(project, title="Database", kind="fact")
    assert again == one
    assert change.action == "updated"
    assert change.after == {**change.before, "title": "Database", "kind": "fact"}
    assert Memory.objects.get().category == "storage"


def test_another_content_under_the_same_title_and_kind_is_revised(project: Project) -> None:
    one = remember(project)[0]
    again, _ = remember(project, title="postgresql ", content="PostgreSQL 15, no older one.")
    assert again == one
    assert revisions(one) == [
        (1, "created", "We decided to use PostgreSQL."),
        (2, "updated", "PostgreSQL 15, no older one."),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"content": "Another text.", "kind": "fact"},
        {"title": "Another title", "content": "Another text."},
        {"title": "C#", "content": "We decided to use PostgreSQL#"},
    ],
)
def test_something_else_is_remembered_beside_it(project: Project, fields: dict[str, str]) -> None:
    remember(project)
    assert remember(project, **fields)[1].action == "created"
    assert Memory.objects.count() == 2


def test_projects_and_forgotten_memories_do_not_count_as_known(
    project: Project, alice: User
) -> None:
    elsewhere = Project.objects.create(name="Another", owner=alice)
    first = remember(elsewhere)[0]
    one, change = remember(project)
    assert (change.action, one == first) == ("created", False)
    memories.forget(memory=one)
    assert remember(project)[1].action == "created"


def test_a_revision_changes_what_is_given_and_keeps_what_was(project: Project) -> None:
    one = remember(project)[0]
    one, change = memories.revise(memory=one, content=" Use SQLite. ", category="storage")
    assert change is not None
    assert change.before is not None
    assert change.after == {**change.before, "content": "Use SQLite.", "category": "storage"}
    assert change.after == memories.memory_json(Memory.objects.get())
    assert memories.revise(memory=one, title="PostgreSQL")[1] is None
    assert [number for number, *_ in revisions(one)] == [1, 2]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"title": " "}, "The title is empty"),
        ({"title": "x" * 201}, "title is too long: 201 of 200 characters"),
        ({"content": "\x00"}, "The content is empty"),
        ({"content": "x" * 10_001}, "content is too long: 10,001 of 10,000 characters"),
        ({"category": "x" * 51}, "category is too long: 51 of 50 characters"),
        ({"kind": "rumour"}, "not 'rumour'"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    project: Project, fields: dict[str, str], said: str
) -> None:
    one = remember(project)[0]
    with pytest.raises(ToolFailed, match=said):
        memories.revise(memory=one, **fields)  # type: ignore[arg-type]
    with pytest.raises(ToolFailed, match=said):
        remember(project, **{"title": "New", "content": "New", **fields})
    assert revisions(one) == [(1, "created", "We decided to use PostgreSQL.")]


def test_a_forgotten_memory_is_not_recalled_until_it_is_restored(
    project: Project, said: Message
) -> None:
    one = remember(project, source_message_id=said.pk)[0]
    _, change = memories.forget(memory=one)
    assert (change.action, change.after) == ("deleted", None)
    assert memories.recall(project.pk, "PostgreSQL storage", 5) == []
    with pytest.raises(ToolFailed, match="already"):
        memories.forget(memory=one)
    _, change = memories.restore(memory=one)
    assert (change.action, change.before, change.after) == (
        "restored",
        None,
        memories.memory_json(one),
    )
    assert memories.recall(project.pk, "storage", 5) == [one]
    with pytest.raises(ToolFailed, match="not deleted"):
        memories.restore(memory=one)
    assert [action for _, action, _ in revisions(one)] == ["created", "deleted", "restored"]


def test_recall_brings_the_best_first_and_follows_revisions(project: Project) -> None:
    tests = remember(project, "Tests first", content="We write tests first.", kind="preference")[0]
    tools = remember(project, "Tools", content="Django and tests with pytest.", kind="fact")[0]
    remember(project, "Slots", content="Doctors publish slots.", kind="fact")
    assert memories.recall(project.pk, "Which tests do we write first?", 5)[:2] == [tests, tools]
    assert memories.recall(project.pk, "Which tests do we write first?", 1) == [tests]
    memories.revise(memory=tests, title="Browsers", content="We look at Firefox.")
    assert memories.recall(project.pk, "tests", 5)[0] == tools
    assert memories.recall(project.pk, "firefox", 5)[0] == tests
    assert tests not in memories.recall(project.pk, "first", 5)


def test_a_memory_is_recalled_by_what_was_said_around_it_and_no_further_away(
    project: Project, said: Message
) -> None:
    one = remember(project, source_message_id=said.pk)[0]
    assert memories.recall(project.pk, "storage", 5) == [one]
    assert memories.recall(project.pk, "django", 5) == [one]
    assert memories.recall(project.pk, "appointment", 5) == [one]
    assert memories.recall(project.pk, "colleagues", 5) == []


def test_a_decision_is_recalled_as_one_whatever_its_words(project: Project) -> None:
    one = remember(project, "PostgreSQL", content="PostgreSQL it is.")[0]
    remember(project, "Firefox", content="Firefox it is.", kind="fact")
    assert memories.recall(project.pk, "What did we decide?", 5) == [one]


@pytest.mark.parametrize("reference", ["postgresql 15", "the postgresql decision", "PostgreSQLs"])
def test_a_memory_is_found_by_title(project: Project, reference: str) -> None:
    one = remember(project, "PostgreSQL 15")[0]
    remember(project, "Firefox", content="We test on Firefox.")
    assert memories.find_memory(project.pk, reference) == one
    assert memories.find_memory(project.pk, str(one.pk)) == one


def test_memories_that_are_not_there_or_several_are_said_to_be_so(
    project: Project, alice: User
) -> None:
    elsewhere = Project.objects.create(name="Another", owner=alice)
    foreign = remember(elsewhere, "Redis")[0]
    remember(project, "Test on Firefox", content="a")
    remember(project, "Test on Chromium", content="b")
    for reference in ("Redis", str(foreign.pk), str(uuid4())):
        with pytest.raises(ToolFailed, match=r"There is no memory|is gone"):
            memories.find_memory(project.pk, reference)
    with pytest.raises(ToolFailed, match="matches several: “Test on"):
        memories.find_memory(project.pk, "test")


def test_notes_of_an_exchange_revise_the_memory_that_they_name_and_add_the_others(
    project: Project, run: Run
) -> None:
    one = remember(project)[0]
    notes = [
        MemoryNote("PostgreSQL 15", "We use PostgreSQL 15.", "decision", memory_id=str(one.pk)),
        MemoryNote("Firefox", "We test on Firefox.", "preference", "tests"),
        MemoryNote("Firefox", "We test on Firefox.", "preference"),
    ]
    changes = consolidation.consolidate(run, notes, run.message.content)
    assert [change.action for change in changes] == ["updated", "created"]
    assert {item.title for item in Memory.objects.all()} == {"PostgreSQL 15", "Firefox"}
    added = Memory.objects.get(title="Firefox")
    assert added.source_message == run.message
    assert added.revisions.get().run == run


def test_a_note_that_cannot_be_kept_does_not_cost_the_others(
    project: Project, run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("agent"), "propagate", True)
    notes = [
        MemoryNote("Rumour", "Somebody said so.", "rumour"),
        MemoryNote("Nowhere", "It names no memory.", "fact", memory_id=str(uuid4())),
        MemoryNote("Odd", "It names nothing.", "fact", memory_id="the first one"),
    ]
    assert len(consolidation.consolidate(run, notes, run.message.content)) == 2
    assert {item.title for item in Memory.objects.all()} == {"Nowhere", "Odd"}
    assert "skipped an invalid note" in caplog.text
