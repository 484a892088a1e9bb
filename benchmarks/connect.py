"""What the socket of a browser costs, and a storm of browsers after a restart: a part of `make bench`."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import client, results
from benchmarks.client import Socket
from benchmarks.people import Seat, seats
from benchmarks.processes import Served, server
from benchmarks.results import Bar, Row, add
from benchmarks.sides import bare, channels
from tests.support.server import free_port

PART = "Browsers' sockets, with a cookie"
CONNECTS, AT_ONCE, ROUNDS = 600, 50, 3
BROWSERS, STORMS = 2000, 2
AWAY = (0.5, 1.5)  # seconds until a browser tries again


class Browser(Socket):
    """A socket that waits for its first frame."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        super().__init__(path, headers)
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def received(self, body: bytes, now: float) -> None:
        if not self.greeted.done():
            self.greeted.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError(f"closed with {self.code}"))
            self.greeted.exception()  # so that nobody needs to look at it


@dataclass(frozen=True)
class Target:
    """A server, and the n-th browser that connects to it."""

    served: Served
    browser: Callable[[int], Browser]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, targets(Path(folder)) as made:
        opening(made)
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        storm(var, seats(var, BROWSERS))


@contextmanager
def targets(folder: Path, number: int = BROWSERS) -> Iterator[dict[str, Target]]:
    """Starts the product with `number` seats, and the peers that have sockets."""
    made = seats(folder / "ours", number)
    with ExitStack() as stack:
        product = stack.enter_context(server(folder / "ours", "samurai_site.asgi"))
        peer = stack.enter_context(bare(folder))
        stock, cookie = stack.enter_context(channels(folder))
        cookies = {"Cookie": f"sessionid={cookie}"}
        yield {
            "ours": Target(product, lambda n: of_seat(made[n], product.port)),
            "bare": Target(peer, lambda n: Browser(f"/run/{n}", {})),
            "channels": Target(stock, lambda n: Browser(f"/run/{n}", cookies)),
        }


def of_seat(seat: Seat, port: int) -> Browser:
    return Browser(f"/ws/sessions/{seat.session}/?after=0", seat.as_browser(port))


async def connected(port: int, browser: Browser) -> Browser:
    await client.opened(port, browser)
    async with asyncio.timeout(client.PATIENCE):
        await browser.greeted
    return browser


# -- opening ---------------------------------------------------------------------------------------


def opening(made: dict[str, Target]) -> None:
    rates: dict[str, list[float]] = {name: [] for name in made}
    costs: dict[str, list[float]] = {name: [] for name in made}
    for number in range(ROUNDS + 1):
        for name, target in made.items():
            rate, cost = client.run(_open_many(target))
            if number:  # the first round fills caches
                rates[name].append(rate)
                costs[name].append(cost)
    ours = rates.pop("ours")
    bar = Bar(500)
    add(Row(PART, "connects a second", "/s", ours, bar, more_is_better=True, peers=rates))
    add(Row(PART, "processor time of a connect", "ms", costs.pop("ours"), Bar(2), peers=costs))


async def _open_many(target: Target) -> tuple[float, float]:
    """Returns the connects a second, and the milliseconds of processor time of each."""
    numbers = iter(range(CONNECTS))

    async def one_after_the_other() -> None:
        for number in numbers:
            (await connected(target.served.port, target.browser(number))).close()

    before, began = target.served.processor, time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    took = time.perf_counter() - began
    return CONNECTS / took, (target.served.processor - before) * 1000 / CONNECTS


# -- a storm ---------------------------------------------------------------------------------------


def storm(var: Path, made: Sequence[Seat]) -> None:
    port = free_port()
    found = [client.run(_storm(var, port, made)) for _ in range(STORMS)]
    worst, middle = [max(waits) for waits in found], [median(waits) for waits in found]
    name = f"{BROWSERS:,} browsers come back, from the start of the server"
    add(Row(PART, f"{name}: the last", "s", worst, Bar(10)))
    add(Row(PART, f"{name}: the median", "s", middle))


async def _storm(var: Path, port: int, made: Sequence[Seat]) -> list[float]:
    """Returns the seconds from the start of the server until each browser is greeted."""
    began = time.perf_counter()
    with ExitStack() as stack:
        start = asyncio.create_task(
            asyncio.to_thread(stack.enter_context, server(var, "samurai_site.asgi", port=port))
        )
        browsers = await asyncio.gather(*(_come_back(port, seat) for seat in made))
        await start
        waits = [at - began for at, _ in browsers]
        lost = sum(browser.lost.done() for _, browser in browsers)
        results.check(lost == 0, f"{lost} of {len(made)} browsers were closed again")
        for _, browser in browsers:
            browser.close()
    return waits


async def _come_back(port: int, seat: Seat) -> tuple[float, Browser]:
    """Tries until it is greeted; returns when that was."""
    while True:
        await asyncio.sleep(random.uniform(*AWAY))
        try:
            browser = await connected(port, of_seat(seat, port))
        except OSError:
            continue
        return time.perf_counter(), browser
