"""Whole runs with a model of known duration, alone and 48 at once: a part of `make bench`."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import client
from benchmarks.client import Socket
from benchmarks.people import Seat, seats
from benchmarks.processes import Served, server
from benchmarks.results import Bar, Row, add

PART = "Runs with one tool step"
ROUNDS, RUNS = 3, 30  # of each kind, one after the other
KINDS = {"creates a task": "Create", "changes a task": "Change"}
AT_ONCE, UNDER_WAY = 48, 4
MODELS = {"instant model": (0.0, 3), "a model of 130 ms": (0.13, 3), "a model of 2 s": (2.0, 2)}


class Person(Socket):
    """A viewer of a new session who sends messages, one after the other."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(f"/ws/sessions/{seat.session}/?after=0", seat.as_program)
        self.ready = self._future()
        self.running, self.complete = self._future(), self._future()
        self.sent_at = self.began_at = self.ended_at = 0.0

    def _future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    def say(self, content: str) -> None:
        self.running, self.complete = self._future(), self._future()
        message = {"type": "message", "content": content, "client_id": str(uuid.uuid4())}
        self.send(json.dumps(message))
        self.sent_at = time.time()

    def received(self, body: bytes, now: float) -> None:
        frame = json.loads(body)
        match frame["type"]:
            case "hello":
                self.ready.set_result(None)
            case "run" if frame["status"] == "running":
                self.began_at = now
                self.running.set_result(None)
            case "complete":
                self.ended_at = now
                self.complete.set_result(frame)
                self.send(json.dumps({"type": "ack", "seq": frame["seq"]}))
            case "error" | "cancelled" | "rejected":
                self.complete.set_exception(AssertionError(frame))

    async def ask(self, content: str) -> float:
        """Returns the milliseconds from sending to the end, without the model's."""
        self.say(content)
        frame = await self.complete
        took = (self.ended_at - self.sent_at) * 1000
        return took - float(frame["usage"]["input_tokens"]) / 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        made = seats(var, 99 + ROUNDS)
        with server(var, "benchmarks.planner") as served:
            client.run(_alone(served, made[:ROUNDS]))
            client.run(_all_at_once(served, made[ROUNDS + 1 :]))
        with server(var, "benchmarks.planner", COUNT_SQL="1") as served:
            client.run(_statements(served, made[ROUNDS]))


async def _arrive(served: Served, made: Sequence[Seat]) -> list[Person]:
    people = await asyncio.gather(*(client.opened(served.port, Person(seat)) for seat in made))
    await asyncio.gather(*(person.ready for person in people))
    return list(people)


# -- one after the other ---------------------------------------------------------------------------


async def _alone(served: Served, made: Sequence[Seat]) -> None:
    took: dict[str, list[list[float]]] = {name: [] for name in KINDS}
    for person in await _arrive(served, made):  # each may send 100 frames at once
        for _ in range(10):
            await person.ask("Create one")  # fills caches
        for name, word in KINDS.items():
            took[name].append([await person.ask(f"{word} {n}") for n in range(RUNS)])
        person.close()
    for name, rounds in took.items():
        medians = [statistics.median(of_round) for of_round in rounds]
        add(Row(PART, f"{name}, beside its instant model", "ms", medians, Bar(20)))
        p90 = [sorted(of_round)[RUNS * 9 // 10] for of_round in rounds]
        add(Row(PART, f"{name}, p90", "ms", p90))


async def _statements(served: Served, seat: Seat) -> None:
    (person,) = await _arrive(served, [seat])
    for name, word in KINDS.items():
        before, found = await _counts(served), []
        for number in range(RUNS):
            await person.ask(f"{word} {number}")
            await asyncio.sleep(0.02)  # what follows the end of a run
            after = await _counts(served)
            found.append({key: after[key] - before[key] for key in after})
            before = after
        for key, title, bar in (
            ("statements", "SQL statements", Bar(60)),
            ("commits", "commits", None),
        ):
            # The fewest are the run's own. In others, the server also looks at the database by the clock.
            fewest = min(one[key] for one in found)
            add(Row(PART, f"{name}, {title}", "", [fewest], bar))
    person.close()


async def _counts(served: Served) -> dict[str, float]:
    counts: dict[str, float] = json.loads(await asyncio.to_thread(call, served, "counts"))
    return counts


def call(served: Served, what: str) -> bytes:
    address = f"http://127.0.0.1:{served.port}/benchmark/{what}"
    with urllib.request.urlopen(address) as answer:
        return bytes(answer.read())


# -- at once ---------------------------------------------------------------------------------------


async def _all_at_once(served: Served, made: Sequence[Seat]) -> None:
    people = await _arrive(served, made[: AT_ONCE + UNDER_WAY])
    busy, others = people[:UNDER_WAY], people[UNDER_WAY:]
    await _together(others, [])  # fills caches
    for name, (thinks, rounds) in MODELS.items():
        await asyncio.to_thread(call, served, f"set?thinks={thinks}")
        rates, slower = [], []
        for _ in range(rounds):
            alone = await _undisturbed(busy)
            rate, disturbed = await _together(others, busy if thinks else [])
            rates.append(rate)
            slower.append((disturbed / alone - 1) * 100)
        bar = None if thinks else Bar(40)
        label = f"{AT_ONCE} runs at once, {name}"
        add(Row(PART, label, "runs/s", rates, bar, more_is_better=True))
        if thinks:
            add(Row(PART, f"runs under way when they come, {name}", "% slower", slower, Bar(10)))
    for person in people:
        person.close()


async def _undisturbed(busy: Sequence[Person]) -> float:
    for person in busy:
        person.say("Create alone")
    await asyncio.gather(*(person.complete for person in busy))
    return statistics.median(person.ended_at - person.began_at for person in busy)


async def _together(others: Sequence[Person], busy: Sequence[Person]) -> tuple[float, float]:
    """Returns the runs a second of `others`, and the seconds of a run that was under way before."""
    for person in busy:
        person.say("Create before")
    await asyncio.gather(*(person.running for person in busy))
    for person in others:
        person.say("Create at once")
    await asyncio.gather(*(person.complete for person in [*busy, *others]))
    took = max(other.ended_at for other in others) - min(other.sent_at for other in others)
    durations = [person.ended_at - person.began_at for person in busy]
    return len(others) / took, statistics.median(durations or [0.0])
