"""Drafts that a worker writes, on PostgreSQL, at a server in another process, with and without Redis."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.databases import seeded_database
from tests.support.model_server import ModelServer
from tests.support.proxy import Proxy
from tests.support.server import (
    ServerProcess,
    WorkerProcess,
    is_last,
    send,
    until,
    watching,
)
from tests.support.slow_plan import SlowPlan, settings_of

pytestmark = [pytest.mark.long, pytest.mark.postgresql, pytest.mark.redis]

Frame = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """`proxy`: between the server and Redis."""

    web: ServerProcess
    worker: WorkerProcess
    proxy: Proxy
    slow: SlowPlan


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    redis, slow = urlsplit(os.environ["TEST_REDIS_URL"]), SlowPlan()
    with ExitStack() as stack:
        model = stack.enter_context(ModelServer(slow))
        proxy = stack.enter_context(Proxy(redis.hostname or "127.0.0.1", redis.port or 6379))
        url, seed = stack.enter_context(seeded_database(tmp_path))
        env = {
            **settings_of(model),
            "DATABASE_URL": url,
            "REDIS_URL": redis._replace(netloc=f"127.0.0.1:{proxy.port}").geturl(),
            "SAMURAI_ENGINE": "procrastinate",
        }
        site = Site(
            ServerProcess(tmp_path, seed, **env),
            WorkerProcess(tmp_path, "worker", **env),
            proxy,
            slow,
        )
        for process in (site.worker, site.web):
            stack.callback(process.stop, signal.SIGKILL)
            process.start()
        yield site


def is_half(frame: Frame) -> bool:
    return frame["type"] == "draft" and len(frame["steps"]) == 1


async def test_a_draft_of_a_worker_reaches_the_viewers_of_a_server(site: Site) -> None:
    site.slow.asked.open()
    site.slow.thought.open()
    async with watching(site.web) as socket:
        await send(socket, "Make two tasks")
        frames = await until(socket, is_half)
        assert frames[-1]["after"] == next(f["seq"] for f in reversed(frames) if "seq" in f)
        site.slow.half.open()
        frames = await until(socket, is_last)
    assert frames[-1]["type"] == "complete"
    assert site.web.rows("SELECT * FROM agent_draft") == []


async def test_without_redis_the_drafts_are_looked_at(site: Site) -> None:
    site.slow.asked.open()
    site.slow.thought.open()
    async with watching(site.web) as socket:
        site.proxy.cut()
        await send(socket, "Make two tasks")
        await until(socket, is_half)
        site.slow.half.open()
        assert (await until(socket, is_last))[-1]["type"] == "complete"
    assert site.web.rows("SELECT * FROM agent_draft") == []
