"""Two processes change the board of one project at the same time."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.databases import migrated_database
from tests.support.server import ROOT, environment


@pytest.mark.postgresql
def test_changes_of_two_processes_neither_deadlock_nor_overlook_each_other(tmp_path: Path) -> None:
    with migrated_database() as url:
        settings = {"DJANGO_SETTINGS_MODULE": "samurai_site.settings"}
        done = forked.run(
            [sys.executable, "-m", "tests.support.concurrent_boards"],
            cwd=ROOT,
            env={**environment(tmp_path, DATABASE_URL=url), **settings},
            timeout=120,
        )
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    assert told["create and change"] == ""
    assert "form a circle" in told["a circle"]
    assert "has changed since" in told["undo"]
    assert told["texts"][:2] == [["Start.", "First.", "Second."]] * 2
    assert told["texts"][2] == ["First.", "Second."]
