"""Who decides on a waiting plan: one person, once, in time; and only on the plan that was shown."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone

from agent.engine import local
from agent.exceptions import Refused
from agent.models import Approval, ChatSession, PlanRevision, PlanStep, Run, Task
from agent.plans import store
from agent.runs import approvals, expiry, runs
from agent.runs.runs import MessageRequest
from agent.support import database
from agent.testing import ScriptedModel
from tests.support.scripted_runs import (
    create,
    ended,
    log_of,
    outcome,
    plan,
)
from tests.support.server import ROOT, ServerProcess, send, until, watching

ASK_FIRST = MessageRequest("Do it", approval="required")
in_process = pytest.mark.django_db(transaction=True)


# -- two at once, each in a process of its own -----------------------------------------------------


async def race(server: ServerProcess) -> None:
    async with watching(server) as socket:
        await send(socket, "Create a task to write the docs", approval="required")
        frames = await until(socket, lambda frame: frame.get("status") == "waiting")
        run = frames[-1]["run"]
        received = await decided_at_once(server, run, "approve", "reject", "approve", "reject")
        assert received.count("done") == 1, received
        assert set(received) <= {"done", "not_active", "stale_plan"}
        told = (await until(socket, lambda frame: frame["type"] == "approval"))[-1]["approval"]
        assert (told["status"] == "approved") == ("done" in received[::2])
    (kept,) = server.rows("SELECT count(*) FROM agent_approval WHERE decided_at IS NOT NULL")
    assert kept == (1,)


async def decided_at_once(server: ServerProcess, run: str, *verbs: str) -> list[str]:
    """Returns what each of the processes, let off together, was told."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "tests" / "support" / "deciding.py"),
            *(verb, server.session, run),
            env=server.env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for verb in verbs
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    out = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    return [text.decode().strip() for text, _ in out]


async def test_of_several_who_decide_at_once_exactly_one_does(server: ServerProcess) -> None:
    await race(server)


@pytest.mark.postgresql
async def test_of_several_who_decide_at_once_exactly_one_does_on_postgresql(
    postgresql_server: ServerProcess,
) -> None:
    await race(postgresql_server)


# -- in time ---------------------------------------------------------------------------------------


async def too_late(run: Run) -> None:
    """Has it be the day after."""
    late = timezone.now() - timedelta(seconds=1)
    await Approval.objects.filter(run=run).aupdate(expires_at=late)


@in_process
async def test_a_plan_that_nobody_decides_on_ends_its_run_and_the_next_one_goes_on(
    session: ChatSession, alice: User
) -> None:
    run = await outcome(session, alice, ASK_FIRST, create("s1", "Login"))
    behind = await runs.start(session.pk, alice, MessageRequest("And this"))
    asked = await Approval.objects.aget()
    assert asked.expires_at == pytest.approx(asked.requested_at + timedelta(hours=24), abs=MINUTE)
    await too_late(run)
    serving = local.LocalEngine(
        serving=True, model=ScriptedModel(plans=[plan(create("s1", "Slots"))])
    )
    await serving.start()
    try:
        assert (await ended(run)).status == "cancelled"
        assert (await ended(behind)).status == "succeeded"
    finally:
        await serving.stop()
    told = [e for e in await log_of(session) if e["run"] == str(run.pk)][-4:]
    assert [e["type"] for e in told] == ["approval", "step", "run", "cancelled"]
    assert told[0]["approval"]["status"] == "expired"
    assert told[1]["step"]["status"] == "cancelled"
    assert (told[-1]["by"], told[-1]["reason"]) == (
        None,
        "The plan was not approved within 24 hours.",
    )
    assert [task.title async for task in Task.objects.all()] == ["Slots"]


MINUTE = timedelta(minutes=1)


@in_process
async def test_a_question_expires_once_and_not_before_its_time(
    session: ChatSession, alice: User
) -> None:
    run = await outcome(session, alice, ASK_FIRST, create("s1", "Login"))
    asked = await Approval.objects.aget()
    assert await database.call(expiry.overdue) == []
    await expiry.expire(session.pk, asked.pk)
    await run.arefresh_from_db()
    assert run.status == "waiting"
    await too_late(run)
    assert await database.call(expiry.overdue) == [(session.pk, asked.pk)]
    await asyncio.gather(*(expiry.expire(session.pk, asked.pk) for _ in range(5)))
    assert await database.call(expiry.overdue) == []
    told = [e["type"] for e in await log_of(session)]
    assert told.count("cancelled") == 1
    assert told.count("approval") == 2


