"""The time from an agent's callback to a client, with 100, 500 and 1,000 runs: a part of `make bench`.

Each run reports 20 events a second. Only the steady state counts: all runs have started and report.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers.pace import Pace
from benchmarks.people import Seat
from benchmarks.playing import SETTLING, Outcome, play
from benchmarks.results import Bar, Row, add
from benchmarks.sides import Side, all_sides, have_postgresql, product_on_postgresql

PAUSE = 0.05  # seconds between two events of a run
PART = "From callback to client, 20 events a second of each run, steady state"


@dataclass(frozen=True)
class Setting:
    """`rounds` of `windows`, each of `seconds`: the start of many runs takes long, so they have one round."""

    name: str
    rounds: int
    windows: int
    p50: float | None = None  # the bars, in milliseconds
    p99: float | None = None
    seconds: int = 3

    @property
    def pace(self) -> Pace:
        return Pace(int((SETTLING + self.seconds * self.windows) / PAUSE), PAUSE)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, all_sides(Path(folder), 1000) as made:
        ours, peers, seats = made
        bare, _, sse = peers
        _warm_up(ours, seats)
        # Stock Channels with 10 runs only: 100 of them were never measured to their end.
        measure(Setting("10 runs", 2, 1), [ours, *peers], seats[:10])
        measure(Setting("100 runs", 3, 1, 5, 15), [ours, bare, sse], seats[:100])
        measure(Setting("500 runs", 1, 3, 10, 40), [ours, bare], seats[:500])
        measure(Setting("1,000 runs", 1, 3, None, 250), [ours, bare], seats)
    if have_postgresql():
        with (
            tempfile.TemporaryDirectory() as folder,
            product_on_postgresql(Path(folder), 500) as (ours, seats),
        ):
            _warm_up(ours, seats)
            measure(Setting("100 runs, PostgreSQL", 3, 1, 6, 15), [ours], seats[:100])
            measure(Setting("500 runs, PostgreSQL", 1, 3), [ours], seats)


def _warm_up(ours: Side, seats: Sequence[Seat]) -> None:
    """Executes short runs: a server that has seen none starts them slowly, for fear of their costs."""
    for _ in range(2):
        play(ours, seats[:200], Pace(1))


def measure(setting: Setting, sides: Sequence[Side], seats: Sequence[Seat]) -> None:
    pace = replace(setting.pace, together=len(seats))
    found: dict[str, list[Outcome]] = {side.name: [] for side in sides}
    for _ in range(setting.rounds):
        for side in sides:
            found[side.name].append(play(side, seats, pace, windows=setting.windows))
    note = _note(found["ours"], len(seats))
    for share, bar in ((0.5, setting.p50), (0.99, setting.p99)):
        values = {
            side: [value for of in found[side] for value in of.percentiles(share)] for side in found
        }
        label = f"{setting.name}, p{share * 100:.0f}"
        limit = None if bar is None else Bar(bar)
        add(Row(PART, label, "ms", values.pop("ours"), limit, peers=values, note=note))
    ramp_up = [of.ramp_up for of in found["ours"]]
    add(Row(PART, f"{setting.name}, ramp-up until all report", "s", ramp_up))


def _note(found: list[Outcome], runs: int) -> str:
    """Tells whether the server kept the pace, and who used the processors."""
    worst = max(found, key=lambda of: of.generator)
    pace = f"{worst.rate:,.0f} of {runs / PAUSE:,.0f} events/s"
    used = f"server {worst.server:.0%}, generator {worst.generator:.0%} of a core"
    return "; ".join(part for part in (pace, used, worst.note) if part)
