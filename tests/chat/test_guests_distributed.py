"""Guests at two servers with one PostgreSQL and one Redis, of a run that a worker executes."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection

from tests.support.api_client import blocks
from tests.support.distributed import Site, eventually, running
from tests.support.guests import Guest, revoke, share
from tests.support.model_server import error
from tests.support.server import PATIENCE, ServerProcess, is_last, send, until, watching

pytestmark = [pytest.mark.long, pytest.mark.postgresql, pytest.mark.redis]

Frame = dict[str, Any]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(tmp_path) as site:
        yield site


@asynccontextmanager
async def guest_at(server: ServerProcess, link: dict[str, Any]) -> AsyncIterator[Guest]:
    guest = Guest(server, link)
    assert (await guest.open()).status_code == 303
    yield guest
    await guest.leave()


async def closed(socket: ClientConnection) -> int | None:
    """Returns the code with which the server closes the connection."""
    async with asyncio.timeout(PATIENCE):
        await socket.wait_closed()
    return socket.close_code


def numbered(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if "seq" in frame]


async def streamed(response: httpx2.Response) -> list[Frame]:
    frames = []
    async for _, frame in blocks(response):
        frames.append(frame)
        if is_last(frame):
            break
    return frames


async def test_guests_at_both_servers_follow_a_run_of_a_worker_and_members_replay_it(
    site: Site,
) -> None:
    near, far = site.web
    link = await share(near, shows_tasks=True)
    gate = site.model.gate("plan", "One")
    accept = {"Accept": "text/event-stream"}
    async with (
        guest_at(near, link) as one,
        guest_at(far, link) as other,
        one.socket() as socket,
        other.http.stream("GET", f"{other.path}events/", headers=accept) as response,
        watching(near) as alice,
    ):
        await send(alice, "One")
        await gate.arrived()
        assert await eventually(lambda: site.runner("One"))
        gate.open()
        frames, of_other = await asyncio.gather(until(socket, is_last), streamed(response))
        told = numbered(frames)
        assert [frame["seq"] for frame in told] == list(range(1, len(told) + 1))
        assert numbered(of_other) == told
        assert "alice" not in json.dumps(told)
        boards = [(await guest.get("board/")).text for guest in (one, other)]
        assert ["One, b" in board for board in boards] == [True, True]
        await revoke(far, link)
        assert await closed(socket) == 4404
        assert [(await guest.get("events/")).status_code for guest in (one, other)] == [404, 404]
    site.check_done_once("One")
    for server in site.web:
        await replayed(server, told[-1]["seq"])


async def replayed(server: ServerProcess, last: int) -> None:
    cookies = {"sessionid": server.cast["alice"]["cookie"]}
    async with httpx2.AsyncClient(base_url=server.url, cookies=cookies, timeout=PATIENCE) as http:
        address = f"/sessions/{server.session}/replay/"
        assert f'"last": {last}' in (await http.get(address)).text
        board = (await http.get(f"{address}board/", params={"at": last})).json()
    titles = sorted(one["states"][-1]["value"]["title"] for one in board["tasks"])
    assert titles == ["One, a", "One, b"]


async def test_a_guest_is_told_when_the_worker_dies_and_when_the_model_is_dead(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = site.web
    link = await share(near)
    gate = site.model.gate("plan", "Two")
    async with guest_at(far, link) as guest, guest.socket() as socket, watching(near) as alice:
        await send(alice, "Two")
        await gate.arrived()
        worker = await eventually(lambda: site.runner("Two"))
        worker.stop(signal.SIGKILL)
        gate.open()
        frames = await until(socket, is_last)
        assert frames[-1]["type"] == "complete"
        seqs = [frame["seq"] for frame in numbered(frames)]
        assert seqs == list(range(1, len(seqs) + 1))
        monkeypatch.setattr(site.model, "_answer", lambda _: error(401, "No such key"))
        await send(alice, "Three")
        (*_, failed) = await until(socket, is_last)
    assert failed["type"] == "error"
    assert failed["error"] == ""
    assert "No such key" not in json.dumps(failed)