@in_process
async def test_who_comes_too_late_decides_nothing(session: ChatSession, alice: User) -> None:
    run = await outcome(session, alice, ASK_FIRST, create("s1", "Login"))
    await too_late(run)
    for decide in (
        approvals.approve(session.pk, run.pk, 1, alice),
        approvals.reject(session.pk, run.pk, 1, alice, "No"),
        approvals.edit(session.pk, run.pk, 1, alice, [create("s1", "Slots")]),
    ):
        with pytest.raises(Refused) as refused:
            await decide
        assert refused.value.code == "not_active"


@in_process
async def test_an_edit_gives_the_question_another_day(session: ChatSession, alice: User) -> None:
    run = await outcome(session, alice, ASK_FIRST, create("s1", "Login"))
    hour = timedelta(hours=1)
    await Approval.objects.filter(run=run).aupdate(expires_at=timezone.now() + hour)
    await approvals.edit(session.pk, run.pk, 1, alice, [create("s1", "Slots")])
    asked = await Approval.objects.aget()
    assert asked.expires_at is not None
    assert asked.expires_at > timezone.now() + 20 * hour


@in_process
async def test_of_two_edits_of_one_revision_the_second_is_refused(
    session: ChatSession, alice: User
) -> None:
    run = await outcome(session, alice, ASK_FIRST, create("s1", "Login"))
    told = await asyncio.gather(
        *(approvals.edit(session.pk, run.pk, 1, alice, [create("s1", to)]) for to in ("A", "B")),
        return_exceptions=True,
    )
    assert told.count(None) == 1
    assert [one.code for one in told if isinstance(one, Refused)] == ["stale_plan"]
    assert await PlanRevision.objects.filter(run=run).acount() == 2


@in_process
async def test_an_invalid_edit_does_not_reach_the_writer_of_the_log(
    session: ChatSession, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await outcome(session, alice, ASK_FIRST, create("s1", "Login"))
    written: list[object] = []

    async def append(*entry: object, **more: object) -> None:
        written.append(entry)

    monkeypatch.setattr(approvals.log, "append_for_user", append)
    for edit in (approvals.edit, approvals.approve_edited):
        with pytest.raises(Refused, match="s2"):
            await edit(session.pk, run.pk, 1, alice, [create("s1", "A", "s2")])
        with pytest.raises(Refused, match="revision 1, not 2"):
            await edit(session.pk, run.pk, 2, alice, [create("s1", "A")])
    assert written == []


# -- only the plan that was shown ------------------------------------------------------------------


async def approved_then(session: ChatSession, alice: User, **tampered: Any) -> dict[str, Any]:
    """Has the step's row altered behind everybody's back after the approval; returns the last event."""
    run = await outcome(session, alice, ASK_FIRST, create("s1", "Login"))
    await approvals.approve(session.pk, run.pk, 1, alice)
    await PlanStep.objects.filter(plan__run=run).aupdate(**tampered)
    async with local.executing(ScriptedModel()) as runner:
        runner.wake(session.pk)
        await ended(run)
    return (await log_of(session))[-1]


TAMPERED: list[dict[str, Any]] = [
    {"arguments": {"title": "Something else"}},
    {"tool": "create_memory"},
    {"key": "s2"},
    {"type": "answer"},
    {"depends_on": ["s0"]},
]


@in_process
@pytest.mark.parametrize("tampered", TAMPERED, ids=lambda one: next(iter(one)))
async def test_a_plan_that_was_altered_after_its_approval_is_not_carried_out(
    session: ChatSession, alice: User, tampered: dict[str, Any]
) -> None:
    last = await approved_then(session, alice, **tampered)
    assert (last["type"], last["code"]) == ("error", "plan_rejected")
    assert not await Task.objects.aexists()


@in_process
async def test_a_plan_that_was_put_in_the_place_of_the_approved_one_asks_again(
    session: ChatSession, alice: User
) -> None:
    """With a digest that fits its steps: what was approved is another."""
    run = await outcome(session, alice, ASK_FIRST, create("s1", "Login"))
    await approvals.approve(session.pk, run.pk, 1, alice)
    await PlanStep.objects.filter(plan__run=run).aupdate(arguments={"title": "Something else"})
    await sync_to_async(fit_digest)(run)
    async with local.executing(ScriptedModel()) as runner:
        runner.wake(session.pk)
        while await run.approvals.acount() < 2:
            await asyncio.sleep(0.02)
    assert (await log_of(session))[-1]["status"] == "waiting"
    assert not await Task.objects.aexists()


def fit_digest(run: Run) -> None:
    revision = store.latest(run)
    assert revision is not None
    digest = store.as_plan(revision).digest
    PlanRevision.objects.filter(pk=revision.pk).update(digest=digest)


@in_process
async def test_words_that_describe_a_plan_may_change(session: ChatSession, alice: User) -> None:
    last = await approved_then(session, alice, description="Made it clearer")
    assert last["type"] == "complete"
