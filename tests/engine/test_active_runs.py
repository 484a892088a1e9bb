"""How many runs a process carries at once, and who is next."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from procrastinate import App, PsycopgConnector
from procrastinate.testing import InMemoryConnector
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from agent.engine import local, sweep, worker
from agent.engine.admission import (
    BURST,
    CPU_SHARE,
    FEW,
    INITIAL_BURST,
    MAX_CPU_PER_RUN,
    RETRY_AFTER,
    Admission,
)
from agent.engine.concurrency import ConcurrencyLimit
from agent.engine.runner import Runner
from agent.exceptions import Refused
from agent.models import ChatSession, Project, Run
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, ended, plan, status


def at_once() -> Admission:
    """Never has anybody wait: a second passes whenever it looks at the clock."""
    seconds = itertools.count()
    return Admission(lambda: 0.0, lambda: float(next(seconds)))


async def begun(
    slots: ConcurrencyLimit, users: list[int], order: list[int]
) -> list[asyncio.Task[None]]:
    async def work(user: int) -> None:
        await slots.acquire(user)
        order.append(user)
        await asyncio.sleep(0)
        slots.release(used=True)

    tasks = [asyncio.create_task(work(user)) for user in users]
    await asyncio.sleep(0)
    return tasks


async def test_a_user_with_many_waiting_starves_nobody() -> None:
    slots, order = ConcurrencyLimit(1, at_once()), []
    assert slots.try_acquire()
    tasks = await begun(slots, [1] * 100 + [2, 3, 2], order)
    slots.release(used=True)
    await asyncio.gather(*tasks)
    assert order[:7] == [1, 2, 3, 1, 2, 1, 1]
    assert order.count(1) == 100


async def test_no_more_than_the_most_are_taken_and_all_come_back() -> None:
    slots, order = ConcurrencyLimit(2, at_once()), []
    assert [slots.try_acquire() for _ in range(3)] == [True, True, False]
    tasks = await begun(slots, [1, 2], order)
    assert order == []
    tasks[0].cancel()  # who leaves the queue takes no slot with it
    slots.release(used=True)
    slots.release(used=True)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [2]
    assert [slots.try_acquire() for _ in range(3)] == [True, True, False]


async def test_a_slot_that_comes_while_its_waiter_leaves_is_not_lost() -> None:
    slots = ConcurrencyLimit(1, at_once())
    assert slots.try_acquire()
    (task,) = await begun(slots, [1], [])
    slots.release(used=True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert slots.try_acquire()


@dataclass
class Machine:
    """What a pace looks at."""

    now: float = 0.0
    worked: float = 0.0
    crowded: bool = False

    def pace(self) -> Admission:
        return Admission(lambda: self.crowded, lambda: self.now, lambda: self.worked)

    def carry(self, pace: Admission, runs: int, cost: float) -> None:
        """Carries so many runs one after the other, each for a second."""
        for _ in range(runs):
            self.now += max(1.0, pace.pause())
            pace.begin()
            self.worked += cost
            pace.end(used=True)


def begin_all(pace: Admission) -> int:
    """Begins as many as may; returns how many."""
    for number in itertools.count():
        if pace.pause():
            return number
        pace.begin()
    raise AssertionError


def test_a_few_begin_at_once_and_the_others_as_fast_as_the_process_carries_them() -> None:
    machine = Machine()
    pace = machine.pace()
    machine.carry(pace, 1000, cost=0.025)
    machine.now += 60
    assert begin_all(pace) == BURST
    pause = pace.pause()
    assert pause == pytest.approx(0.025 / CPU_SHARE, rel=0.1)
    machine.now += pause * 1.2
    assert begin_all(pace) == 1
    machine.now += 0.2
    assert begin_all(pace) == pytest.approx(CPU_SHARE / 0.025 / 5, abs=1)


def test_a_slower_machine_begins_fewer() -> None:
    rates = []
    for cost in (0.01, 0.02, 0.04):
        machine = Machine()
        pace = machine.pace()
        machine.carry(pace, 3000, cost)
        rates.append(pace.rate * cost)
    assert rates == pytest.approx([CPU_SHARE] * 3, rel=0.1)


def test_the_more_are_under_way_without_an_end_the_more_slowly_others_begin() -> None:
    machine = Machine()
    pace = machine.pace()
    rates = []
    for _ in range(INITIAL_BURST):
        pace.begin()
        machine.worked += 0.1
        rates.append(pace.rate)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0]
    assert rates[-1] == pytest.approx(CPU_SHARE / MAX_CPU_PER_RUN)


def test_what_the_process_does_without_runs_is_not_counted_as_theirs() -> None:
    machine = Machine()
    pace = machine.pace()
    machine.carry(pace, 1000, cost=0.02)
    before = pace.rate
    machine.worked += 3600
    machine.carry(pace, 1, cost=0.02)
    assert pace.rate == pytest.approx(before, rel=0.1)


def test_in_a_crowd_a_few_begin_and_after_it_all_begin_at_the_pace() -> None:
    machine = Machine(crowded=True)
    pace = machine.pace()
    assert begin_all(pace) == FEW
    assert pace.pause() == RETRY_AFTER
    machine.crowded = False
    assert begin_all(pace) == 1  # and not those of the start
    machine.now += 60
    assert begin_all(pace) == BURST


def test_where_there_was_nothing_to_begin_another_may() -> None:
    pace = Machine().pace()
    assert begin_all(pace) == INITIAL_BURST
    pace.end(used=False)
    assert begin_all(pace) == 1


def test_while_few_are_active_another_begins_at_once_however_many_were_before() -> None:
    machine = Machine()
    pace = machine.pace()
    for _ in range(100):
        assert pace.pause() == 0
        pace.begin()
        machine.now += 0.03
        machine.worked += 0.03
        pace.end(used=True)


async def test_where_few_are_left_the_next_need_not_wait_for_the_pace() -> None:
    slots, order = ConcurrencyLimit(1000, Admission(lambda: True, clock=lambda: 0.0)), []
    for _ in range(FEW):
        assert slots.try_acquire()
    tasks = await begun(slots, [1], order)
    slots.release(used=True)
    await asyncio.sleep(0)
    assert order == [1]
    await asyncio.gather(*tasks)


async def test_those_who_wait_for_the_pace_get_their_slots_in_time() -> None:
    slots, order = ConcurrencyLimit(1000, Admission(lambda: False)), []
    while slots.try_acquire():
        pass
    tasks = await begun(slots, [1, 2, 1], order)
    assert order == []
    await asyncio.gather(*tasks)
    assert order == [1, 2, 1]


async def test_room_is_there_when_a_slot_comes_back_and_is_awaited_for_a_while_only() -> None:
    slots = ConcurrencyLimit(1, at_once())
    await slots.wait_for_room(60)
    assert slots.try_acquire()
    began = time.monotonic()
    await slots.wait_for_room(0.2)
    assert time.monotonic() - began >= 0.2
    waiting = asyncio.create_task(slots.wait_for_room(60))
    await asyncio.sleep(0)
    assert not waiting.done()
    slots.release(used=True)
    await asyncio.wait_for(waiting, 5)
    assert slots.try_acquire()  # nobody has taken it


async def test_a_worker_leaves_the_rings_it_has_no_room_for_to_others(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SAMURAI_MAX_ACTIVE_RUNS = 1
    runner = Runner()

    async def engine() -> SimpleNamespace:
        return SimpleNamespace(runner=runner)

    monkeypatch.setattr(worker, "engine", engine)
    monkeypatch.setattr(worker, "HOLD", 60.0)
    app = App(connector=InMemoryConnector())
    app.job_manager = worker.WorkerJobManager(app.connector)
    for queue in (worker.RUNS, "sweep"):
        await app.configure_task("ring", queue=queue, allow_unknown=True).defer_async()
    assert runner.limit.try_acquire()
    of = await app.job_manager.register_worker()
    fetched = asyncio.create_task(app.job_manager.fetch_job([worker.RUNS], of))
    assert await app.job_manager.fetch_job(["sweep"], of) is not None
    assert not fetched.done()
    runner.limit.release(used=True)
    assert await asyncio.wait_for(fetched, 5) is not None


@pytest.mark.postgresql
async def test_a_worker_that_freezes_between_two_statements_leaves_no_transaction_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = conninfo_to_dict(os.environ["TEST_DATABASE_URL"])
    monkeypatch.setattr(worker, "connector_params", lambda alias: database)
    connector = worker.WorkerConnector().get_worker_connector()
    assert isinstance(connector, PsycopgConnector)
    await connector.open_async()
    try:
        async with connector.pool.connection() as connection:
            await connection.execute("SELECT 1")
            assert connection.info.transaction_status is TransactionStatus.IDLE
    finally:
        await connector.close_async()


@pytest.mark.django_db(transaction=True)
async def test_sessions_that_wait_for_a_place_hold_no_lease_and_take_turns_by_user(
    project: Project, alice: User, bob: User, settings: Any
) -> None:
    settings.SAMURAI_MAX_ACTIVE_RUNS = 1
    gate = asyncio.Event()
    steps = plan(create("s1", "Login"))
    model = ScriptedModel(plans=[steps], gates={"analyze": gate})
    async with local.executing(model) as runner:
        sessions = [await ChatSession.objects.acreate(project=project) for _ in range(4)]
        first = await runs.start(sessions[0].pk, alice, MessageRequest("First"))
        await status(first, "running")
        others = [await runs.start(s.pk, alice, MessageRequest("More")) for s in sessions[1:3]]
        bobs = await runs.start(sessions[3].pk, bob, MessageRequest("Bob's only one"))
        async with asyncio.timeout(20):
            while sum(map(len, runner.limit._waiting.values())) < 3:
                await asyncio.sleep(0.01)
        held = Run.objects.exclude(lease_until=None).values_list("pk", flat=True)
        assert [run async for run in held] == [first.pk]
        assert len(await sync_to_async(sweep.pending_sessions)()) == 3
        gate.set()
        for run in (*others, bobs):
            assert (await ended(run)).status == "succeeded"
    finished = Run.objects.order_by("finished_at").values_list("pk", flat=True)
    order = [run async for run in finished]
    # The two of alice came to wait in either order.
    assert order.index(bobs.pk) < max(order.index(run.pk) for run in others)


@pytest.mark.django_db(transaction=True)
async def test_what_does_not_count_is_never_too_much_and_leaves_the_person_the_whole_minute(
    session: ChatSession, alice: User, settings: Any
) -> None:
    settings.SAMURAI_USER_RUNS_PER_MINUTE = 1
    for number in range(3):
        await runs.start(session.pk, alice, MessageRequest(f"Batch {number}", counted=False))
    await runs.start(session.pk, alice, MessageRequest("Said by hand"))
    with pytest.raises(Refused, match="limit is 1 messages per minute"):
        await runs.start(session.pk, alice, MessageRequest("Said again"))
    await runs.start(session.pk, alice, MessageRequest("Batch 4", counted=False))
