"""Nothing kills a run: outcomes after kills, stops and restarts of real server processes on SQLite.

`make soak` does the same at length and measures how long it takes.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.support.busy_model import thinking
from tests.support.durability import (
    add_sessions,
    all_running,
    busy,
    damage,
    following,
    kill_and_start,
    library_process,
    start_again,
)
from tests.support.model_server import ModelServer
from tests.support.server import ServerProcess

SESSIONS = 20


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(thinking((0.1, 0.5))) as server:
        yield server


@pytest.fixture
def server(make_server: Callable[..., ServerProcess], model: ModelServer) -> ServerProcess:
    return make_server(OPENAI_API_KEY="key", OPENAI_BASE_URL=model.base_url)


@pytest.mark.long
async def test_killed_again_and_again_the_server_loses_nothing_and_does_nothing_twice(
    server: ServerProcess,
) -> None:
    chance = random.Random(5)
    async with following(server, add_sessions(server, SESSIONS)) as followers:
        async with busy(followers):
            for _ in range(5):
                await all_running(server, SESSIONS)
                await asyncio.sleep(chance.uniform(0.0, 1.0))
                assert (await kill_and_start(server)).in_flight > 0
        assert damage(server, followers) == []


async def test_told_to_stop_the_server_hands_its_runs_over_and_the_next_one_goes_on(
    server: ServerProcess,
) -> None:
    async with following(server, add_sessions(server, SESSIONS)) as followers:
        async with busy(followers):
            await all_running(server, SESSIONS)
            await asyncio.to_thread(server.stop, signal.SIGTERM)
            assert [follower.closed_with for follower in followers] == [[1012]] * SESSIONS
            held = server.rows("SELECT lease_until, claims FROM agent_run WHERE status = 'running'")
            assert set(held) == {(None, 0)}
            assert (await start_again(server)).in_flight == len(held)
        assert damage(server, followers) == []


async def test_runs_of_a_second_process_are_seen_live_and_nothing_is_corrupted(
    server: ServerProcess,
) -> None:
    sessions = add_sessions(server, 8)
    async with following(server, sessions) as followers:
        async with busy(followers[:4]):
            process = await library_process(server, sessions)
            for follower in followers[4:]:
                # Seen while that process works, and not only when it has ended.
                await follower.saw("run", status="running")
            assert process.returncode is None
            out, _ = await process.communicate()
        assert [result[1:] for result in json.loads(out)] == [["succeeded", ""]] * len(sessions)
        for follower in followers:
            await follower.down_to(0)
        assert damage(server, followers) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_run_that_waits_for_approval_outlives_the_server_and_goes_on_when_it_comes(
    server: ServerProcess, how: signal.Signals
) -> None:
    async with following(server, [server.session]) as (follower,):
        await follower.say("Ask first", approval="required")
        asked = await follower.saw("run", status="waiting")
        await asyncio.to_thread(server.stop, how)
        await start_again(server)
        assert server.rows("SELECT status, lease_owner, lease_until FROM agent_run") == [
            ("waiting", "", None)
        ]
        assert server.rows("SELECT title FROM agent_task") == []
        async with asyncio.timeout(30):
            while follower.socket is None:
                await asyncio.sleep(0.02)
        await follower.send({"type": "approve", "run": asked["run"], "plan_revision": 1})
        await follower.down_to(0)
        assert damage(server, [follower]) == []
