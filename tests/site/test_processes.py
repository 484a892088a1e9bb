"""Several processes on one database: what is refused at the start, and what they tell each other."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from channels.layers import get_channel_layer

from agent.event_log.events import EventType
from agent.event_log.log import Committed, Frame
from agent.runs import wake
from chat import wakeups
from chat.wakeups import Announcement, Wakeups
from samurai_site.server_lock import LOCK_ID
from tests.support import forked
from tests.support.databases import seeded_database
from tests.support.server import ROOT, ServerProcess, environment

POSTGRESQL = "postgresql://nobody@127.0.0.1:1/none"
REDIS = "redis://127.0.0.1:1/0"

# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"SAMURAI_ENGINE": "celery"}, "SAMURAI_ENGINE must be one of local, procrastinate"),
        (
            {"SAMURAI_ENGINE": "procrastinate", "REDIS_URL": REDIS},
            "needs PostgreSQL: set DATABASE_URL",
        ),
        (
            {"SAMURAI_ENGINE": "procrastinate", "DATABASE_URL": POSTGRESQL},
            "needs Redis: set REDIS_URL",
        ),
        ({"REDIS_URL": "127.0.0.1:6379"}, "REDIS_URL must have the form redis://"),
        ({"SAMURAI_MAX_ACTIVE_RUNS": "0"}, "SAMURAI_MAX_ACTIVE_RUNS must be 1 or more"),
    ],
)
def test_settings_that_do_not_go_together_stop_the_start_and_say_what_to_set(
    tmp_path: Path, env: dict[str, str], named: str
) -> None:
    started = forked.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment(tmp_path, **env)
    )
    assert started.returncode != 0
    assert named in started.stderr.decode().splitlines()[-1]


def test_no_process_imports_the_client_of_models_before_a_model_is_called(tmp_path: Path) -> None:
    code = "import django, sys; django.setup(); import samurai_site.asgi; print('openai' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(tmp_path) | {"DJANGO_SETTINGS_MODULE": "samurai_site.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "False\n"


# -- servers ---------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.postgresql
@pytest.mark.redis
def test_of_servers_on_one_postgresql_all_have_redis_or_there_is_one(tmp_path: Path) -> None:
    redis = {"REDIS_URL": os.environ["TEST_REDIS_URL"]}
    with seeded_database(tmp_path) as (url, seed):
        alone, second, *shared = (
            ServerProcess(tmp_path, seed, name=name, DATABASE_URL=url, **env)
            for name, env in (("alone", {}), ("second", {}), ("one", redis), ("two", redis))
        )
        try:
            alone.start()
            for refused in (second, shared[0]):
                with pytest.raises(
                    AssertionError, match="Another server is already using this PostgreSQL"
                ):
                    refused.start()
            alone.stop(signal.SIGKILL)
            for server in shared:
                server.start()
            with pytest.raises(AssertionError, match="set it for each server"):
                second.start()
        finally:
            for server in (alone, second, *shared):
                server.stop(signal.SIGKILL)


@pytest.mark.long
@pytest.mark.postgresql
async def test_a_server_takes_its_place_again_when_postgresql_was_away(tmp_path: Path) -> None:
    lock = f"locktype = 'advisory' AND objid = {LOCK_ID}"
    lock += " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    with seeded_database(tmp_path) as (url, seed):
        server, second = (
            ServerProcess(tmp_path, seed, name=name, DATABASE_URL=url) for name in ("one", "two")
        )
        try:
            server.start()
            ((holder,),) = server.rows(f"SELECT pid FROM pg_locks WHERE {lock}")
            server.rows(f"SELECT pg_terminate_backend({holder})")
            await until_true(lambda: server.rows(f"SELECT 1 FROM pg_locks WHERE {lock}"))
            await until_true(lambda: "Server lock acquired again" in server.log.read_text())
            with pytest.raises(
                AssertionError, match="Another server is already using this PostgreSQL"
            ):
                second.start()
            assert server.log.read_text().count("Server lock") == 2
        finally:
            server.stop(signal.SIGKILL)
            second.stop(signal.SIGKILL)


# -- wake-ups --------------------------------------------------------------------------------------


@pytest.fixture
def redis_layer(settings: Any) -> None:
    settings.REDIS_URL = os.environ["TEST_REDIS_URL"]
    hosts = [{"address": settings.REDIS_URL, "socket_timeout": None}]
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": hosts, "prefix": f"test{uuid4().hex}"},
        }
    }


@pytest.fixture
def heard() -> Iterator[list[Announcement]]:
    found: list[Announcement] = []
    wakeups.listen(found.append)
    yield found
    wakeups.unlisten(found.append)


class Listener:
    def __init__(self) -> None:
        self.interrupted: list[tuple[UUID, UUID]] = []

    def wake(self, session: UUID) -> None:
        raise AssertionError("nobody is woken by another process")

    def interrupt(self, session: UUID, run: UUID) -> None:
        self.interrupted.append((session, run))


def committed(session: UUID, seq: int, kind: str = "progress", **more: Any) -> Committed:
    return Committed(session, [Frame(seq, kind, more.pop("run", None), "{}")], **more)


async def send_nonsense() -> None:
    for content in ({}, {"from": "a later version", "news": [["x"]], "cancelled": 7}):
        await get_channel_layer().group_send(wakeups.GROUP, content)


async def until_true(reached: Any) -> None:
    async with asyncio.timeout(20):
        while not reached():
            await asyncio.sleep(0.01)


@pytest.mark.redis
@pytest.mark.usefixtures("redis_layer")
async def test_one_process_hears_how_far_another_is_and_what_it_cancelled(
    heard: list[Announcement],
) -> None:
    listener, session, run, project = Listener(), uuid4(), uuid4(), uuid4()
    wake.register(listener)
    one, other = Wakeups(), Wakeups()
    try:
        await until_true(lambda: one.in_touch and other.in_touch)
        await send_nonsense()
        one.add(committed(session, 1, board=(project, 7)))
        one.add(committed(session, 2))
        one.add(committed(session, 3, EventType.CANCELLED, run=run))
        await until_true(lambda: listener.interrupted)
        # What came together is told together, the latest of it; and nobody hears himself.
        assert heard == [Announcement(session, 3, (project, 7))]
        assert listener.interrupted == [(session, run)]
    finally:
        wake.unregister(listener)
        await one.stop()
        await other.stop()


@pytest.mark.redis
@pytest.mark.usefixtures("redis_layer")
def test_an_event_loop_that_ends_leaves_nothing_behind() -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def commit() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        wakeups.on_commit(committed(uuid4(), 1))
        assert wakeups.start() is wakeups.start()

    asyncio.run(commit())
    gc.collect()
    assert loops[0]() is None


async def test_without_redis_nothing_of_it_exists(settings: Any) -> None:
    assert not hasattr(settings, "CHANNEL_LAYERS")
    wakeups.on_commit(committed(uuid4(), 1))
    assert wakeups.start() is None
