"""What a request for the board of a replay costs in a project of many tasks and changes.

It is compared with the same request in a small project, whose board is as long as a slice of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.people import ROOT
from benchmarks.results import Bar, Row, add
from benchmarks.sides import have_postgresql
from tests.support.server import environment, new_database

SMALL, LARGE = (250, 1_250), (10_000, 50_000)  # tasks and changes
PART = "Replay: a slice of the board of 10,000 tasks and 50,000 changes"


def main() -> None:
    measure("SQLite", postgresql=False)
    if have_postgresql():
        measure("PostgreSQL", postgresql=True)


def measure(name: str, *, postgresql: bool) -> None:
    small, large = costs(SMALL, postgresql=postgresql), costs(LARGE, postgresql=postgresql)
    seconds = [[cost["seconds"] for cost in of] for of in (small, large)]
    ratios = [many / few for few, many in zip(*seconds, strict=True)]
    add(Row(PART, f"{name}: time of that of a small board", "x", ratios, Bar(3.0)))
    add(Row(PART, f"{name}: time", "ms", [value * 1000 for value in seconds[1]], Bar(300.0)))
    add(Row(PART, f"{name}: response", "kB", [cost["bytes"] / 1000 for cost in large], Bar(300.0)))
    add(Row(PART, f"{name}: rows read", "rows", [cost["rows"] for cost in large], Bar(1500.0)))


def costs(sizes: tuple[int, int], *, postgresql: bool) -> list[dict[str, Any]]:
    """Returns the cost of each slice that is asked for, in a database of its own."""
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(new_database()) if postgresql else ""
        env = environment(var, DATABASE_URL=url)
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, cwd=ROOT, env=env, check=True)
        command = [sys.executable, "-m", "tests.support.long_history", *map(str, sizes)]
        done = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found
