"""The part of `make soak` with two servers and two workers, on PostgreSQL and Redis."""

from __future__ import annotations

import asyncio
import random
import signal
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import burst
from benchmarks.reporting import first_words, judge, report
from tests.support.cluster import own_postgresql
from tests.support.deployment import Deployment, deployed
from tests.support.durability import Follower, add_sessions, all_running, following, when_driven
from tests.support.services import have_postgresql, have_redis, initdb_path

KILLS, SESSIONS = 20, 20
AWAY = 20.0  # seconds that a process is frozen or Redis is unavailable
SOON = (0.1, 0.5)  # seconds that a call of the model takes

possible = have_postgresql() and have_redis()


@asynccontextmanager
async def loaded(folder: Path) -> AsyncIterator[tuple[Deployment, list[Follower]]]:
    """Starts a deployment under load; at the end all runs have finished and are checked."""
    with deployed(folder, SOON) as deployment:
        async with deployment.busy(SESSIONS) as followers:
            await all_running(deployment.web[0], SESSIONS // 2)
            yield deployment, followers
        judge(deployment.web[0], followers)
        report("deadlocks in PostgreSQL", deployment.deadlocks(), "", 0)


async def kills_distributed(folder: Path) -> None:
    print(f"kill -9 of servers and workers at random, {KILLS} times, {SESSIONS} sessions busy")
    chance = random.Random(20)
    recoveries = []
    async with loaded(folder) as (deployment, _):
        for _ in range(KILLS):
            await all_running(deployment.web[0], SESSIONS // 2)
            await asyncio.sleep(chance.uniform(0.0, 1.5))
            process = chance.choice(deployment.processes)
            held = deployment.driven_by(process)
            began = time.monotonic()
            await deployment.restart(process, signal.SIGKILL)
            if held:
                recoveries.append(await when_driven(deployment.web[0], held) - began)
    report("resumed after the kill of a worker, median", statistics.median(recoveries), " s")
    report("resumed after the kill of a worker, worst", max(recoveries), " s", 20.0)


async def rolling(folder: Path) -> None:
    print(f"SIGTERM to servers and workers one after the other, {SESSIONS} sessions busy")
    recoveries = []
    async with loaded(folder) as (deployment, _):
        for process in deployment.processes:
            await all_running(deployment.web[0], SESSIONS // 2)
            held = deployment.driven_by(process)
            began = time.monotonic()
            await deployment.restart(process, signal.SIGTERM)
            if held:
                recoveries.append(await when_driven(deployment.web[0], held) - began)
    report("resumed after SIGTERM to a worker, worst", max(recoveries), " s", 5.0)


async def frozen(folder: Path) -> None:
    print(f"A worker is frozen for {AWAY:.0f} s; then the other one is killed")
    async with loaded(folder) as (deployment, _):
        first, second = deployment.workers
        held = deployment.driven_by(first)
        began = time.monotonic()
        first.send_signal(signal.SIGSTOP)
        taken = asyncio.create_task(when_driven(deployment.web[0], held))
        await asyncio.sleep(AWAY)
        first.send_signal(signal.SIGCONT)
        took = await taken - began
        await deployment.restart(second, signal.SIGKILL)
    report("resumed after the freeze", took, " s", 20.0)


async def redis_away(folder: Path) -> None:
    print(f"Redis is unavailable for {AWAY:.0f} s")
    async with loaded(folder) as (deployment, followers):
        before = sum(len(follower.ends) for follower in followers)
        deployment.proxy.cut()
        await asyncio.sleep(AWAY)
        meanwhile = sum(len(follower.ends) for follower in followers) - before
        deployment.proxy.mend()
    closed = [code for follower in followers for code in follower.closed_with if code]
    report("sockets closed", len(closed), "", 0)
    report("runs whose end viewers saw meanwhile", meanwhile, "")


async def postgresql_restarts(folder: Path) -> None:
    print("PostgreSQL is restarted, three times")
    if initdb_path() is None:
        print("  skipped: initdb was not found")
        return
    with own_postgresql() as cluster, deployed(folder, SOON, cluster.url) as deployment:
        async with deployment.supervised(), deployment.busy(SESSIONS) as followers:
            for _ in range(3):
                await all_running(deployment.web[0], SESSIONS // 2)
                await asyncio.to_thread(cluster.restart)
        judge(deployment.web[0], followers)


async def first_word_distributed(folder: Path) -> None:
    print("From an accepted message to its first progress event, at the client, with workers")
    with deployed(folder, SOON) as deployment:
        sessions = add_sessions(deployment.web[0], SESSIONS)
        async with following(deployment.web[0], sessions, deployment.web[1]) as followers:
            await first_words(followers, 60.0)


async def many_distributed(folder: Path) -> None:
    print("Many runs at once in one worker; each counted from its start")
    alone = 0.0
    for number in burst.NUMBERS:
        with deployed(folder, burst.LONG, each=1, SAMURAI_MAX_ACTIVE_RUNS="1000") as deployment:
            (server,), (worker,) = deployment.web, deployment.workers
            alone = await burst.measure(server, worker, number, alone)


SCENARIOS = (
    first_word_distributed,
    many_distributed,
    kills_distributed,
    rolling,
    frozen,
    redis_away,
    postgresql_restarts,
)
