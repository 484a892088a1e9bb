"""Measures time and memory of `manage.py run_batch` with 1,000 messages and the offline model.

A part of `make bench`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.results import Bar, Row, add
from tests.support.server import ROOT, environment, seeded

PART = "1,000 messages by run_batch, offline model, each a task"
MESSAGES = 1000
EARLY = 200  # results before the first measurement of the memory
MEBIBYTE = 1_048_576


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        seed = seeded(var)
        wishes = var / "wishes.txt"
        wishes.write_text("".join(f"Create a task for part {n}\n" for n in range(MESSAGES)))
        command = [sys.executable, "manage.py", "run_batch", str(wishes)]
        command += ["--project", seed["project"], "--output", str(var / "out"), "--quiet"]
        began = time.monotonic()
        process = psutil.Popen(command, cwd=ROOT, env=environment(var))
        early, peak, processor = _watch(process, var / "out")
        took = time.monotonic() - began
        assert process.wait() == 0
    add(Row(PART, "all", "s", [took], Bar(60)))
    add(Row(PART, "processor time", "s", [processor]))
    add(Row(PART, f"memory after {EARLY} results", "MB", [early]))
    add(Row(PART, "memory at most", "MB", [peak]))


def _watch(process: psutil.Popen, out: Path) -> tuple[float, float, float]:
    """Returns the memory early on and its peak, in MB, and the processor time in seconds."""
    early = peak = processor = 0.0
    while process.poll() is None:
        try:
            memory = process.memory_info().rss / MEBIBYTE
            processor = sum(process.cpu_times()[:2])
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            break
        peak = max(peak, memory)
        if not early and out.exists() and out.read_bytes().count(b"\n") >= EARLY:
            early = memory
        time.sleep(0.5)
    return early, peak, processor
