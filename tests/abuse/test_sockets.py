"""Clients of the WebSocket that mean harm, beside a neighbour, under uvicorn and under Daphne.

No time is measured: of what the server does while the neighbour waits for the answer to a ping, only the
processor time of the thread with its event loop counts, so that no test fails on a busy machine.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from websockets.asyncio.client import ClientConnection

from tests.support.abusers import ASKING, ATTACKS
from tests.support.server import PATIENCE, ServerProcess, receive_any, say, watching
from tests.support.shared_server import SharedServer, begun

PING_SECONDS = 0.1  # of the loop's thread, at the median
MORE_DESCRIPTORS, MORE_MEMORY = 40, 1.2
MOST_CONNECTIONS = 30  # of one process to PostgreSQL


@pytest.fixture(params=["uvicorn", "daphne"])
def attacked(
    request: pytest.FixtureRequest, share_server: Callable[..., SharedServer]
) -> Iterator[ServerProcess]:
    # Without a name for uvicorn: it is the server that the other tests share.
    how = {} if request.param == "uvicorn" else {"program": request.param}
    with begun(share_server(**how)) as server:
        yield server


class Watched:
    """What the system knows of a server's process."""

    def __init__(self, server: ServerProcess) -> None:
        assert server.process is not None
        self.files = Path(f"/proc/{server.process.pid}")

    def loop_seconds(self) -> float:
        """Returns the processor time of the first thread, which has the event loop."""
        return (
            int((self.files / "task" / self.files.name / "schedstat").read_text().split()[0]) / 1e9
        )

    def descriptors(self) -> int:
        return len(os.listdir(self.files / "fd"))

    def kilobytes(self) -> int:
        found = re.search(r"VmRSS:\s+(\d+)", (self.files / "status").read_text())
        assert found is not None
        return int(found[1])


async def ping(
    neighbour: ClientConnection, watched: Watched, took: list[float], is_over: asyncio.Event
) -> None:
    """Sends pings until it is over; notes how long the loop worked until each answer."""
    while not is_over.is_set():
        began = watched.loop_seconds()
        await neighbour.send('{"type": "ping"}')
        while (await receive_any(neighbour))["type"] != "heartbeat":
            pass
        took.append(watched.loop_seconds() - began)
        await asyncio.sleep(0.05)  # 20 a second is what a client may send


async def test_no_client_harms_the_server_or_its_neighbour(attacked: ServerProcess) -> None:
    watched = Watched(attacked)
    took: list[float] = []
    async with watching(attacked, session=attacked.other_session) as neighbour:
        await say(neighbour, "Hello")
        for attack in ATTACKS:  # once before: so that its threads, and what it keeps, are there
            await attack(attacked)
        files, memory = watched.descriptors(), watched.kilobytes()
        for attack in ATTACKS:
            is_over = asyncio.Event()
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as together:
                together.create_task(ping(neighbour, watched, took, is_over))
                await attack(attacked)
                is_over.set()
        assert median(took) < PING_SECONDS
        assert (await say(neighbour, "Create a task to rest"))[-1]["type"] == "complete"
        assert "Traceback" not in attacked.log.read_text()
        assert watched.descriptors() <= files + MORE_DESCRIPTORS
        assert watched.kilobytes() <= memory * MORE_MEMORY


@pytest.mark.postgresql
async def test_none_takes_the_connections_of_postgresql(postgresql_server: ServerProcess) -> None:
    used = (
        "SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%' "
        "AND state_change < now() - interval '5 seconds') "
        "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    server = postgresql_server
    async with watching(server, session=server.other_session) as neighbour:
        await say(neighbour, "Hello")
        for attack in ASKING:
            async with asyncio.timeout(PATIENCE):
                await attack(server)
        assert (await say(neighbour, "Create a task to rest"))[-1]["type"] == "complete"
    ((connections, waiting),) = server.rows(used)
    assert connections <= MOST_CONNECTIONS
    assert waiting == 0
    assert "Traceback" not in server.log.read_text()
