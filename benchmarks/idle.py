"""What viewers cost that watch while nothing happens: a part of `make bench`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from benchmarks import client, results
from benchmarks.connect import BROWSERS, Browser, Target, connected, targets
from benchmarks.results import Bar, Row, add

PART = f"{BROWSERS:,} idle viewers"
KIBIBYTE = 1024
WARM_UP = 100  # viewers that came before, so that caches are full
WINDOWS, SECONDS = 3, 14  # a viewer gets a heartbeat every 14 seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, targets(Path(folder)) as made:
        client.run(_measure(made))


async def _measure(made: dict[str, Target]) -> None:
    memory: dict[str, list[float]] = {}
    browsers: list[Browser] = []
    for name, target in made.items():
        for browser in await _connect(target, 0, WARM_UP):
            browser.close()
        await asyncio.sleep(0.5)
        memory[name] = []
        for half in (range(BROWSERS // 2), range(BROWSERS // 2, BROWSERS)):
            before = target.served.memory
            browsers += await _connect(target, half.start, half.stop)
            used = target.served.memory - before
            memory[name].append(used / KIBIBYTE / len(half))
    add(Row(PART, "memory of a viewer", "KiB", memory.pop("ours"), Bar(32), peers=memory))
    shares = await _shares(made)
    add(Row(PART, "processor time", "% of one", shares.pop("ours"), Bar(1), peers=shares))
    lost = sum(browser.lost.done() for browser in browsers)
    results.check(lost == 0, f"{lost} idle viewers were closed")


async def _connect(target: Target, begin: int, end: int) -> list[Browser]:
    """Connects 50 at a time, as people come."""
    made: list[Browser] = []
    for at in range(begin, end, 50):
        numbers = range(at, min(at + 50, end))
        some = (connected(target.served.port, target.browser(number)) for number in numbers)
        made += await asyncio.gather(*some)
    return made


async def _shares(made: dict[str, Target]) -> dict[str, list[float]]:
    """Returns the processor time of the servers in each window, in percent of a core."""
    found: dict[str, list[float]] = {name: [] for name in made}
    await asyncio.sleep(2)
    for _ in range(WINDOWS):
        before = {name: target.served.processor for name, target in made.items()}
        await asyncio.sleep(SECONDS)
        for name, target in made.items():
            found[name].append((target.served.processor - before[name]) * 100 / SECONDS)
    return found
