"""Runs under the local engine: leases, resuming from the ledger, the poison guard, approval, cancel."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from agent.agent import PlanningFirstAgent
from agent.engine import local, process_identity, runner, sweep
from agent.event_log import log
from agent.models import ChatSession, Event, PhaseResult, Project, Run, Task
from agent.runs import claiming, runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from agent.tools import registry
from agent.tools.registry import Arguments, Result, ToolCall
from tests.support.scripted_runs import create, ended, log_of, plan

pytestmark = pytest.mark.django_db(transaction=True)

DEAD = "another-host:1:1"


async def test_a_run_is_carried_on_from_its_ledger_and_repeats_nothing(
    session: ChatSession, alice: User, project: Project
) -> None:
    """The first driver dies while the plan's second step waits; the second one does the rest."""
    gate = asyncio.Event()
    registry.add(registry.make(waits_for(gate), "writes", alters=0))
    try:
        steps = [create("s1", "Login"), {**create("s2", "x", "s1"), "tool": "wait_here"}]
        steps[1]["arguments"] = {}
        first = ScriptedModel(plans=[plan(*steps)])
        async with local.executing(first):
            run = await runs.start(session.pk, alice, MessageRequest("Do it"))
            while not await Event.objects.filter(
                body__contains='"s2","status":"running"'
            ).aexists():
                await asyncio.sleep(0.02)
        gate.set()
        second = ScriptedModel(plans=[RuntimeError("planned again")])
        async with local.executing(second) as runner:
            runner.wake(session.pk)
            assert (await ended(run)).status == "succeeded"
    finally:
        registry.remove("wait_here")
    assert "analyze" not in [verb for verb, _ in second.asked]
    assert await Task.objects.filter(title="Login").acount() == 1
    log = await log_of(session)
    started = [
        event["progress"]["step"]
        for event in log
        if event["type"] == "progress"
        and event["progress"]["metadata"].get("phase") == "started"
        and "step_id" not in event["progress"]["metadata"]
    ]
    assert started.count("planning") == 1
    assert [e["step"]["id"] for e in log if e["type"] == "step"].count("s1") == 2  # once
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))


def waits_for(gate: asyncio.Event, reached: asyncio.Event | None = None) -> Any:
    class Nothing(Arguments):
        pass

    class Waited(Result):
        waited: bool

    async def wait_here(call: ToolCall, arguments: Any) -> Any:
        """Waits until the test goes on."""
        if reached is not None:
            reached.set()
        await gate.wait()
        return Waited(waited=True)

    wait_here.__annotations__ = {"call": ToolCall, "arguments": Nothing, "return": Waited}
    return wait_here


async def test_a_step_is_running_while_its_tool_waits(session: ChatSession, alice: User) -> None:
    gate, reached = asyncio.Event(), asyncio.Event()
    registry.add(registry.make(waits_for(gate, reached), "writes", alters=0))
    try:
        step = {**create("s1", "x"), "tool": "wait_here", "arguments": {}}
        async with local.executing(ScriptedModel(plans=[plan(step)])):
            run = await runs.start(session.pk, alice, MessageRequest("Do it"))
            await asyncio.wait_for(reached.wait(), 20)
            log = await log_of(session)
            assert [e["step"]["status"] for e in log if e["type"] == "step"] == ["running"]
            last = log[-1]
            assert (last["type"], last["progress"]["metadata"]["step_id"]) == ("progress", "s1")
            gate.set()
            assert (await ended(run)).status == "succeeded"
    finally:
        registry.remove("wait_here")


async def test_a_tool_that_is_not_idempotent_is_not_called_again_after_a_crash(
    session: ChatSession, alice: User
) -> None:
    gate, reached = asyncio.Event(), asyncio.Event()
    registry.add(registry.make(waits_for(gate, reached), "writes", alters=0, idempotent=False))
    try:
        step = {**create("s1", "x"), "tool": "wait_here", "arguments": {}}
        model = ScriptedModel(plans=[plan(step), plan(step)])
        async with local.executing(model):
            run = await runs.start(session.pk, alice, MessageRequest("Do it"))
            await asyncio.wait_for(reached.wait(), 20)
        gate.set()
        reached.clear()
        async with local.executing(model) as runner:
            runner.wake(session.pk)
            assert (await ended(run)).status == "succeeded"
    finally:
        registry.remove("wait_here")
    assert not reached.is_set()
    steps = [e["step"] for e in await log_of(session) if e["type"] == "step"]
    assert [one["status"] for one in steps] == ["running", "running", "failed"]
    assert "it is not known whether it took effect" in steps[-1]["error"]


