"""The time from an agent's callback to a client, with 100, 500 and 1,000 runs: a part of `make bench`.

Each run reports 20 events a second. Only the steady state counts: all runs have started and report.
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

PAUSE = 0.05
EVENTS = 120  # of a run; those of the first second do not count
SETTLING = 1.0
PART = "From callback to client, 20 events a second of each run, steady state"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, all_sides(Path(folder), 1000) as made:
        ours, peers, seats = made
        play(ours, seats[:100], Pace(1, 0.0, 1))  # the server has seen runs before
        bare, _, sse = peers
        # Stock Channels does not keep up with 100 runs: its clients fall behind until they are closed.
        measure("10 runs", [ours, *peers], seats[:10], 3, (None, None))
        measure("100 runs", [ours, bare, sse], seats[:100], 3, (5, 15))
        measure("500 runs", [ours, bare], seats[:500], 2, (10, 40))
        measure("1,000 runs", [ours, bare], seats, 1, (None, 250))
    if have_postgresql():
        with (
            tempfile.TemporaryDirectory() as folder,
            product_on_postgresql(Path(folder), 500) as (ours, seats),
        ):
            play(ours, seats[:100], Pace(1, 0.0, 1))
            measure("100 runs, PostgreSQL", [ours], seats[:100], 3, (6, 15))
            measure("500 runs, PostgreSQL", [ours], seats, 1, (None, None))


def measure(
    name: str,
    sides: Sequence[Side],
    seats: Sequence[Seat],
    rounds: int,
    bars: tuple[float | None, float | None],
) -> None:
    """`bars`: of p50 and p99, in milliseconds."""
    pace = Pace(EVENTS, PAUSE, len(seats))
    found: dict[str, list[Outcome]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            found[side.name].append(play(side, seats, pace, settling=SETTLING))
    for share, bar in zip((0.5, 0.99), bars, strict=True):
        values = {side: [of.percentile(share) for of in found[side]] for side in found}
        ours = values.pop("ours")
        label = f"{name}, p{share * 100:.0f}"
        limit = None if bar is None else Bar(bar)
        add(Row(PART, label, "ms", ours, limit, peers=values, note=_note(found["ours"])))
    ramp_up = [of.ramp_up for of in found["ours"]]
    add(Row(PART, f"{name}, ramp-up until all report", "s", ramp_up))


def _note(found: list[Outcome]) -> str:
    """Tells of the processors, since a machine has two in the simplest case."""
    worst = max(found, key=lambda of: of.generator)
    used = f"server {worst.server:.0%}, generator {worst.generator:.0%} of a core"
    return "; ".join(part for part in (used, worst.note) if part)
