"""The answer does not wait for the memory: what was remembered follows the end of the run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.edits import undo
from agent.engine import local
from agent.exceptions import ModelUnavailable
from agent.llm.base import Analysis, MemoryNote
from agent.models import ChatSession, Memory, PhaseResult, Project, Run
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from chat import fold
from tests.support.scripted_runs import ended, log_of, process

pytestmark = pytest.mark.django_db(transaction=True)

TOLD = Analysis("statement", "Told", needs_tools=False)
NOTE = MemoryNote("Database", "We use PostgreSQL.", "decision")


def slow(*notes: Any, **more: Any) -> tuple[ScriptedModel, asyncio.Event]:
    """Returns a model that says what to remember only when the event is set."""
    gate = asyncio.Event()
    gates = {"consolidate": gate}
    return ScriptedModel(analyses=[TOLD], notes=notes or [[NOTE]], gates=gates, **more), gate


async def say(session: ChatSession, user: User, text: str = "We use PostgreSQL.") -> Run:
    return await runs.start(session.pk, user, MessageRequest(text))


async def remembered(run: Run) -> None:
    async with asyncio.timeout(20):
        while not await PhaseResult.objects.filter(run=run, phase="memory").aexists():
            await asyncio.sleep(0.02)


def types(frames: list[dict[str, Any]]) -> list[str]:
    return [f"memory {frame['type']}" if is_memory(frame) else frame["type"] for frame in frames]


def is_memory(frame: dict[str, Any]) -> bool:
    return frame["type"] == "progress" and frame["progress"]["step"] == "memory"


async def test_the_end_of_the_run_does_not_wait_and_the_memories_follow_it(
    session: ChatSession, alice: User
) -> None:
    model, gate = slow()
    async with local.executing(model):
        run = await say(session, alice)
        assert (await ended(run)).status == "succeeded"
        log = await log_of(session)
        assert (log[-1]["type"], log[-1]["remembers"]) == ("complete", True)
        assert not await Memory.objects.aexists()
        gate.set()
        await remembered(run)
    assert types(await log_of(session))[len(log) :] == ["change", "memory progress"]
    kept = await Run.objects.aget(pk=run.pk)
    assert (kept.status, kept.usage["calls"]) == ("succeeded", 3)
    assert (await Memory.objects.aget()).content == "We use PostgreSQL."


async def test_a_model_that_is_as_quick_as_its_answer_ends_before_the_run(
    session: ChatSession, alice: User
) -> None:
    async with local.executing(ScriptedModel(analyses=[TOLD], notes=[[NOTE]])):
        await ended(await say(session, alice))
    log = await log_of(session)
    assert (log[-1]["type"], log[-1]["remembers"]) == ("complete", False)
    assert await Memory.objects.aexists()


async def test_a_page_shows_what_followed_in_the_same_exchange(
    session: ChatSession, alice: User
) -> None:
    model, gate = slow()
    async with local.executing(model):
        run = await say(session, alice)
        await ended(run)
        (shown,) = (await sync_to_async(fold.load)(session.pk)).exchanges
        assert (shown.status, shown.ended) == ("succeeded", False)
        assert [phase.state for phase in shown.phases if phase.step == "memory"] == ["running"]
        told = shown.line
        gate.set()
        await remembered(run)
    (shown,) = (await sync_to_async(fold.load)(session.pk)).exchanges
    assert (shown.ended, shown.line) == (True, told)
    assert [change.object for change in shown.changes] == ["memory"]
    assert [phase.state for phase in shown.phases if phase.step == "memory"] == ["finished"]


async def test_the_next_run_of_the_session_knows_what_was_remembered(
    session: ChatSession, alice: User
) -> None:
    model, gate = slow()
    async with local.executing(model):
        first = await say(session, alice)
        await ended(first)
        second = await say(session, alice, "Which database do we use?")
        await asyncio.sleep(0)
        gate.set()
        await ended(second)
    contexts = [context for verb, context in model.asked if verb == "analyze"]
    assert [len(context.memories) for context in contexts] == [0, 1]


async def test_what_followed_is_undone_with_its_run(session: ChatSession, alice: User) -> None:
    model, gate = slow()
    async with local.executing(model):
        run = await say(session, alice)
        await ended(run)
        gate.set()
        await remembered(run)
    seqs = await sync_to_async(undo.change_seqs)(session.pk, run.pk)
    await undo.undo(session.pk, alice, seqs)
    assert not await Memory.objects.aexists()


async def test_a_stop_between_the_answer_and_the_memories_loses_nothing(
    session: ChatSession, alice: User
) -> None:
    model, _ = slow()
    engine = local.LocalEngine(serving=False, model=model)
    await engine.start()
    run = await say(session, alice)
    await ended(run)
    await engine.stop()
    assert not await PhaseResult.objects.filter(run=run, phase="memory").aexists()
    asks = Analysis("question", "Asks", needs_tools=False)
    async with local.executing(ScriptedModel(analyses=[asks], notes=[[NOTE]])):
        await ended(await say(session, alice, "And which version?"))
    made = [frame for frame in await log_of(session) if frame["type"] == "change"]
    assert [(frame["run"], frame["change"]["after"]["title"]) for frame in made] == [
        (str(run.pk), "Database")
    ]
    assert all(one.ended for one in (await sync_to_async(fold.load)(session.pk)).exchanges)


async def test_a_run_that_fails_after_the_stop_loses_no_memories_of_the_one_before(
    session: ChatSession, alice: User
) -> None:
    model, _ = slow()
    engine = local.LocalEngine(serving=False, model=model)
    await engine.start()
    lost = await say(session, alice)
    await ended(lost)
    await engine.stop()
    asks = Analysis("question", "Asks", needs_tools=False)
    later = ScriptedModel(analyses=[ModelUnavailable("It is down."), asks], notes=[[NOTE]])
    async with local.executing(later):
        assert (await ended(await say(session, alice, "Which version?"))).status == "failed"
        await ended(await say(session, alice, "Which version, again?"))
    made = [frame for frame in await log_of(session) if frame["type"] == "change"]
    assert [frame["run"] for frame in made] == [str(lost.pk)]


async def test_a_library_call_returns_when_its_memories_are_in(
    session: ChatSession, project: Project
) -> None:
    model, gate = slow()
    call = asyncio.create_task(process(model, project, session, "We use PostgreSQL."))
    while not await Run.objects.filter(status="succeeded").aexists():
        await asyncio.sleep(0.02)
    gate.set()
    assert (await call).status == "succeeded"
    assert await Memory.objects.aexists()


async def test_a_model_that_fails_after_the_answer_costs_only_the_memories(
    session: ChatSession, alice: User
) -> None:
    model, gate = slow(ModelUnavailable("It is away."))
    async with local.executing(model):
        run = await say(session, alice)
        await ended(run)
        gate.set()
        await remembered(run)
    last = (await log_of(session))[-1]["progress"]
    assert (last["message"], last["details"]) == ("💾 Memory not updated", "It is away.")
    assert (await Run.objects.aget(pk=run.pk)).status == "succeeded"


async def said_of_memory(session: ChatSession) -> list[tuple[str, str]]:
    """Returns message and details of each end of a memory phase."""
    return [
        (frame["text"]["message"], frame["progress"]["details"])
        for frame in await log_of(session)
        if is_memory(frame) and frame["progress"]["metadata"]["phase"] == "finished"
    ]


async def test_the_end_of_the_phase_says_what_changed_and_not_what_the_model_said(
    session: ChatSession, alice: User
) -> None:
    changed = MemoryNote("Database", "We use PostgreSQL 17.", "decision")
    notes = [[NOTE], [NOTE], [changed, NOTE]]
    async with local.executing(ScriptedModel(analyses=[TOLD] * 3, notes=notes)):
        for _ in notes:
            await ended(await say(session, alice))
    assert await said_of_memory(session) == [
        ("Memory updated", "Saved “Database”"),
        ("Memory: no changes", ""),
        ("Memory updated", "Updated “Database”, updated “Database”"),
    ]
