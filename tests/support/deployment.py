"""Several servers and workers on one PostgreSQL and Redis under load, and what may happen to them.

The harness of `tests/engine/test_durability_distributed.py` and `benchmarks/soak.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.busy_model import thinking
from tests.support.databases import seeded_database
from tests.support.durability import Follower, add_sessions, busy, following
from tests.support.model_server import ModelServer
from tests.support.proxy import Proxy
from tests.support.server import Process, ServerProcess, WorkerProcess, seeded


class Deployment:
    """The processes; whatever ends is started again, as systemd does."""

    def __init__(
        self, var: Path, seed: dict[str, Any], proxy: Proxy, each: int, **env: str
    ) -> None:
        self.proxy = proxy
        self.web = [ServerProcess(var, seed, name=f"web{n}", **env) for n in range(each)]
        self.workers = [WorkerProcess(var, f"worker{n}", **env) for n in range(each)]

    @property
    def processes(self) -> list[Process]:
        return [*self.workers, *self.web]

    def start(self) -> None:
        for process in self.processes:
            process.start()

    def stop(self) -> None:
        for process in self.processes:
            process.stop(signal.SIGKILL)

    async def restart(self, process: Process, how: signal.Signals) -> None:
        await asyncio.to_thread(process.stop, how)
        await asyncio.to_thread(process.start)

    def driven_by(self, process: Process) -> dict[str, int]:
        """Returns the attempt of each run that `process` drives."""
        assert process.process is not None
        return dict(
            self.web[0].rows(
                "SELECT id, attempt FROM agent_run WHERE status = 'running'"
                f" AND lease_owner LIKE '%:{process.process.pid}:%'"
            )
        )

    def deadlocks(self) -> int:
        return sum(one.log.read_text().count("deadlock detected") for one in self.processes)

    @contextlib.asynccontextmanager
    async def supervised(self) -> AsyncIterator[None]:
        """Starts workers again that end by themselves: they do when PostgreSQL goes."""

        async def look() -> None:
            while True:
                for worker in self.workers:
                    if worker.process is not None and worker.process.poll() is not None:
                        await asyncio.to_thread(worker.start)
                await asyncio.sleep(0.2)

        looking = asyncio.create_task(look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    @contextlib.asynccontextmanager
    async def busy(self, sessions: int) -> AsyncIterator[list[Follower]]:
        """Viewers at both servers that keep so many sessions busy; at the end all is done."""
        added = add_sessions(self.web[0], sessions)
        async with following(self.web[0], added, self.web[1]) as followers, busy(followers):
            yield followers


@contextlib.contextmanager
def deployed(
    var: Path,
    pause: tuple[float, float],
    database: str | None = None,
    *,
    each: int = 2,
    **env: str,
) -> Iterator[Deployment]:
    """`each` servers, and as many workers, which drive, with a model that takes `pause` for each call;
    Redis is behind a proxy.
    """
    redis = urlsplit(os.environ["TEST_REDIS_URL"])
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(ModelServer(thinking(pause)))
        proxy = stack.enter_context(Proxy(redis.hostname or "127.0.0.1", redis.port or 6379))
        env |= {
            "REDIS_URL": redis._replace(netloc=f"127.0.0.1:{proxy.port}").geturl(),
            "SAMURAI_ENGINE": "procrastinate",
            "OPENAI_API_KEY": "key",
            "OPENAI_BASE_URL": model.base_url,
        }
        if database is None:
            env["DATABASE_URL"], seed = stack.enter_context(seeded_database(var))
        else:
            env["DATABASE_URL"] = database
            seed = seeded(var, **env)
        deployment = Deployment(var, seed, proxy, each, **env)
        stack.callback(deployment.stop)
        deployment.start()
        yield deployment
