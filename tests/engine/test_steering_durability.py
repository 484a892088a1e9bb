"""A message into a run is neither lost nor doubled when server processes are killed. On SQLite."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator

import pytest

from tests.support.busy_model import thinking
from tests.support.durability import Follower, add_sessions, damage, following, kill_and_start
from tests.support.model_server import ModelServer
from tests.support.server import ServerProcess

SESSIONS = 8


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(thinking((0.1, 0.4))) as server:
        yield server


@pytest.fixture
def server(make_server: Callable[..., ServerProcess], model: ModelServer) -> ServerProcess:
    return make_server(OPENAI_API_KEY="key", OPENAI_BASE_URL=model.base_url)


async def steered(follower: Follower, number: int, chance: random.Random) -> None:
    """Says something and sends two messages into its run, the second at any moment."""
    await follower.say(f"Viewer {number}")
    run = (await follower.saw("message"))["run"]
    await follower.steer(run, f"Viewer {number}, also this")
    await asyncio.sleep(chance.uniform(0, 1.5))
    await follower.steer(run, f"Viewer {number}, and that")


@pytest.mark.long
async def test_every_message_into_a_run_is_applied_or_the_next_one_whatever_is_killed(
    server: ServerProcess,
) -> None:
    chance = random.Random(7)
    async with following(server, add_sessions(server, SESSIONS)) as followers:
        for follower in followers:
            await follower.connected()
        async with asyncio.TaskGroup() as group:
            for number, follower in enumerate(followers):
                group.create_task(steered(follower, number, chance))
            for _ in range(3):
                await asyncio.sleep(chance.uniform(0.2, 0.8))
                await kill_and_start(server)
        for follower in followers:
            await follower.down_to(0)
        assert damage(server, followers) == []
    ends = server.rows(
        """
        SELECT message.id, steering.status,
            (SELECT count(*) FROM agent_run WHERE message_id = message.id)
        FROM agent_message message
        LEFT JOIN agent_steering steering ON steering.message_id = message.id
        WHERE message.content LIKE '%, also this' OR message.content LIKE '%, and that'
        """
    )
    assert len(ends) == 2 * SESSIONS
    own = {"applied": 0, "next": 1, None: 1}
    assert [(status, runs) for _, status, runs in ends if own.get(status) != runs] == []
