"""Nothing kills a run: two servers and two workers that are killed, replaced, or lose their database.

`make soak` does the same at length and measures how long it takes.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import own_postgresql
from tests.support.deployment import Deployment, deployed
from tests.support.durability import all_running, damage

pytestmark = [pytest.mark.long, pytest.mark.postgresql, pytest.mark.redis]

SESSIONS = 10
SOON = (0.1, 0.5)  # seconds that a call of the model takes


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path, SOON) as deployment:
        yield deployment


async def test_killed_at_random_servers_and_workers_lose_nothing_and_do_nothing_twice(
    deployment: Deployment,
) -> None:
    chance = random.Random(3)
    async with deployment.busy(SESSIONS) as followers:
        for process in chance.sample(deployment.processes, 4):
            await all_running(deployment.web[0], SESSIONS // 2)
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            await deployment.restart(process, signal.SIGKILL)
    assert damage(deployment.web[0], followers) == []
    assert deployment.deadlocks() == 0


async def test_replaced_one_after_the_other_under_load_no_run_fails(
    deployment: Deployment,
) -> None:
    async with deployment.busy(SESSIONS) as followers:
        for process in deployment.processes:
            await all_running(deployment.web[0], SESSIONS // 2)
            await deployment.restart(process, signal.SIGTERM)
    assert damage(deployment.web[0], followers) == []
    # None: it was the viewer that left.
    assert {code for follower in followers for code in follower.closed_with} <= {1012, None}
    assert deployment.deadlocks() == 0


@pytest.mark.own_postgresql
async def test_when_postgresql_is_restarted_runs_finish(tmp_path: Path) -> None:
    with own_postgresql() as cluster, deployed(tmp_path, SOON, cluster.url) as deployment:
        async with deployment.supervised(), deployment.busy(SESSIONS) as followers:
            await all_running(deployment.web[0], SESSIONS // 2)
            await asyncio.to_thread(cluster.restart)
        assert damage(deployment.web[0], followers) == []
        for web in deployment.web:
            assert web.process is not None
            assert web.process.poll() is None
