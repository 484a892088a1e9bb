"""A new database and those of older versions: the same tables, and what people have stored in them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tests.support import forked, schemas
from tests.support.databases import migrated_database, settings_of
from tests.support.server import ROOT, environment, new_database

# Migrates a new database without the migrations that replace others.
STEP_BY_STEP = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

executor = MigrationExecutor(connection)
executor.loader.replace_migrations = False
executor.loader.build_graph()
executor.migrate([{}])
"""
THE_REST = """
call_command("migrate", verbosity=0)
"""
LAST_REPLACED = """
    ("agent", "0046_events_without_key_of_run"),
    ("auth", "0012_alter_user_first_name_max_length"),
    ("chat", "0003_names_of_tokens_of_a_project"),
"""
OLDER = '("agent", "0010_plain_help_texts"), ("chat", "0001_kept_answers")'
# More rows than one batch of the migration.
FILL = """
call_command("migrate", "auth", verbosity=0)
old = executor.loader.project_state([("agent", "0010_plain_help_texts")]).apps
user = old.get_model("auth", "User").objects.create(username="alice")
project = old.get_model("agent", "Project").objects.create(name="Old", owner=user)
memories, tasks = old.get_model("agent", "Memory"), old.get_model("agent", "Task")
memories._base_manager.bulk_create(
    memories(project=project, title=f"M{n}", content=f"We use {n}") for n in range(1100)
)
tasks._base_manager.bulk_create(tasks(project=project, title=f"T{n}") for n in range(1100))
session = old.get_model("agent", "ChatSession").objects.create(project=project)
messages = old.get_model("agent", "Message")
messages.objects.bulk_create(
    messages(session=session, role="user", content=f"Wish {n}") for n in range(1100)
)
"""
CHECK = """
import django
django.setup()
from django.core.management import call_command

call_command("migrate", verbosity=0)
import json
from agent.board import tasks
from agent.board.finding import find_task
from agent.memory import memories
from agent.models import Memory, Message, Project, Task
from agent.text import message_index

project = Project.objects.get()
known, change = memories.remember(
    project_id=project.pk, title="Another", content="we use 1099.", kind="fact"
)
print(json.dumps([
    find_task(project.pk, "t1099").title,
    Task.objects.filter(title_key="").count() + Memory.objects.filter(content_key="").count(),
    known.title, change.action, Memory.objects.count(),
    sorted(Task.objects.values_list("number", flat=True)) == list(range(1, 1101)),
    tasks.create_task(project_id=project.pk, title="New")[0].number,
    [Message.objects.get(pk=key).content for key in message_index.find([project.pk], ["wish", "1098"], 5)],
    len(message_index.find([project.pk], ["wis"], 2000)),
]))
"""


def run(program: str, var: Path, **env: str) -> str:
    env = environment(var, DJANGO_SETTINGS_MODULE="samurai_site.settings", **env)
    done = forked.run([sys.executable, "-c", program], cwd=ROOT, env=env)
    assert done.returncode == 0, done.stderr.decode()
    output: str = done.stdout.decode()
    return output


@pytest.mark.long
def test_an_older_version_gets_the_tables_of_a_new_database_and_its_rows_are_found(
    tmp_path: Path, migrated_var: Path
) -> None:
    older = tmp_path / "older"
    older.mkdir()
    run(STEP_BY_STEP.format(OLDER) + FILL, older)
    assert json.loads(run(CHECK, older)) == [
        "T1099",
        0,
        "Another",
        "updated",
        1100,
        True,
        1101,
        ["Wish 1098"],
        1100,
    ]
    new = schemas.of_sqlite(migrated_var / "db.sqlite3")
    assert schemas.of_sqlite(older / "db.sqlite3") == new
    assert ("agent", "0001_squashed_0046") in new["migrations"]


@pytest.mark.long
@pytest.mark.postgresql
def test_step_by_step_postgresql_gets_the_tables_of_a_new_database(tmp_path: Path) -> None:
    with new_database() as url:
        run(
            STEP_BY_STEP.format(LAST_REPLACED) + THE_REST,
            tmp_path,
            **settings_of(url.rpartition("/")[2]),
        )
        step_by_step = schemas.of_postgresql(url)
    with migrated_database() as url:
        assert schemas.of_postgresql(url) == step_by_step


def test_replaced_migrations_describe_the_same_models() -> None:
    squashed = MigrationLoader(None)
    each = MigrationLoader(None, replace_migrations=False)
    for key, migration in squashed.replacements.items():
        expected = each.project_state(migration.replaces[-1]).models
        found = squashed.project_state(key).models
        assert {name: expected[name] for name in expected if name[0] == key[0]} == {
            name: found[name] for name in found if name[0] == key[0]
        }


@pytest.mark.django_db
def test_where_all_replaced_migrations_were_applied_only_that_is_recorded() -> None:
    replacements = MigrationLoader(connection).replacements
    recorder = MigrationRecorder(connection)
    for key in replacements:
        recorder.record_unapplied(*key)
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    assert plan == []
    executor.migrate(executor.loader.graph.leaf_nodes(), plan)
    assert replacements.keys() <= recorder.applied_migrations().keys()


@pytest.mark.django_db(transaction=True)
def test_all_tables_can_be_removed_and_made_again() -> None:
    tables = set(connection.introspection.table_names())
    call_command("migrate", "agent", "zero", verbosity=0)
    try:
        kept = connection.introspection.table_names()
        assert not [name for name in kept if name.startswith(("agent_", "chat_"))]
    finally:
        call_command("migrate", verbosity=0)
    assert set(connection.introspection.table_names()) == tables


def test_each_replaced_migration_can_be_taken_back() -> None:
    loader = MigrationLoader(None, replace_migrations=False)
    migrations = [loader.disk_migrations[key] for key in loader.disk_migrations]
    ours = [one for one in migrations if one.app_label in ("agent", "chat")]
    stuck = [one for one in ours if not all(step.reversible for step in one.operations)]
    assert stuck == []
