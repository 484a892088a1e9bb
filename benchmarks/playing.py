"""Plays runs at one side: connects viewers, begins the runs, waits for their ends, and checks the events.

What it tells is of the steady state: from the moment when all runs report.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import client, results
from benchmarks.peers.pace import Pace
from benchmarks.people import Seat
from benchmarks.sides import Reader, Side

PATIENCE = 180.0  # seconds until all runs have started; a server starts them one after the other
SETTLING = 1.0  # seconds
TICK = 0.05  # seconds between two looks at the processor time
BUSY = 0.85  # of a core: above it the load generator delays what it measures


@dataclass
class Outcome:
    ramp_up: float  # seconds from the first message until all runs report
    rate: float  # frames a second, at all clients together
    windows: list[list[float]]  # of each, milliseconds from callback to client, in ascending order
    generator: float  # processor time of this process, as a share of a core
    server: float  # that of the server

    def percentiles(self, share: float) -> list[float]:
        """Returns that of each window."""
        return [delays[int(len(delays) * share)] for delays in self.windows]

    @property
    def cost(self) -> float:
        """The milliseconds of the server's processor time for a frame."""
        return self.server * 1000 / self.rate

    @property
    def note(self) -> str:
        """Tells when the load generator, and not the server, limits the figures."""
        is_limit = self.generator > BUSY and self.generator > self.server
        return f"the load generator was the limit ({self.generator:.0%})" if is_limit else ""


@dataclass
class Load:
    """The processor times of generator and server, tick by tick."""

    side: Side
    ticks: list[tuple[float, float, float]]

    async def watch(self) -> None:
        while True:
            self.ticks.append((time.time(), time.process_time(), self.side.served.processor))
            await asyncio.sleep(TICK)

    def between(self, begin: float, end: float) -> tuple[float, float]:
        inside = [tick for tick in self.ticks if begin <= tick[0] <= end]
        if len(inside) < 2:
            return 0.0, 0.0
        wall, *used = (late - early for early, late in zip(inside[0], inside[-1], strict=True))
        return used[0] / wall, used[1] / wall


def play(
    side: Side, seats: Sequence[Seat], pace: Pace, *, viewers: int = 1, windows: int = 1
) -> Outcome:
    """Plays a run in each seat, with `viewers` of each.

    `windows`: the parts of the time in which runs report whose delays are told apart. The first second
    is in none of them, if there is a pause between events.
    """
    side.set_pace(pace)
    return client.run(_play(side, seats, pace, viewers, windows))


async def _play(
    side: Side, seats: Sequence[Seat], pace: Pace, viewers: int, windows: int
) -> Outcome:
    readers = [side.reader(seat, pace) for seat in seats for _ in range(viewers)]
    load = Load(side, [])
    if side.has_viewers:
        await _open(side, readers)
    watch = asyncio.create_task(load.watch())
    began = time.time()
    if not side.has_viewers:
        await _open(side, readers)
    for reader in readers[::viewers]:
        side.begin(reader)
    async with asyncio.timeout(PATIENCE + pace.events * pace.pause):
        await asyncio.gather(*(reader.done for reader in readers))
    watch.cancel()
    _check(side, readers, pace)
    for seat, reader in zip(seats, readers[::viewers], strict=True):
        side.ended(seat, reader)
    for reader in readers:
        reader.close()
    parts = _windows(readers, pace, windows)
    return _outcome(readers, began, parts, load)


async def _open(side: Side, readers: Sequence[Reader]) -> None:
    """Connects 100 at a time, so that a server's queue of connections is never full."""
    for at in range(0, len(readers), 100):
        some = readers[at : at + 100]
        await asyncio.gather(*(client.opened(side.served.port, reader) for reader in some))
        async with asyncio.timeout(client.PATIENCE):
            await asyncio.gather(*(reader.ready for reader in some))


def _check(side: Side, readers: Sequence[Reader], pace: Pace) -> None:
    for reader in readers:
        is_right = reader.is_whole and len(reader.calls) == pace.events
        results.check(is_right or not side.is_ours, f"{side.name}: events were lost or came twice")


def _windows(readers: Sequence[Reader], pace: Pace, number: int) -> list[list[float]]:
    calls = [call for reader in readers for call in reader.calls]
    settling = SETTLING if pace.pause else 0.0
    steady = min(called for called, _ in calls) + settling
    length = (max(called for called, _ in calls) - steady) / number
    found: list[list[float]] = [[] for _ in range(number)]
    for called, arrived in calls:
        if called >= steady:
            at = min(int((called - steady) / length), number - 1)
            found[at].append((arrived - called) * 1000)
    return [sorted(delays) for delays in found]


def _outcome(
    readers: Sequence[Reader], began: float, windows: list[list[float]], load: Load
) -> Outcome:
    first = min(reader.calls[0][0] for reader in readers)
    last = max(reader.calls[-1][1] for reader in readers)
    frames = sum(len(reader.calls) for reader in readers)
    shares = load.between(first, last)
    return Outcome(first - began, frames / (last - first), windows, *shares)
