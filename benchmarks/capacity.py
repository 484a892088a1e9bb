"""How many runs and viewers some processes carry: a part of `make bench`, when named.

docs/deploy.md has its figures. The offline model answers at once, so that all time is the processes' own.
TEST_DATABASE_URL and TEST_REDIS_URL are needed for more than one process. The load, PostgreSQL and Redis
take their share of the same machine: with few cores, the runs a second are too low, and the processor times
are right.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from benchmarks import client
from benchmarks.connect import Browser, connected, of_seat
from benchmarks.people import Seat, seats
from benchmarks.processes import Running, Served, server, worker
from benchmarks.results import Row, add
from benchmarks.runs import Person
from benchmarks.sides import have_postgresql
from tests.support.server import new_database

PART = "What processes carry"
AT_ONCE = 40  # sessions with a run at any time
WARM_UP, SECONDS = 4.0, 10.0
VIEWERS = 4  # beside the person who asks
IDLE, IDLE_SECONDS = 1000, 14  # a viewer gets a heartbeat every 14 seconds
SEATS = 1200


@dataclass(frozen=True)
class Layout:
    """Processes on one database. Without workers, the web processes execute the runs."""

    web: int
    workers: int
    on_postgresql: bool = True

    @property
    def name(self) -> str:
        if not self.workers:
            return f"one process on {'PostgreSQL' if self.on_postgresql else 'SQLite'}"
        return f"{self.web} web, {self.workers} worker{'s' if self.workers > 1 else ''}"


LAYOUTS = (
    Layout(1, 0, on_postgresql=False),
    Layout(1, 0),
    Layout(1, 1),
    Layout(1, 2),
    Layout(2, 1),
    Layout(2, 2),
)


@dataclass(frozen=True)
class Site:
    """The processes of a layout that runs, and the seats of their database."""

    web: Sequence[Served]
    workers: Sequence[Running]
    seats: Sequence[Seat]

    def of_projects(self, first: int) -> list[Seat]:
        """Returns seats in as many projects as there are, from the one with the number `first` on."""
        step = len(self.seats) // AT_ONCE
        return list(self.seats[first::step])[:AT_ONCE]


def main() -> None:
    for layout in LAYOUTS:
        if layout.on_postgresql and not (have_postgresql() and os.environ.get("TEST_REDIS_URL")):
            continue
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), layout) as site:
            client.run(_measure(layout, site))


@contextmanager
def running(var: Path, layout: Layout) -> Iterator[Site]:
    with ExitStack() as stack:
        env = {}
        if layout.on_postgresql:
            env["DATABASE_URL"] = stack.enter_context(new_database())
            env["REDIS_URL"] = os.environ["TEST_REDIS_URL"]
        if layout.workers:
            env["SAMURAI_ENGINE"] = "procrastinate"
        made = seats(var, SEATS, **env)
        app = "samurai_site.asgi"
        web = [stack.enter_context(server(var, app, **env)) for _ in range(layout.web)]
        workers = [stack.enter_context(worker(var, **env)) for _ in range(layout.workers)]
        yield Site(web, workers, made)


async def _measure(layout: Layout, site: Site) -> None:
    alone = await _load(site, 0)
    add(Row(PART, f"{layout.name}: runs", "/s", [alone.rate], more_is_better=True))
    add(Row(PART, f"{layout.name}: a run, the web processes together", "ms", [alone.web]))
    if site.workers:
        add(Row(PART, f"{layout.name}: a run, the workers together", "ms", [alone.workers]))
    watched = await _load(site, VIEWERS)
    more = (watched.web - alone.web) / VIEWERS
    add(Row(PART, f"{layout.name}: a run, each further viewer", "ms", [more]))
    shares = await _idle(site)
    add(Row(PART, f"{layout.name}: {IDLE:,} idle viewers, a web process", "% of one", shares))


# -- runs ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """Runs a second, and the milliseconds of processor time of each: of all web processes, of all workers."""

    rate: float
    web: float
    workers: float


async def _load(site: Site, viewers: int) -> Cost:
    """Keeps `AT_ONCE` sessions busy, each with so many viewers beside the person who asks."""
    ports = cycle([served.port for served in site.web])
    chosen = site.of_projects(viewers)  # other ones in each call, whose logs are empty
    people = [await client.opened(next(ports), Person(seat)) for seat in chosen]
    others = [
        await connected(port := next(ports), of_seat(seat, port))
        for seat in chosen
        for _ in range(viewers)
    ]
    await asyncio.gather(*(person.ready for person in people))
    for person in people:
        person.say("Create a task to write the first note")
    await asyncio.gather(*(person.complete for person in people))  # the workers have started
    ended: list[float] = []
    until = time.monotonic() + WARM_UP + SECONDS
    asking = [asyncio.create_task(_ask(person, until, ended)) for person in people]
    await asyncio.sleep(WARM_UP)
    before, began, first = _used(site), time.monotonic(), len(ended)
    await asyncio.sleep(SECONDS)
    (web, workers), took, number = _used(site), time.monotonic() - began, len(ended) - first
    await asyncio.gather(*asking)
    for connection in (*people, *others):
        connection.close()
    web, workers = web - before[0], workers - before[1]
    return Cost(number / took, web * 1000 / number, workers * 1000 / number)


async def _ask(person: Person, until: float, ended: list[float]) -> None:
    number = 0
    while time.monotonic() < until:
        number += 1
        person.say(f"Create a task to write note {number}")
        await person.complete
        ended.append(time.monotonic())


def _used(site: Site) -> tuple[float, float]:
    return (
        sum(process.processor for process in site.web),
        sum(process.processor for process in site.workers),
    )


# -- viewers ---------------------------------------------------------------------------------------


async def _idle(site: Site) -> list[float]:
    """Returns the processor time of each web process with its part of the idle viewers, in percent."""
    ports = cycle([served.port for served in site.web])
    browsers: list[Browser] = []
    chosen = site.seats[:IDLE]
    for at in range(0, IDLE, 50):
        some = [(next(ports), seat) for seat in chosen[at : at + 50]]
        browsers += await asyncio.gather(
            *(connected(port, of_seat(seat, port)) for port, seat in some)
        )
    await asyncio.sleep(2)
    before = [served.processor for served in site.web]
    await asyncio.sleep(IDLE_SECONDS)
    used = [served.processor - first for served, first in zip(site.web, before, strict=True)]
    for browser in browsers:
        browser.close()
    return [seconds * 100 / IDLE_SECONDS for seconds in used]
