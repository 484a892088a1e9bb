"""Both databases compute the same figures of the same runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import forked
from tests.support.databases import migrated_database
from tests.support.server import ROOT, environment


def figures(var: Path, url: str = "") -> dict[str, Any]:
    done = forked.run(
        [sys.executable, "-m", "tests.support.analytics_figures"],
        cwd=ROOT,
        env=environment(var, DATABASE_URL=url),
        timeout=200,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.postgresql
def test_both_databases_compute_the_same_figures(migrated_var: Path) -> None:
    with migrated_database() as url:
        of_postgresql = figures(migrated_var, url)
    of_sqlite = figures(migrated_var)
    assert of_sqlite["runs"]["number"] > 250
    assert of_sqlite.keys() == of_postgresql.keys()
    for name, value in of_sqlite.items():
        assert _is_alike(value, of_postgresql[name]), (name, value, of_postgresql[name])


def _is_alike(one: Any, other: Any, name: str = "") -> bool:
    """Compares figures. Times are rounded, so that they may differ by a millisecond."""
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_alike, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            _is_alike(one[key], other[key], key) for key in one
        )
    if name in ("change", "share") and one is not None and other is not None:
        return abs(one - other) <= 0.2
    if name.endswith("ms") and one is not None and other is not None:
        return abs(one - other) <= (1 if name != "total_ms" else one / 1000)
    return bool(one == other)
