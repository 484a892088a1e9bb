"""Measures runs that start at the same moment, compared with a single run."""

from __future__ import annotations

import asyncio
import statistics
from datetime import datetime

import psutil

from benchmarks.reporting import report
from tests.support.durability import add_sessions, following
from tests.support.server import Process, ServerProcess

NUMBERS = (1, 100, 300)
LONG = (2.0, 2.0)  # seconds that a call of the model takes
MEBIBYTE = 1_048_576


async def measure(server: ServerProcess, runner: Process, number: int, alone: float) -> float:
    """Sends `number` messages at once to `server`, and reports how `runner` executes them.

    `alone`: the seconds of a single run, or 0.0 for the call that measures it. Returns `alone`.
    """
    assert runner.process is not None
    process = psutil.Process(runner.process.pid)
    await _all_at_once(server, number)  # warms up: imports and connects
    before = sum(process.cpu_times()[:2])
    took, waited, active = await _all_at_once(server, number)
    processor = (sum(process.cpu_times()[:2]) - before) * 1000 / number
    alone = alone or took[0]
    report(f"{number} at once: a run takes, median", statistics.median(took), " s")
    report("  of that, processor time", processor, " ms")
    if number > 1:
        slower = (statistics.median(took) / alone - 1) * 100
        report("  slower than alone, median", slower, " %", 10)
        report("  slower than alone, worst", (took[-1] / alone - 1) * 100, " %", 10)
        report("  waited for the start, median", statistics.median(waited), " s")
        report("  waited for the start, worst", max(waited), " s")
        report("  active at once, most", active, "")
        report("  resident memory", process.memory_info().rss / MEBIBYTE, " MB", 250)
    return alone


async def _all_at_once(server: ServerProcess, number: int) -> tuple[list[float], list[float], int]:
    """Returns the durations of the runs, shortest first, their waits, and how many were active at once.

    All users have their pages open; half of them close the page after sending.
    """
    staying = add_sessions(server, (number + 1) // 2, owner="alice")
    leaving = add_sessions(server, number // 2, owner="bob")
    before = len(_moments(server))
    async with following(server, staying) as viewers:
        async with following(server, leaving, name="bob") as others:
            people = [*viewers, *others]
            await asyncio.gather(*(follower.connected() for follower in people))
            await asyncio.gather(*(person.say(f"Load {n}") for n, person in enumerate(people)))
            async with asyncio.timeout(60):
                while not all(follower.runs for follower in others):
                    await asyncio.sleep(0.1)
        async with asyncio.timeout(180):
            while len(_moments(server)) < before + number:
                await asyncio.sleep(0.5)
    moments = _moments(server)[before:]
    took = sorted((end - start).total_seconds() for _, start, end in moments)
    waited = [(start - accepted).total_seconds() for accepted, start, _ in moments]
    active = [sum(start <= at < end for _, start, end in moments) for _, at, _ in moments]
    return took, waited, max(active)


def _moments(server: ServerProcess) -> list[list[datetime]]:
    """Returns the times of creation, start and end of each finished run."""
    query = "SELECT created_at, started_at, finished_at FROM agent_run"
    rows = server.rows(f"{query} WHERE status = 'succeeded' ORDER BY created_at")
    return [[datetime.fromisoformat(str(moment)) for moment in row] for row in rows]
