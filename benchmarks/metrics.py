"""What it costs that runs are measured for Prometheus: a part of `make bench`, when named.

A server with a token and one without take turns; the ratio of their processor times has a bar.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

from benchmarks import client
from benchmarks.people import Seat, seats
from benchmarks.processes import Served, server
from benchmarks.results import Bar, Row, add
from benchmarks.runs import Person
from tests.support.scraping import SETTINGS

PART = "Metrics, on and off"
ROUNDS, PEOPLE, RUNS = (
    24,
    4,
    12,
)  # each person sends so many messages in a round, one after the other
MEBIBYTE = 1_048_576


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sides = {"on": SETTINGS, "off": {}}
        made = {name: seats(Path(folder, name), PEOPLE * (ROUNDS + 2)) for name in sides}
        with (
            server(Path(folder, "on"), "samurai_site.asgi", **SETTINGS) as on,
            server(Path(folder, "off"), "samurai_site.asgi") as off,
        ):
            client.run(_measure({"on": on, "off": off}, made))


async def _measure(served: dict[str, Served], made: dict[str, list[Seat]]) -> None:
    idle = {name: [one.memory / MEBIBYTE] for name, one in served.items()}
    add(Row(PART, "memory after the start", "MiB", idle.pop("on"), peers=idle))
    costs: dict[str, list[float]] = {name: [] for name in served}
    for number in range(ROUNDS + 2):
        # The one that is first in a round is second in the next one.
        for name in sorted(served, reverse=bool(number % 2)):
            here = made[name][number * PEOPLE : (number + 1) * PEOPLE]
            cost = await _runs(served[name], here)
            if number >= 2:  # the first rounds fill caches
                costs[name].append(cost)
    medians = {name: statistics.median(of_side) for name, of_side in costs.items()}
    ratios = [on / off for on, off in zip(costs["on"], costs["off"], strict=True)]
    bar = Bar(1.05, "off")
    add(Row(PART, "processor time of a run", "ms", costs["on"], bar, peers={"off": costs["off"]}))
    note = f"medians {medians['on']:.2f} and {medians['off']:.2f} ms"
    add(Row(PART, "the same, ratio of each round", "", ratios, note=note))


async def _runs(served: Served, chosen: list[Seat]) -> float:
    """Returns the milliseconds of processor time of a run with one viewer."""
    people = await asyncio.gather(*(client.opened(served.port, Person(seat)) for seat in chosen))
    await asyncio.gather(*(person.ready for person in people))
    before = served.processor
    await asyncio.gather(*(_say_all(person) for person in people))
    used = served.processor - before
    for person in people:
        person.close()
    return used * 1000 / (PEOPLE * RUNS)


async def _say_all(person: Person) -> None:
    for number in range(RUNS):
        person.say(f"Create a task to write note {number}")
        await person.complete
