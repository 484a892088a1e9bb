"""Messages are found by the beginnings of their words, the same on both databases."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.databases import migrated_database
from tests.support.found_messages import QUERIES, TEXTS
from tests.support.server import ROOT, environment

BEFORE = {
    "zahl": [TEXTS[0]] * 2,
    "cafe": [TEXTS[0]] * 2,
    "システム": [TEXTS[1]] * 2,
    "予": [TEXTS[1]] * 2,
    "foo-bar": [TEXTS[2]] * 2,
    "50%": [TEXTS[2]] * 2,
    "it's": [TEXTS[3]] * 2,
    "\\ quo": [TEXTS[3]] * 2,
    "wish": ["wish 299", "wish 298", "wish 297"],
    "wish 29": ["wish 299", "wish 298", "wish 297"],
    "w": ["wish 299", "wish 298", "wish 297"],
    "&": [],
}
AFTER = {
    **{query: texts[:1] for query, texts in BEFORE.items()},
    **{query: ["wish 298", "wish 297", "wish 296"] for query in ("wish", "wish 29", "w")},
}


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_messages_are_found_until_they_are_changed_or_deleted(
    database: str, migrated_var: Path
) -> None:
    if database == "sqlite":
        is_found(migrated_var, "")
    else:
        with migrated_database() as url:
            is_found(migrated_var, url)


def is_found(var: Path, url: str) -> None:
    done = forked.run(
        [sys.executable, "-m", "tests.support.found_messages"],
        cwd=ROOT,
        env=environment(var, DATABASE_URL=url),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    before, after, gone = json.loads(done.stdout)
    assert dict(zip(QUERIES, before, strict=True)) == BEFORE
    assert dict(zip(QUERIES, after, strict=True)) == AFTER
    assert gone == [[]] * len(QUERIES)
