"""The full-text index, the same on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.test.utils import CaptureQueriesContext

from agent.models import Project, SearchEntry
from agent.support.words import terms
from agent.text import search_index

Add = Callable[..., UUID]
OF_THE_INDEX = ("0002_search_index", "0013_search_by_project", "0015_search_one_index")


@pytest.fixture
def add(project: Project) -> Add:
    def add(body: str, neighbours: str = "", kind: str = "memory", **fields: Any) -> UUID:
        fields = {"project_id": project.pk, "object_id": uuid4()} | fields
        search_index.put(
            [search_index.entry(kind=kind, body=body, neighbours=neighbours, **fields)]
        )
        return UUID(str(fields["object_id"]))

    return add


@pytest.fixture
def find(project: Project) -> Callable[..., list[UUID]]:
    def find(text: str, kind: str = "memory", limit: int = 10) -> list[UUID]:
        return search_index.search(project.pk, kind, text, limit)

    return find


Find = Callable[..., list[UUID]]


@pytest.mark.parametrize(
    "text",
    [
        "database",
        "Which DATABASES did we decide on?",
        "deciding",
        "a database, or a spaceship",
        "ｄａｔａｂａｓｅ",
        "dätabase",
    ],
)
def test_a_text_is_found_by_any_of_its_words_whatever_their_form(
    add: Add, find: Find, text: str
) -> None:
    wanted = add("We decided to use PostgreSQL as the database")
    add("Doctors publish free slots")
    assert find(text) == [wanted]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Runs on example.com/app behind a proxy", "example"),
        ("Use Django/PostgreSQL", "postgresql"),
        ("Mail to dev@clinic.test", "clinic"),
        ("Patient sign-up", "sign"),
        ("Rename in_progress", "progress"),
        ("The café opens", "cafe"),
        ("<b>Bold</b> &amp; bright", "bold"),
    ],
)
def test_words_within_addresses_paths_and_names_are_found(
    add: Add, find: Find, body: str, text: str
) -> None:
    wanted = add(body)
    add("Another thing")
    assert find(text) == [wanted]


def test_what_has_more_and_rarer_words_comes_first(add: Add, find: Find) -> None:
    common = [add(f"The clinic has number {number}") for number in range(5)]
    rare = add("The calendar has colours")
    both = add("The clinic has a calendar")
    found = find("clinic calendar")
    assert found[:2] == [both, rare]
    assert set(found[2:]) == set(common)
    assert find("clinic calendar", limit=2) == [both, rare]


def test_what_was_said_around_it_counts_less_than_the_text_itself(add: Add, find: Find) -> None:
    around = add("Tests come first", neighbours="How do we handle the calendar?")
    itself = add("A calendar with colours", neighbours="Which look do we want?")
    add("Something else", neighbours="And nothing more")
    assert find("calendar") == [itself, around]


def test_stop_words_find_nothing(add: Add, find: Find) -> None:
    add("What is it that we do about the other one?")
    assert find("What is it?") == []


def test_of_equally_good_ones_the_newer_comes_first(add: Add, find: Find) -> None:
    older, newer = add("Calendar"), add("Calendar")
    assert find("calendar") == [newer, older]


def test_kinds_and_projects_are_kept_apart(
    alice: User, project: Project, add: Add, find: Find
) -> None:
    elsewhere = Project.objects.create(name="Another", owner=alice)
    memory, task = add("A calendar"), add("A calendar", kind="task")
    add("A calendar", project_id=elsewhere.pk)
    assert find("calendar") == [memory]
    assert find("calendar", kind="task") == [task]


def test_the_index_follows_each_change_of_a_text(add: Add, find: Find) -> None:
    changed = add("A calendar", neighbours="weekly")
    add("A timetable", neighbours="daily", object_id=changed)
    assert (find("calendar"), find("weekly")) == ([], [])
    assert find("timetable") == find("daily") == [changed]
    search_index.remove(changed)
    assert find("timetable daily") == []
    assert not SearchEntry.objects.exists()


def test_a_deleted_project_leaves_nothing_in_the_index(
    project: Project, add: Add, find: Find
) -> None:
    add("A calendar")
    Project.objects.filter(pk=project.pk).delete()
    assert find("calendar") == []
    assert not SearchEntry.objects.exists()


HOSTILE = [
    '"',
    '""',
    '"calendar',
    "calendar AND",
    "AND OR NOT NEAR",
    "NEAR(calendar slot)",
    "(calendar",
    "calendar)",
    "body:calendar",
    "nothing:calendar",
    "-calendar",
    "^calendar",
    "calendar*",
    "*",
    "calendar + ",
    "calendar;DROP TABLE agent_searchentry",
    "'calendar'",
    "calendar\\",
    "calendar\x00",
    "\x00",
    "\ud800 calendar",
    "calendar & | ! <-> :*",
    "%s %(x)s %",
    "{calendar}",
    "🗓️",
    "",
    " ",
    "\u0301",
    "शब्द",
    "𞤀𞤁",
    "calendar " + "a" * 3000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_can_be_looked_for(add: Add, find: Find, text: str) -> None:
    wanted = add("A calendar")
    add("Something else")
    assert find(text) == ([wanted] if "calendar" in text else [])


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_can_be_put_into_the_index(add: Add, find: Find, text: str) -> None:
    wanted = add(f"{text} timetable", neighbours=text)
    assert find("timetable") == [wanted]


def test_a_huge_text_is_indexed_and_looked_for_by_its_beginning(add: Add, find: Find) -> None:
    words = " ".join(f"word{number}" for number in range(20_000))
    wanted = add(words, neighbours=words)
    assert find(words) == [wanted]
    signs = "".join(chr(0x4E00 + number % 20_000) for number in range(100_000))
    assert find(signs) == []
    other = add(signs, neighbours=signs)
    assert find(signs) == [other]


def test_at_most_fifty_different_words_are_looked_for(find: Find) -> None:
    text = " ".join(f"word{number}" for number in range(100_000)) + " word1" * 1000
    with CaptureQueriesContext(
        connection,
    ) as queries:
        find(text)
    assert len(queries) == 1
    assert "word49" in queries[0]["sql"]
    assert "word50" not in queries[0]["sql"]
    assert terms("the same word, and the same word", 50) == ["word"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("データベースはPostgreSQLを使う", "データベース"),
        ("データベースはPostgreSQLを使う", "どのデータベースですか"),
        ("データベースはPostgreSQLを使う", "postgresql"),
        ("予約の前日にSMSを送る", "予約"),
        ("黒猫の名前", "猫"),
        ("我们决定使用数据库", "数据库是什么"),
        ("데이터베이스는 크다", "데이터베이스"),
        ("ﾃﾞｰﾀﾍﾞｰｽ", "データベース"),
        ("ข้อมูลผู้ป่วย", "ผู้ป่วย"),
    ],
)
def test_text_without_spaces_between_words_is_found(
    add: Add, find: Find, body: str, text: str
) -> None:
    wanted = add(body)
    add("テストを先に書く")
    add("Something else")
    assert find(text) == [wanted]


def test_text_without_spaces_is_ranked_too(add: Add, find: Find) -> None:
    add("天気の話")
    less = add("データの話")
    more = add("データベースの話")
    assert find("データベース") == [more, less]


@pytest.mark.django_db(transaction=True)
def test_the_migrations_of_the_index_can_be_taken_back_and_applied_again(alice: User) -> None:
    project = Project.objects.create(name="Kept", owner=alice)
    key = uuid4()
    search_index.put(
        [search_index.entry(project_id=project.pk, kind="task", object_id=key, body="Calendar")]
    )
    loader = MigrationLoader(connection, replace_migrations=False)
    migrations = [loader.disk_migrations["agent", name] for name in OF_THE_INDEX]
    taken_back = []
    try:
        for migration in reversed(migrations):
            with connection.schema_editor() as editor:
                migration.unapply(models_before(loader, migration), editor)
            taken_back.insert(0, migration)
        assert SearchEntry.objects.get().object_id == key
        assert "agent_searchindex" not in connection.introspection.table_names()
    finally:
        for migration in taken_back:
            with connection.schema_editor() as editor:
                migration.apply(models_before(loader, migration), editor)
    assert search_index.search(project.pk, "task", "calendar", 5) == [key]


def models_before(loader: MigrationLoader, migration: Migration) -> ProjectState:
    """Returns what the index refers to, before a migration: all models take seconds."""
    state = loader.project_state((migration.app_label, migration.name), at_end=False)
    for app, name in list(state.models):
        if app == "agent" and name not in ("project", "searchentry"):
            del state.models[app, name]
    return state
