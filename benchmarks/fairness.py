"""A person beside another one who sends 1,000 messages at once: a part of `make bench` when it is named."""

from __future__ import annotations

import asyncio
import json
import tempfile
import urllib.request
import uuid
from pathlib import Path

from benchmarks import client
from benchmarks.client import Socket
from benchmarks.people import SESSIONS, Seat, seats
from benchmarks.processes import Served, server
from benchmarks.results import Bar, Row, add
from benchmarks.runs import Person

PART = "Beside 1,000 messages of one person"
EACH = 10  # messages in each of the person's sessions
THINKS = 0.13  # seconds that a call of the model takes
RUNS = 12  # of the neighbour, one after the other


class Crowd(Socket):
    """One of the many sessions of a person, into which all messages are sent at once."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(f"/ws/sessions/{seat.session}/?after=0", seat.as_program)
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.left = EACH

    def flood(self) -> None:
        for number in range(EACH):
            key = str(uuid.uuid4())
            message = {"type": "message", "content": f"Create {number}", "client_id": key}
            self.send(json.dumps(message))

    def received(self, body: bytes, now: float) -> None:
        frame = json.loads(body)
        if frame["type"] == "complete":
            self.send(json.dumps({"type": "ack", "seq": frame["seq"]}))
            self.left -= 1
            if not self.left:
                self.over.set_result(None)
        elif frame["type"] in ("error", "rejected"):
            self.over.set_exception(AssertionError(frame))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        made = seats(var, SESSIONS + 1)
        with server(var, "benchmarks.planner") as served:
            client.run(_measure(served, made))


async def _measure(served: Served, made: list[Seat]) -> None:
    address = f"http://127.0.0.1:{served.port}/benchmark/set?thinks={THINKS}"
    await asyncio.to_thread(lambda: urllib.request.urlopen(address).close())
    neighbour = await client.opened(served.port, Person(made[SESSIONS]))
    await neighbour.ready
    alone = [await _run(neighbour) for _ in range(RUNS)]
    crowd = await asyncio.gather(
        *(client.opened(served.port, Crowd(seat)) for seat in made[:SESSIONS])
    )
    for one in crowd:
        one.flood()
    beside = [await _run(neighbour) for _ in range(RUNS)]
    assert any(one.left for one in crowd), "the neighbour's runs came too late to be beside them"
    add(Row(PART, "a neighbour's run, alone", "ms", alone))
    add(Row(PART, "a neighbour's run, beside them", "ms", beside))
    add(Row(PART, "the slowest of these", "ms", [max(beside)], Bar(2000)))
    await asyncio.wait_for(asyncio.gather(*(one.over for one in crowd)), 600)
    for person in (neighbour, *crowd):
        person.close()


async def _run(person: Person) -> float:
    """Returns the milliseconds from sending a message to the end of its run."""
    await person.ask("Create one")
    return (person.ended_at - person.sent_at) * 1000
