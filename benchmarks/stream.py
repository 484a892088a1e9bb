"""Frames a second, and the time from an agent's callback to a client: a part of `make bench`.

Real server processes and real clients; every event of the product is committed. The sides take turns.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.pace import Pace
from benchmarks.people import Seat
from benchmarks.playing import Outcome, play
from benchmarks.results import Bar, Row, add
from benchmarks.sides import Side, all_sides, have_postgresql, product_on_postgresql

ROUNDS = 3
EVENTS, CONNECTIONS = 600, 50
PART = "Committed frames a second, at all clients"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, all_sides(Path(folder), 100) as made:
        ours, peers, seats = made
        frames(ours, peers, seats)
    if have_postgresql():
        with (
            tempfile.TemporaryDirectory() as folder,
            product_on_postgresql(Path(folder), 100) as (ours, seats),
        ):
            on_postgresql(ours, seats)


def frames(ours: Side, peers: Sequence[Side], seats: Sequence[Seat]) -> None:
    each, shared = [], []
    for _ in range(ROUNDS):
        each.append(_burst([ours, *peers], seats[:CONNECTIONS], 1))
        with_viewers = [side for side in (ours, *peers) if side.has_viewers]
        shared.append(_burst(with_viewers, seats[:1], CONNECTIONS))
    add(_row("50 runs, a viewer each", each, Bar(0.25, "bare")))
    add(_row("1 run, 50 viewers", shared, Bar(0.5, "bare")))


def _burst(sides: Sequence[Side], seats: Sequence[Seat], viewers: int) -> dict[str, Outcome]:
    found = {}
    for side in sides:
        pace = Pace(int(EVENTS * side.share), together=len(seats))
        found[side.name] = play(side, seats, pace, viewers=viewers)
    return found


def _row(name: str, rounds: list[dict[str, Outcome]], bar: Bar) -> Row:
    rates = {side: [of_round[side].rate for of_round in rounds] for side in rounds[0]}
    ours = rates.pop("ours")
    limits = {side: found[side].note for found in rounds for side in found if found[side].note}
    note = ", ".join(f"{side}: {note}" for side, note in limits.items())
    return Row(PART, name, "frames/s", ours, bar, more_is_better=True, peers=rates, note=note)


def on_postgresql(ours: Side, seats: Sequence[Seat]) -> None:
    found = [_burst([ours], seats[:CONNECTIONS], 1)["ours"] for _ in range(ROUNDS)]
    rates = [outcome.rate for outcome in found]
    name = f"50 runs, a viewer each, PostgreSQL with fsync {_fsync()}"
    add(Row(PART, name, "frames/s", rates, Bar(9000), more_is_better=True, note=found[-1].note))


def _fsync() -> str:
    import os

    import psycopg

    with psycopg.connect(os.environ["TEST_DATABASE_URL"]) as connection:
        row = connection.execute("SHOW fsync").fetchone()
    assert row is not None
    return str(row[0])
