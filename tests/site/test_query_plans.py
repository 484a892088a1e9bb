"""No query of a page, a run or an engine's loop reads more of a table the more is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import migrated_database
from tests.support.server import ROOT, environment


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    with migrated_database() as url:
        yield url


@pytest.mark.long
def test_every_query_finds_its_rows_by_an_index(url: str, migrated_var: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.query_plans"],
        cwd=ROOT,
        env=environment(migrated_var, DATABASE_URL=url),
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [], "\n".join(json.loads(done.stdout))
