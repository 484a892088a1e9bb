"""How costs grow with what is stored: `make bench ARGS=growth`, which takes minutes to fill a database.

A large database is compared with a small one, in which every list is as long as its page. All rows are in
one project. SQLite; with GROWTH_POSTGRESQL=1 the databases are on TEST_DATABASE_URL.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import client
from benchmarks.connect import connected, of_seat
from benchmarks.first_byte import times_to_first_byte
from benchmarks.peers.pace import Pace
from benchmarks.people import ROOT, Seat, seats
from benchmarks.playing import play
from benchmarks.processes import Served, server
from benchmarks.results import Bar, Row, add
from benchmarks.runs import call
from benchmarks.sides import Ours
from tests.support.server import environment, new_database

# Sessions, runs of each, events of each of those; memories.
SMALL, LARGE = (100, 1, 29, 300), (1750, 20, 29, 60_000)
PART = "Costs with 1,015,000 events, 35,000 runs and 60,000 memories, of those of a small database"
ROUNDS, VISITS = 5, 10
EVENTS, RUNS = 300, 50
EXCHANGES = 100  # of the session whose page is opened
VIEWERS, SECONDS = 20, 6


@dataclass(frozen=True)
class Database:
    side: Ours
    seats: list[Seat]

    @property
    def served(self) -> Served:
        return self.side.served


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        small = stack.enter_context(database(Path(folder) / "small", SMALL))
        large = stack.enter_context(database(Path(folder) / "large", LARGE))
        events(small, large)
        pages(small, large)
        periodic(small, large)


@contextmanager
def database(var: Path, sizes: Sequence[int]) -> Iterator[Database]:
    with ExitStack() as stack:
        env = {"COUNT_SQL": "1"}
        if os.environ.get("GROWTH_POSTGRESQL"):
            env["DATABASE_URL"] = stack.enter_context(new_database())
        made = seats(var, 100, **env)
        began = time.monotonic()
        programs: dict[str, list[object]] = {
            "benchmarks.growth_data": [made[0].session, *sizes],
            "tests.support.long_session": [made[-1].session, EXCHANGES],
        }
        for program, arguments in programs.items():
            command = [sys.executable, "-m", program, *map(str, arguments)]
            subprocess.run(command, cwd=ROOT, env=environment(var, **env), check=True)
        print(f"  filled {sizes} in {time.monotonic() - began:.0f} s", flush=True)
        served = stack.enter_context(server(var, "benchmarks.app", **env))
        yield Database(Ours("ours", served), made)


def ratio(name: str, of: Sequence[tuple[float, float]], unit: str, bar: float) -> None:
    """Adds a row of the ratios of pairs: of the large database, and of the small one."""
    large, small = (statistics.median(values) for values in zip(*of, strict=True))
    note = f"{large:.3g} instead of {small:.3g} {unit}"
    add(Row(PART, name, "x", [large / small for large, small in of], Bar(bar), note=note))


def events(small: Database, large: Database) -> None:
    found = []
    for number in range(ROUNDS + 1):
        costs = _cost(large), _cost(small)
        if number:  # the first round fills caches
            found.append(costs)
    ratio("processor time of an event", found, "ms", 1.1)


def _cost(of: Database) -> float:
    """Returns the milliseconds of processor time of a committed event."""
    return play(of.side, of.seats[:RUNS], Pace(EVENTS, together=RUNS)).cost


def pages(small: Database, large: Database) -> None:
    for name, path in _paths(large).items():
        found = []
        for number in range(ROUNDS + 1):
            pair = (_visit(large, path), _visit(small, _paths(small)[name]))
            if number:
                found.append(pair)
        ratio(name, found, "ms", 1.2)


def _paths(of: Database) -> dict[str, str]:
    session, project = of.seats[-1].session, _project(of)
    return {
        "page of a session": f"/sessions/{session}/",
        "page of the project": f"/projects/{project}/",
        "API: tasks": f"/api/projects/{project}/tasks/",
        "API: memories": f"/api/projects/{project}/memories/",
        "API: sessions": f"/api/projects/{project}/sessions/",
        "API: events of a session": f"/api/sessions/{session}/events/?after=10",
        "API: runs of a session": f"/api/sessions/{session}/runs/",
    }


def _project(of: Database) -> str:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", of.served.port, timeout=60)
    seat = of.seats[-1]
    connection.request("GET", f"/api/sessions/{seat.session}/", headers=seat.as_program)
    project: str = json.loads(connection.getresponse().read())["project"]
    connection.close()
    return project


def _visit(of: Database, path: str) -> float:
    return statistics.median(times_to_first_byte(of.served.port, path, of.seats[-1], VISITS))


def periodic(small: Database, large: Database) -> None:
    """Measures what an idle server with viewers asks the database again and again."""
    found = [(client.run(_idle(large)), client.run(_idle(small))) for _ in range(2)]
    ratio(f"periodic queries with {VIEWERS} viewers, a second", found, "ms", 1.2)


async def _idle(of: Database) -> float:
    """Returns the milliseconds of queries in each second."""
    port = of.served.port
    browsers = [await connected(port, of_seat(seat, port)) for seat in of.seats[-VIEWERS - 1 : -1]]
    await asyncio.sleep(1)
    before = await asyncio.to_thread(call, of.served, "counts")
    await asyncio.sleep(SECONDS)
    after = await asyncio.to_thread(call, of.served, "counts")
    for browser in browsers:
        browser.close()
    return (json.loads(after)["seconds"] - json.loads(before)["seconds"]) * 1000 / SECONDS
