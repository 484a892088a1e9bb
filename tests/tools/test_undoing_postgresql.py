"""The object that is to be undone is found on both databases."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.databases import migrated_database
from tests.support.server import ROOT, environment

PROGRAM = r"""
import asyncio, json, django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command

from agent.board import tasks
from agent.edits.manual_changes import apply_in_session
from agent.models import ChatSession, Project
from tests.support.tool_calls import call_of, user_of

TITLES = ['Say "hello"', "A 100% \\ path_1", "Über die Straße"]

call_command("migrate", verbosity=0)
alice = User.objects.create(username="alice")
project = Project.objects.create(name="P", owner=alice)
session = ChatSession.objects.create(project=project, created_by=alice)

def create(title):
    task, change = tasks.create_task(project_id=project.pk, title=title)
    return task, [change]

async def make():
    for title in TITLES:
        await apply_in_session(session.pk, alice, lambda title=title: create(title))

asyncio.run(make())
use = user_of(call_of(session))
print(json.dumps([use("undo", object=title.lower())["changes"] for title in TITLES]))
"""


def undone(tmp_path: Path, url: str = "") -> list[list[str]]:
    settings = {"DJANGO_SETTINGS_MODULE": "samurai_site.settings"}
    done = forked.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**environment(tmp_path, DATABASE_URL=url), **settings},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: list[list[str]] = json.loads(done.stdout)
    return found


EXPECTED = [
    ['Deleted task “Say "hello"”'],
    ["Deleted task “A 100% \\ path_1”"],
    ["Deleted task “Über die Straße”"],
]


def test_any_title_is_found_on_sqlite(migrated_var: Path) -> None:
    assert undone(migrated_var) == EXPECTED


@pytest.mark.postgresql
def test_any_title_is_found_on_postgresql(migrated_var: Path) -> None:
    with migrated_database() as url:
        assert undone(migrated_var, url) == EXPECTED
