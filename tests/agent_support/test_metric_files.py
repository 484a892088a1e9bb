"""The metrics of several processes of one machine, some of which have ended."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from agent.support import metric_files
from tests.support.server import ROOT

# Counts three events, an open connection and a long commit, says so, and ends when it is told to.
PROCESS = """
import sys
from pathlib import Path
from agent.support import metric_files, metrics
folder = Path(sys.argv[1])
metrics.start(folder, metric_files.Process(folder))
metrics.EVENTS.add("token", amount=3)
metrics.CONNECTIONS.add("websocket")
metrics.COMMIT_SECONDS.observe(0.3)
print("measured", flush=True)
sys.stdin.readline()
"""

# Of the folders, the first is added up by a process that is killed at its first change of a file, the second
# at the second one, and so on. Prints how many were killed.
KILLED = """
import os, signal, sys
from pathlib import Path
from agent.support import metric_files
changes = 0
def count(event, arguments):
    global changes
    if event in ("os.rename", "os.remove"):
        changes += 1
        if changes == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
killed = 0
for dies_at, folder in enumerate(map(Path, sys.argv[1:]), 1):
    if not (child := os.fork()):
        metric_files._keep_ended(folder)
        os._exit(0)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print(killed)
"""


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.VAR_DIR = tmp_path
    (tmp_path / "metrics").mkdir()
    return tmp_path / "metrics"


@contextmanager
def measuring(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has measured, and lives for as long as the block."""
    command = [sys.executable, "-c", PROCESS, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "measured\n"
        try:
            yield process
        finally:
            process.kill()


def numbers() -> dict[str, float]:
    """Returns the samples but those of buckets, by name."""
    return {
        sample.name: sample.value
        for metric in metric_files.collect()
        for sample in metric.samples
        if not sample.name.endswith("_bucket")
    }


def test_processes_that_live_are_added_up(folder: Path) -> None:
    with measuring(folder), measuring(folder):
        found = numbers()
        assert found["samurai_events_total"] == 6
        assert found["samurai_connections"] == 2
        assert found["samurai_commit_delay_seconds_count"] == 2
        assert found["samurai_commit_delay_seconds_sum"] == pytest.approx(0.6)


def test_what_a_killed_process_has_counted_stays_and_its_connections_are_gone(folder: Path) -> None:
    for _ in range(3):
        with measuring(folder):
            pass
    with measuring(folder):
        for _ in range(2):  # the second time, the files of those that ended are gone
            found = numbers()
            assert found["samurai_events_total"] == 12
            assert found["samurai_connections"] == 1
            assert found["samurai_commit_delay_seconds_count"] == 4
            names = sorted(path.name for path in folder.glob("*.db"))
            assert len([name for name in names if "ended" not in name]) == 3
    for _ in range(2):
        assert numbers()["samurai_events_total"] == 12
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["collecting.lock", "counter_ended.db", "histogram_ended.db"]


def test_the_buckets_of_ended_processes_are_added_up_once(folder: Path) -> None:
    for _ in range(2):
        with measuring(folder):
            numbers()
    for _ in range(2):
        (delay,) = (
            one for one in metric_files.collect() if one.name == "samurai_commit_delay_seconds"
        )
        counts = {s.labels["le"]: s.value for s in delay.samples if s.name.endswith("_bucket")}
        assert (counts["0.25"], counts["0.5"], counts["30.0"], counts["+Inf"]) == (0, 2, 2, 2)


def test_a_file_that_its_process_had_no_time_to_write_stops_nothing(folder: Path) -> None:
    (folder / "counter_0123.db").touch()
    (folder / "histogram_0123.db").write_bytes(b"\x40\0\0\0\0\0\0\0\xff\xff\xff\x7f" + bytes(60))
    with measuring(folder):
        assert numbers()["samurai_events_total"] == 3
    assert not (folder / "counter_0123.db").exists()


def test_a_damaged_file_of_an_ended_process_stops_nothing_and_counts_nothing_twice(
    folder: Path,
) -> None:
    with measuring(folder):
        pass
    damaged = struct.pack("i4xi", 40, 8) + b"\xff" * 64  # a name that is no UTF-8
    (folder / "histogram_0123.db").write_bytes(damaged)
    for _ in range(2):
        assert numbers()["samurai_events_total"] == 3


def test_what_was_counted_counts_once_wherever_the_process_is_killed_that_adds_it_up(
    tmp_path: Path, settings: Settings
) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / "metrics").mkdir()
    with measuring(tmp_path / "metrics"):
        pass
    assert numbers()["samurai_events_total"] == 3
    with measuring(tmp_path / "metrics"), measuring(tmp_path / "metrics"):
        pass
    places = [tmp_path / str(n) / "metrics" for n in range(20)]
    for place in places:
        shutil.copytree(tmp_path / "metrics", place)
    command = [sys.executable, "-c", KILLED, *map(str, places)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert 10 < int(done.stdout) < len(places)
    for place in places:
        settings.VAR_DIR = place.parent
        for _ in range(2):
            found = numbers()
            assert found["samurai_events_total"] == 9, place
            assert found["samurai_commit_delay_seconds_count"] == 3, place
        left = sorted(path.name for path in place.iterdir())
        assert left == ["collecting.lock", "counter_ended.db", "histogram_ended.db"]


def test_a_file_that_a_process_has_just_opened_stops_nothing(folder: Path) -> None:
    with measuring(folder):
        (name,) = (path.stem for path in folder.glob("*.lock"))
        (folder / f"summary_{name}.db").touch()
        assert numbers()["samurai_events_total"] == 3
