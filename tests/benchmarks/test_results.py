"""The rows of `make bench`, and the command that compares two results."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results import Bar, Row
from tests.support.server import ROOT


@pytest.fixture(autouse=True)
def no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "rows", [])
    monkeypatch.setattr(results, "damage", [])


def compared(folder: Path, before: Sequence[Row], after: Sequence[Row]) -> tuple[int, str]:
    paths = [folder / "before.json", folder / "after.json"]
    for path, rows in zip(paths, (before, after), strict=True):
        results.rows[:] = rows
        results.save(path)
    command = [sys.executable, str(ROOT / "benchmarks" / "compare.py"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_bar_may_be_of_the_median_or_of_its_ratio_to_a_peer() -> None:
    frames = Row("Stream", "frames", "/s", [90, 100, 200], Bar(0.25, "bare"), True)
    assert Row(**{**vars(frames), "peers": {"bare": [300, 400, 900]}}).meets_bar
    assert not Row(**{**vars(frames), "peers": {"bare": [500, 600, 900]}}).meets_bar
    assert Row("Page", "first byte", "ms", [10, 30, 90], Bar(30)).meets_bar
    assert not Row("Page", "first byte", "ms", [10, 31, 90], Bar(30)).meets_bar


def test_the_table_tells_spread_bar_and_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    peers = {"bare": [4.0], "sse": [1.0]}
    results.add(Row("Page", "first byte", "ms", [1, 2, 1234], Bar(1), peers=peers))
    heading, _, line = capsys.readouterr().out.strip().splitlines()
    assert heading == "Page"
    assert " ".join(line.split()) == (
        "first byte 2 1 1,234 ms at most 1 MISSED; 0.50 of bare, 2.00 of sse"
    )


def test_only_a_change_beyond_the_spread_counts(tmp_path: Path) -> None:
    before = [
        Row("Page", "slower", "ms", [10, 11, 12]),
        Row("Page", "noisy", "ms", [10, 11, 20]),
        Row("Stream", "more", "/s", [100, 101, 102], more_is_better=True),
        Row("Stream", "dropped", "/s", [1]),
    ]
    after = [
        Row("Page", "slower", "ms", [20, 22, 23]),
        Row("Page", "noisy", "ms", [11, 16, 19]),
        Row("Stream", "more", "/s", [200, 201, 202], more_is_better=True),
    ]
    code, told = compared(tmp_path, before, after)
    slower, noisy, more, dropped = told.splitlines()[1:]
    assert slower.endswith("2.00  WORSE")
    assert noisy.endswith("1.45")
    assert more.endswith("1.99  BETTER")
    assert "only in one" in dropped
    assert code == 1
    assert compared(tmp_path, after, after)[0] == 0


def test_lost_events_are_damage_and_a_missed_bar_is_none(tmp_path: Path) -> None:
    results.add(Row("Page", "first byte", "ms", [40], Bar(30)))
    results.check(True, "all is well")
    results.check(False, "events were lost")
    results.save(tmp_path / "out.json")
    saved = json.loads((tmp_path / "out.json").read_text())
    assert saved["damage"] == ["events were lost"]
    assert [row["meets_bar"] for row in saved["rows"]] == [False]
    assert results.load(tmp_path / "out.json") == results.rows
