"""A reader learns of each commit of another connection, and of none when there was none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import migrated_database
from tests.support.server import ROOT, environment

PROGRAM = """
import asyncio, json, django
django.setup()
from django.core.management import call_command
from django.contrib.auth.models import User

from agent.support import database, database_changes
from agent.support.database_changes import DatabaseChanges

async def main():
    await asyncio.to_thread(call_command, "migrate", verbosity=0)
    changes, other, told = DatabaseChanges(), DatabaseChanges(), {}
    told["at first"] = await changes.since_last()
    told["nothing"] = await changes.since_last()
    await database.call(User.objects.count)
    told["a read"] = await changes.since_last()
    await database.call(lambda: User.objects.create(username="alice"))
    told["a commit"] = await changes.since_last()
    told["nothing after it"] = await changes.since_last()
    await database.call(lambda: User.objects.filter(username="alice").update(email="a@b.example"))
    told["an update"] = await changes.since_last()
    told["for another reader"] = await other.since_last()
    database_changes.EXPIRY = 0.0
    told["expired"] = await changes.since_last()
    print(json.dumps(told))

asyncio.run(main())
"""


def told(tmp_path: Path, url: str = "") -> dict[str, bool]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={
            **environment(tmp_path, DATABASE_URL=url),
            "DJANGO_SETTINGS_MODULE": "samurai_site.settings",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, bool] = json.loads(done.stdout)
    return found


def test_a_reader_learns_of_commits_only(migrated_var: Path) -> None:
    assert told(migrated_var) == {
        "at first": True,
        "nothing": False,
        "a read": False,
        "a commit": True,
        "nothing after it": False,
        "an update": True,
        "for another reader": True,
        "expired": True,
    }


@pytest.mark.postgresql
def test_on_postgresql_too_where_other_databases_count_as_well(migrated_var: Path) -> None:
    with migrated_database() as url:
        found = told(migrated_var, url)
    commits = ("at first", "a commit", "an update", "for another reader", "expired")
    assert all(found[name] for name in commits), found
