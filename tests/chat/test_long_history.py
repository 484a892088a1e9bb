"""A replay of a project with many tasks and many changes: a request for its board stays small."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import migrated_database
from tests.support.server import ROOT, environment

TASKS, CHANGES = 2_000, 6_000


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    with migrated_database() as url:
        yield url


def test_a_slice_of_a_large_board_reads_and_sends_a_bounded_part(
    url: str, migrated_var: Path
) -> None:
    command = [sys.executable, "-m", "tests.support.long_history", str(TASKS), str(CHANGES)]
    env = environment(migrated_var, DATABASE_URL=url)
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    costs = json.loads(done.stdout)
    assert len(costs) == 4
    for cost in costs:
        assert cost["tasks"] == 200, cost
        assert cost["more"] == TASKS - 200, cost
        assert cost["bytes"] < 300_000, cost
        assert cost["rows"] < 1_500, cost
        assert cost["queries"] < 25, cost
        assert cost["changes"] >= 50, cost