async def test_a_run_with_a_living_driver_elsewhere_is_left_alone(
    session: ChatSession, alice: User
) -> None:
    run = await runs.start(session.pk, alice, MessageRequest("Do it"))
    assert await claiming.claim(session.pk, DEAD) is not None
    assert await claiming.claim(session.pk, process_identity.owner()) is None
    await Run.objects.filter(pk=run.pk).aupdate(lease_until=timezone.now() - timedelta(seconds=1))
    claimed = await claiming.claim(session.pk, process_identity.owner())
    assert claimed is not None
    assert (claimed.resumed, claimed.fence.attempt) == (True, 2)


async def test_what_a_dead_process_of_this_host_held_is_free_at_once(
    session: ChatSession, alice: User
) -> None:
    host, _, _ = process_identity.owner().rsplit(":", 2)
    await runs.start(session.pk, alice, MessageRequest("Do it"))
    await claiming.claim(session.pk, f"{host}:999999999:1")
    assert not process_identity.is_dead("a name of something else")
    assert await sync_to_async(sweep.pending_sessions)() == []
    assert await sync_to_async(sweep.release_dead_leases)() == 1
    assert await sync_to_async(sweep.pending_sessions)() == [session.pk]


async def test_a_run_whose_results_cannot_be_read_back_fails_and_is_not_claimed_for_ever(
    session: ChatSession, alice: User
) -> None:
    run = await runs.start(session.pk, alice, MessageRequest("Do it"))
    await claiming.claim(session.pk, DEAD)
    await Run.objects.filter(pk=run.pk).aupdate(lease_until=timezone.now() - timedelta(seconds=1))
    await PhaseResult.objects.acreate(
        run=run, phase="unknown", started_at=timezone.now(), duration_ms=1
    )
    async with local.executing(ScriptedModel()) as runner:
        await runner.execute(session.pk)
    await run.arefresh_from_db()
    assert (run.status, run.error) == ("failed", "An unexpected error occurred.")


async def test_a_serving_engine_takes_up_what_was_left(session: ChatSession, alice: User) -> None:
    run = await runs.start(session.pk, alice, MessageRequest("Do it"))
    runner = local.LocalEngine(
        serving=True, model=ScriptedModel(plans=[plan(create("s1", "Login"))])
    )
    await runner.start()
    try:
        assert (await ended(run)).status == "succeeded"
    finally:
        await runner.stop()


async def test_a_serving_engine_takes_over_from_a_process_of_its_host_that_dies_beside_it(
    session: ChatSession, alice: User, project: Project
) -> None:
    host, _, _ = process_identity.owner().rsplit(":", 2)
    run = await runs.start(session.pk, alice, MessageRequest("Do it"))
    # By a living one, as far as anybody can tell.
    await claiming.claim(session.pk, process_identity.owner())
    other = await ChatSession.objects.acreate(project=project)
    left = await runs.start(other.pk, alice, MessageRequest("Do it"))
    await Run.objects.filter(pk=run.pk).aupdate(lease_until=timezone.now() + timedelta(hours=1))
    runner = local.LocalEngine(
        serving=True, model=ScriptedModel(plans=[plan(create("s1", "Login"))])
    )
    await runner.start()
    try:
        assert (await ended(left)).status == "succeeded"  # the engine has looked for work
        assert (await Run.objects.aget(pk=run.pk)).attempt == 1
        await Run.objects.filter(pk=run.pk).aupdate(lease_owner=f"{host}:999999999:1")
        assert (await ended(run)).status == "succeeded"
    finally:
        await runner.stop()


