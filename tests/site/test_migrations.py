"""Migrations of what people have stored: an older database, filled, then brought up to date."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT, environment

# More rows than one batch of the migration.
FILL = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

call_command("migrate", "agent", "0010", verbosity=0)
call_command("migrate", "auth", verbosity=0)
executor = MigrationExecutor(connection)
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


@pytest.mark.long
def test_what_an_older_version_stored_is_found_by_its_texts_and_numbers(
    tmp_path: Path,
) -> None:
    env = {**environment(tmp_path), "DJANGO_SETTINGS_MODULE": "samurai_site.settings"}
    for program in (FILL, CHECK):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
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
