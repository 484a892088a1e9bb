"""A search ranks a bounded number of hits, and finds the same on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import migrated_database
from tests.support.large_index import SIZE
from tests.support.server import ROOT, environment

NEWEST = SIZE - 1


def found(tmp_path: Path, *queries: str, url: str = "") -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.large_index", *queries],
        cwd=ROOT,
        env=environment(tmp_path, DATABASE_URL=url),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    texts: list[list[str]] = json.loads(done.stdout)
    return texts


QUERIES = {
    "zeppelin": 100,
    "the calendar of the clinic's patients, doctors, reminders and zeppelins": 100,
    "A reminder for doctors about volcanoes": 2500,
    "aquarium calendar": 900,
    "calendars": NEWEST,
    "reminder calendar": NEWEST - 1,
    "clinic patient doctor": NEWEST,
    "n17": 17,
    "calendar n17 doctor": 17,
}


def is_found(results: list[list[str]]) -> None:
    for (query, number), first in zip(QUERIES.items(), results, strict=True):
        assert f"n{number}" in first[0].split(), (query, first)


def test_a_rare_word_counts_more_and_of_common_words_the_newest_is_found(
    migrated_var: Path,
) -> None:
    is_found(found(migrated_var, *QUERIES))


@pytest.mark.long
@pytest.mark.postgresql
def test_both_databases_find_the_same_first(migrated_var: Path) -> None:
    with migrated_database() as url:
        there = found(migrated_var, *QUERIES, url=url)
    is_found(there)
    here = found(migrated_var, *QUERIES)
    assert [first[0] for first in here] == [first[0] for first in there]