@pytest.mark.parametrize(
    "error", [OperationalError("away"), ProgrammingError("no such column"), ValueError("a fault")]
)
async def test_an_engine_whose_look_for_work_fails_looks_again(
    session: ChatSession, alice: User, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failures: list[Exception] = []

    async def look(function: Any, *args: Any) -> Any:
        if not failures:
            failures.append(error)
            raise error
        return await call(function, *args)

    call = local.database.call
    monkeypatch.setattr(local.database, "call", look)
    run = await runs.start(session.pk, alice, MessageRequest("Do it"))
    runner = local.LocalEngine(
        serving=True, model=ScriptedModel(plans=[plan(create("s1", "Login"))])
    )
    await runner.start()
    try:
        assert (await ended(run)).status == "succeeded"
    finally:
        await runner.stop()
    assert failures == [error]


async def test_a_run_that_is_claimed_while_its_engine_stops_is_handed_over_too(
    session: ChatSession, alice: User
) -> None:
    run = await runs.start(session.pk, alice, MessageRequest("Do it"))
    begun, turn = threading.Event(), threading.Event()

    def write_slowly() -> None:
        begun.set()
        turn.wait(20)

    log._thread.submit(write_slowly)  # the claim waits for its turn to be written
    assert await asyncio.to_thread(begun.wait, 20)
    runner = local.LocalEngine(serving=True, model=ScriptedModel())
    await runner.start()
    async with asyncio.timeout(20):
        while not log._thread._work_queue.qsize():
            await asyncio.sleep(0.01)
    stopping = asyncio.create_task(runner.stop())
    await asyncio.sleep(0)  # it has told its tasks to end
    turn.set()
    await stopping
    await log.append(session.pk)  # whatever was to be written before is
    await run.arefresh_from_db()
    assert (run.attempt, run.lease_until) == (1, None)


async def test_messages_carried_out_at_the_same_time_by_the_library_do_not_take_each_other_s_runs(
    project: Project, session: ChatSession
) -> None:
    def carry_out(number: int, session: Any = None) -> Any:
        steps = plan(create("s1", f"Task {number}"))
        return PlanningFirstAgent(ScriptedModel(plans=[steps])).process_user_message(
            f"Message {number}", project.pk, session_id=session
        )

    apart = [carry_out(number) for number in range(6)]
    one_after_the_other = [carry_out(number, session.pk) for number in range(6, 9)]
    results = await asyncio.gather(*apart, *one_after_the_other)
    assert [result.status for result in results] == ["succeeded"] * 9
    made = [task.title async for task in Task.objects.all()]
    assert [made.count(f"Task {number}") for number in range(6)] == [1] * 6
    alone = Run.objects.exclude(session=session)
    assert [run.attempt async for run in alone] == [2] * 6  # claimed once, ended once


async def test_a_run_that_takes_its_driver_down_again_and_again_fails(
    session: ChatSession, alice: User
) -> None:
    run = await runs.start(session.pk, alice, MessageRequest("Do it"))
    for _ in range(claiming.MAX_CLAIMS):
        assert await claiming.claim(session.pk, DEAD) is not None
        await Run.objects.filter(pk=run.pk).aupdate(lease_until=None)
    assert await claiming.claim(session.pk, DEAD) is None
    await run.arefresh_from_db()
    assert (run.status, run.error_code) == ("failed", "interrupted")
    last = (await log_of(session))[-1]
    assert (last["type"], last["code"], last["retryable"]) == ("error", "interrupted", True)


async def test_a_run_begins_while_the_client_of_its_model_is_still_imported(
    session: ChatSession, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported, model = threading.Event(), ScriptedModel(plans=[plan(create("s1", "Login"))])

    def open_model() -> ScriptedModel:
        assert imported.wait(20)
        return model

    monkeypatch.setattr("agent.engine.runner.open_model", open_model)
    async with local.executing():
        run = await runs.start(session.pk, alice, MessageRequest("Do it"))
        while not await Event.objects.filter(body__contains='"step":"context"').aexists():
            await asyncio.sleep(0.02)
        imported.set()
        assert (await ended(run)).status == "succeeded"


async def test_a_run_that_takes_too_long_ends_with_run_timeout(
    session: ChatSession, alice: User, settings: Any
) -> None:
    settings.SAMURAI_RUN_TIMEOUT = 0.3
    never = asyncio.Event()
    async with local.executing(ScriptedModel(gates={"analyze": never})):
        run = await runs.start(session.pk, alice, MessageRequest("Do it"))
        assert (await ended(run)).error_code == "run_timeout"


async def test_a_fault_of_ours_is_an_internal_error_without_its_details(
    session: ChatSession, alice: User
) -> None:
    async with local.executing(ScriptedModel(analyses=[RuntimeError("secret detail")])):
        run = await runs.start(session.pk, alice, MessageRequest("Do it"))
        await ended(run)
    last = (await log_of(session))[-1]
    assert last["code"] == "internal"
    assert "secret" not in json.dumps(await log_of(session))


async def test_a_stop_lets_a_cancelled_run_save_what_it_has_used() -> None:
    saves, may_end, saved = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def execute() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            saves.set()
            await may_end.wait()
            saved.set()
            raise

    task = asyncio.create_task(execute())
    await asyncio.sleep(0)
    task.cancel()
    await saves.wait()
    asyncio.get_running_loop().call_soon(may_end.set)
    await runner._cancel([task])
    assert task.cancelled()
    assert saved.is_set()
