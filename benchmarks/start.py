"""The start of a server: the time to its first answer, and its memory: a part of `make bench`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.people import seats
from benchmarks.processes import Served, server
from benchmarks.results import Bar, Row, add
from benchmarks.sides import channels

PART = "The start of a server"
ROUNDS = 3
MEBIBYTE = 1_048_576
IDLE = 2.0  # seconds until the memory is read


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        seats(var, 1)
        with channels(var):
            pass  # its database is made
        applications = {
            "ours": lambda: server(var, "samurai_site.asgi"),
            "bare": lambda: server(var, "benchmarks.peers.bare"),
            "channels": lambda: server(var / "channels", "benchmarks.peers.channels_app"),
        }
        measure(applications)


def measure(applications: dict[str, Callable[[], AbstractContextManager[Served]]]) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in applications}
    memory: dict[str, list[float]] = {name: [] for name in applications}
    for _ in range(ROUNDS):
        for name, application in applications.items():
            with application() as served:
                time.sleep(IDLE)
                seconds[name].append(served.started_in)
                memory[name].append(served.memory / MEBIBYTE)
    add(Row(PART, "until the first answer", "s", seconds.pop("ours"), peers=seconds))
    ours = memory.pop("ours")
    add(Row(PART, "memory of an idle server", "MB", ours, Bar(90), peers=memory))
