"""Two servers and two workers on one PostgreSQL and Redis: real processes that die, freeze, lose touch."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from websockets.asyncio.client import ClientConnection

from agent.event_log.phases import Phase
from tests.support.distributed import Site, eventually, running
from tests.support.server import ServerProcess, WorkerProcess, is_last, send, until, watching

pytestmark = [pytest.mark.long, pytest.mark.postgresql, pytest.mark.redis]

Frame = dict[str, Any]

# Seconds within which another worker has taken over, on a busy machine; on a quiet one it is 20.
TAKEN_OVER = 90.0


@pytest.fixture(scope="module")
def two_of_each(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("distributed")) as site:
        yield site


@pytest.fixture
def site(two_of_each: Site) -> Site:
    two_of_each.start()  # what an earlier test took down
    return two_of_each


async def end_of(socket: ClientConnection, message: str) -> list[Frame]:
    """Returns the events from that of `message` to the end of its run.

    The frames between them that are in no log, a heartbeat or the board's version, come as they like.
    """
    (said_so,) = (await until(socket, lambda f: is_said(f, message)))[-1:]
    return [said_so, *(f for f in await end_of_run(socket, said_so["run"]) if "seq" in f)]


def is_said(frame: Frame, content: str) -> bool:
    return bool(frame["type"] == "message" and frame["message"]["content"] == content)


def finished_phases(frames: list[Frame]) -> list[str]:
    told = [frame["progress"] for frame in frames if frame["type"] == "progress"]
    return [
        said["step"]
        for said in told
        if said["metadata"].get("phase") == "finished" and "step_id" not in said["metadata"]
    ]


async def order(socket: ClientConnection, kind: str, run: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, "run": run, **fields}))


async def test_a_message_to_one_server_is_carried_out_by_a_worker_and_seen_at_the_other(
    site: Site,
) -> None:
    gate = site.model.gate("analysis", "Live")
    async with watching(site.web[0]) as near, watching(site.web[1]) as far:
        await send(near, "Live")
        await gate.arrived()
        assert site.runner("Live") is not None
        gate.open()
        there = asyncio.create_task(end_of(far, "Live"))
        here = await end_of(near, "Live")
        assert await there == here
        assert here[-1]["response"] == "Done: Live"
    site.check_done_once("Live")


async def test_a_cancel_at_the_other_server_ends_a_call_of_the_model_in_the_worker(
    site: Site,
) -> None:
    site.model.gate("analysis", "Cancel me")
    async with watching(site.web[0]) as near, watching(site.web[1]) as far:
        await send(near, "Cancel me")
        request = (await eventually(lambda: site.model.asked("analysis", "Cancel me")))[0]
        run = str(site.run("Cancel me", "r.id")[0])
        await order(far, "cancel", run)
        assert await request.left(2)  # the lease alone would tell within one
        assert (await end_of(near, "Cancel me"))[-1]["by"] == "alice"
        await send(near, "After the cancel")
        assert (await end_of(far, "After the cancel"))[-1]["type"] == "complete"


async def test_when_its_worker_is_killed_the_other_carries_on_and_repeats_nothing(
    site: Site,
) -> None:
    gate = site.model.gate("memory", "Kill")
    async with watching(site.web[0]) as near, watching(site.web[1]) as far:
        await send(near, "Kill")
        await gate.arrived()
        worker = await eventually(lambda: site.runner("Kill"))
        worker.stop(signal.SIGKILL)
        gate.open()
        frames = await end_of(far, "Kill")
    assert frames[-1]["type"] == "complete"
    assert len(site.model.asked("analysis", "Kill")) == len(site.model.asked("plan", "Kill")) == 1
    assert len(site.model.asked("memory", "Kill")) == 2
    site.check_done_once("Kill")


async def test_the_sweep_rings_for_nobody_for_whom_a_ring_is_waiting(
    site: Site, tmp_path: Path
) -> None:
    for worker in site.workers:
        worker.stop()
    sweeper = WorkerProcess(tmp_path, "sweeper", **site.env)
    sweeper.queue = "sweep"
    deferred = (
        "SELECT last_value FROM procrastinate_jobs_id_seq"  # a sweep is deleted when it is done
    )
    jobs = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'execute_session' AND status = 'todo'"
    try:
        async with watching(site.web[0]) as socket:
            await send(socket, "Waiting")
            assert await eventually(lambda: site.rows(jobs) == [(1,)])
            sweeper.start()
            ((before,),) = site.rows(deferred)
            await eventually(lambda: site.rows(deferred)[0][0] >= before + 3)
            assert site.rows(jobs) == [(1,)]
            site.start()
            assert (await end_of(socket, "Waiting"))[-1]["type"] == "complete"
    finally:
        sweeper.stop(signal.SIGKILL)
    site.check_done_once("Waiting")


async def test_while_nobody_drives_a_run_its_viewers_are_told_so(site: Site) -> None:
    gate = site.model.gate("memory", "Left")
    async with watching(site.web[0]) as near:
        await send(near, "Left")
        await gate.arrived()
        for worker in site.workers:
            worker.stop(signal.SIGKILL)
        gone = (await until(near, lambda f: f["type"] == "interrupted"))[-1]
        assert (gone["run"], gone["interrupted"]) == (str(site.run("Left", "r.id")[0]), True)
        async with watching(site.web[1]) as late:
            assert (await until(late, lambda f: f["type"] == "interrupted"))[-1] == gone
        gate.open()
        site.start()
        told = await until(near, is_last)
        back = [f for f in told if f["type"] == "interrupted"]
        back = back or await until(near, lambda f: f["type"] == "interrupted")
        assert back[-1] == {**gone, "interrupted": False}
    site.check_done_once("Left")


async def test_a_worker_that_was_frozen_writes_nothing_and_goes_on_when_its_successor_is_killed(
    site: Site,
) -> None:
    gate = site.model.gate("memory", "Freeze")
    async with watching(site.web[0]) as near:
        await send(near, "Freeze")
        await gate.arrived()
        frozen = await eventually(lambda: site.runner("Freeze"))
        frozen.send_signal(signal.SIGSTOP)
        try:
            await eventually(lambda: len(site.model.asked("memory", "Freeze")) == 2, TAKEN_OVER)
            successor = await eventually(lambda: site.runner("Freeze"))
            assert successor is not frozen
        finally:
            frozen.send_signal(signal.SIGCONT)
        assert await site.model.asked("memory", "Freeze")[0].left(5)  # it has left the run
        successor.stop(signal.SIGKILL)
        gate.open()
        frames = await end_of(near, "Freeze")
    assert finished_phases(frames) == list(Phase)
    assert site.run("Freeze", "r.attempt")[0] >= 3
    site.check_done_once("Freeze")
    assert frozen.process is not None
    assert frozen.process.poll() is None


async def test_a_worker_that_froze_while_it_wrote_holds_up_nobody(site: Site) -> None:
    gate = site.model.gate("memory", "Freeze and write")
    states = (  # of our own statements, not of Procrastinate's, which wait for each other too
        "SELECT wait_event_type, state FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE '%agent_%'"
    )
    async with watching(site.web[0]) as near:
        await send(near, "Freeze and write")
        await gate.arrived()
        frozen = await eventually(lambda: site.runner("Freeze and write"))
        with site.web[0].database() as database:
            lock = "SELECT FROM agent_chatsession WHERE id = %s FOR UPDATE"
            database.execute(lock, [site.web[0].session])
            gate.open()
            await eventually(lambda: ("Lock", "active") in site.rows(states))
            frozen.send_signal(signal.SIGSTOP)
        try:  # now the lock is the frozen one's
            assert await eventually(lambda: ("Client", "idle in transaction") in site.rows(states))
            assert (await end_of(near, "Freeze and write"))[-1]["type"] == "complete"
        finally:
            frozen.send_signal(signal.SIGCONT)
        assert await eventually(
            lambda: "Another worker has already ended job" in frozen.log.read_text()
        )
        assert "Traceback" not in frozen.log.read_text()
        assert frozen.process.poll() is None
    site.check_done_once("Freeze and write")


async def test_workers_that_were_taken_for_dead_go_on(site: Site) -> None:
    workers = [worker.process for worker in site.workers]
    with site.web[0].database() as database:
        database.execute("DELETE FROM procrastinate_workers")
        database.commit()
    async with watching(site.web[0]) as near:
        await send(near, "Not dead")
        assert (await end_of(near, "Not dead"))[-1]["type"] == "complete"
    for worker, process in zip(site.workers, workers, strict=True):
        assert process is not None
        await eventually(lambda: "registered again" in worker.log.read_text())  # noqa: B023
        assert (worker.process, process.poll()) == (process, None)
    site.check_done_once("Not dead")


async def test_a_plan_that_waits_goes_on_in_another_process_when_it_is_approved(site: Site) -> None:
    gate = site.model.gate("analysis", "Ask first")
    async with watching(site.web[0]) as near, watching(site.web[1]) as far:
        await send(near, "Ask first", approval="required")
        await gate.arrived()
        worker = await eventually(lambda: site.runner("Ask first"))
        gate.open()
        asked = (await until(far, lambda f: f["type"] == "approval"))[-1]
        parked = (await until(far, lambda f: f["type"] == "run"))[-1]
        assert (parked["run"], parked["status"]) == (asked["run"], "waiting")
        assert site.run("Ask first", "r.lease_owner, r.lease_until") == ("", None)
        doing = (
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = 'runs'"
        )
        await eventually(lambda: site.rows(doing) == [(0,)])
        worker.stop()
        await order(far, "approve", asked["run"], plan_revision=1)
        assert (await end_of(near, "Ask first"))[-1]["type"] == "complete"
    site.check_done_once("Ask first")


async def test_a_plan_that_nobody_decides_on_is_ended_by_a_worker_and_once(site: Site) -> None:
    async with watching(site.web[0]) as near:
        await send(near, "Nobody decides", approval="required")
        await until(near, lambda f: is_said(f, "Nobody decides"))  # behind what is replayed
        asked = (await until(near, lambda f: f["type"] == "approval"))[-1]
        with psycopg.connect(site.web[0].env["DATABASE_URL"]) as postgresql:
            postgresql.execute(
                "UPDATE agent_approval SET expires_at = now() - interval '1 s' WHERE id = %s",
                [asked["approval"]["id"]],
            )
        frames = await end_of_run(near, asked["run"])
    assert [frame["type"] for frame in frames[-2:]] == ["run", "cancelled"]
    assert [f["approval"]["status"] for f in frames if f["type"] == "approval"] == ["expired"]
    assert site.run("Nobody decides", "r.status") == ("cancelled",)


async def end_of_run(socket: ClientConnection, run: str) -> list[Frame]:
    return await until(socket, lambda frame: is_last(frame) and frame["run"] == run)


async def test_a_worker_that_is_told_to_stop_hands_its_run_over(site: Site) -> None:
    gate = site.model.gate("memory", "Hand over")
    async with watching(site.web[0]) as near:
        await send(near, "Hand over")
        await gate.arrived()
        worker = await eventually(lambda: site.runner("Hand over"))
        held = site.run("Hand over", "r.lease_owner")
        await asyncio.to_thread(worker.stop)
        # Given back, and not left to a lease that runs out.
        owner, until = site.run("Hand over", "r.lease_owner, r.lease_until")
        assert until is None or (owner,) != held
        gate.open()
        assert (await end_of(near, "Hand over"))[-1]["type"] == "complete"
    site.check_done_once("Hand over")


async def test_while_redis_is_away_answers_arrive_and_no_socket_is_closed(site: Site) -> None:
    async with watching(site.web[0]) as near, watching(site.web[1]) as far:
        site.proxy.cut()
        try:
            await send(near, "Without Redis")
            assert (await end_of(far, "Without Redis"))[-1]["type"] == "complete"
            await eventually(lambda: all(told(web, "Redis is away") for web in site.web))
        finally:
            before = site.proxy.accepted
            site.proxy.mend()
        await eventually(lambda: all(told(web, "Redis is back") for web in site.web))
        assert site.proxy.accepted > before
        await send(far, "With Redis again")
        assert (await end_of(near, "With Redis again"))[-1]["type"] == "complete"
    for web in site.web:
        assert told(web, "Redis is away") == told(web, "Redis is back") == 1
        assert "Traceback" not in web.log.read_text()
    site.check_done_once("Without Redis")


def told(web: ServerProcess, text: str) -> int:
    return web.log.read_text().count(text)
