"""`make soak`: kills, stops and loads a real server for a long time, and measures its recovery.

It checks the same outcomes as `tests/engine/test_durability.py`, with more repetitions. Exits with 1 when
an event was lost, duplicated or out of order; a missed target is only printed.
"""

from __future__ import annotations

import asyncio
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import burst, reporting, soak_distributed  # noqa: E402  (the path first, for all of these)
from benchmarks.reporting import first_words, judge, report  # noqa: E402
from tests.support.busy_model import thinking  # noqa: E402
from tests.support.durability import (  # noqa: E402
    add_sessions,
    all_running,
    busy,
    following,
    kill_and_start,
    library_process,
    start_again,
)
from tests.support.model_server import ModelServer  # noqa: E402
from tests.support.server import ServerProcess, seeded  # noqa: E402

KILLS, STOPS, SESSIONS = 20, 5, 20
_numbers = count(1)


def main() -> None:
    scenarios = [kills, stops, second_process, first_word, many]
    if soak_distributed.possible:
        scenarios += soak_distributed.SCENARIOS
    else:
        print("Skipped: several processes. Set TEST_DATABASE_URL and TEST_REDIS_URL.")
    for scenario in scenarios:
        if not sys.argv[1:] or scenario.__name__ in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                asyncio.run(scenario(Path(folder)))
    sys.exit(bool(reporting.damage_found))


@contextmanager
def serving(folder: Path, pause: tuple[float, float]) -> Iterator[ServerProcess]:
    """Starts a server with its own database and a model that takes `pause` seconds for each call."""
    var = folder / f"server{next(_numbers)}"
    seed = seeded(var)
    with ModelServer(thinking(pause)) as model:
        server = ServerProcess(
            var,
            seed,
            OPENAI_API_KEY="key",
            OPENAI_BASE_URL=model.base_url,
            SAMURAI_MAX_ACTIVE_RUNS="1000",
        )
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGKILL)


# -- crashes ---------------------------------------------------------------------------------------

SOON = (0.1, 0.5)  # seconds that a call of the model takes


async def kills(folder: Path) -> None:
    print(f"kill -9 of the server, {KILLS} times, {SESSIONS} runs in flight")
    chance = random.Random(20)
    with serving(folder, SOON) as server:
        async with following(server, add_sessions(server, SESSIONS)) as followers:
            recoveries = []
            async with busy(followers):
                for _ in range(KILLS):
                    await all_running(server, SESSIONS)
                    await asyncio.sleep(chance.uniform(0.0, 1.5))
                    recoveries.append(await kill_and_start(server))
            judge(server, followers)
    report("runs in flight, minimum", min(recovery.in_flight for recovery in recoveries), "")
    report(
        "start of the new process, median",
        statistics.median(recovery.down for recovery in recoveries),
        " s",
    )
    report(
        "all runs resumed after that, worst",
        max(recovery.driven for recovery in recoveries),
        " s",
        1.0,
    )


async def stops(folder: Path) -> None:
    print(f"SIGTERM, {STOPS} times, {SESSIONS} runs in flight")
    with serving(folder, SOON) as server:
        async with following(server, add_sessions(server, SESSIONS)) as followers:
            took, recoveries = [], []
            async with busy(followers):
                for _ in range(STOPS):
                    await all_running(server, SESSIONS)
                    began = time.monotonic()
                    await asyncio.to_thread(server.stop, signal.SIGTERM)
                    took.append(time.monotonic() - began)
                    recoveries.append(await start_again(server))
            judge(server, followers)
    report("end of the process, worst", max(took), " s", 3.0)
    report(
        "all runs resumed after the start, worst",
        max(recovery.driven for recovery in recoveries),
        " s",
        1.0,
    )


async def second_process(folder: Path) -> None:
    print("Runs of a library process beside the server; the process is killed")
    with serving(folder, SOON) as server:
        sessions = add_sessions(server, SESSIONS)
        async with following(server, sessions) as followers:
            async with busy(followers[: SESSIONS // 2]):
                process = await library_process(server, sessions)
                for follower in followers[SESSIONS // 2 :]:
                    await follower.saw("run", status="running")
                process.kill()
                await process.wait()
                began = time.monotonic()
                await asyncio.gather(*(follower.down_to(0) for follower in followers[10:]))
                took = time.monotonic() - began
            judge(server, followers)
    report("the server has finished its runs after", took, " s", 20.0)


# -- speed -----------------------------------------------------------------------------------------


async def first_word(folder: Path) -> None:
    print("From an accepted message to its first progress event, at the client")
    with serving(folder, SOON) as server:
        sessions = add_sessions(server, SESSIONS)
        async with following(server, sessions) as followers:
            await first_words(followers, 15.0)


async def many(folder: Path) -> None:
    print("Many runs at once in one process, model calls of 2 s; each counted from its start")
    alone = 0.0
    for number in burst.NUMBERS:
        with serving(folder, burst.LONG) as server:
            alone = await burst.measure(server, server, number, alone)


if __name__ == "__main__":
    main()
