"""The calls to the model that a run keeps, with a real client over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from agent.engine import local, sweep
from agent.llm.writing import Writing, pack, unpack
from agent.models import ChatSession, ModelCall, Project, Run
from agent.runs import ending, model_calls, runs
from agent.runs.runs import MessageRequest
from tests.support.model_server import Gate, ModelServer, error, held, said, stream, words
from tests.support.model_talk import ANALYSIS, PLAN, connected
from tests.support.scripted_runs import ended

pytestmark = pytest.mark.django_db(transaction=True)

WORK = {**ANALYSIS, "intent": "command", "needs_tools": True, "tells": False}


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with connected(settings, monkeypatch) as server:
        yield server


async def run_of(session: ChatSession, user: User, message: str = "Make a task") -> Run:
    async with local.executing():
        return await ended(await runs.start(session.pk, user, MessageRequest(message)))


@sync_to_async
def kept(run: Run) -> list[ModelCall]:
    return list(run.model_calls.all())


def content(call: ModelCall) -> str:
    return "\n".join(turn["content"] for turn in unpack(bytes(call.prompt)))


async def test_a_run_keeps_each_call_with_its_prompt_and_answer(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.script([said(WORK), said(PLAN), stream("Made", " it.")])
    run = await run_of(session, alice)
    calls = await kept(run)
    assert [call.verb for call in calls] == ["analyze", "plan", "answer"]
    sent = [request.body["messages"] for request in server.requests]
    assert [unpack(bytes(call.prompt)) for call in calls] == sent
    assert [json.loads(call.text) for call in calls[:2]] == [WORK, PLAN]
    assert (calls[2].text, calls[2].error, len(server.requests)) == ("Made it.", "", 3)
    assert sum(call.input_tokens for call in calls) == run.usage["input_tokens"] > 0
    assert sum(call.output_tokens for call in calls) == run.usage["output_tokens"] > 0
    assert {call.error for call in calls} == {""}
    assert [call.first_ms for call in calls[:2]] == [None, None]  # they were not streamed
    assert calls[2].first_ms is not None
    assert calls[2].first_ms <= calls[2].duration_ms


async def test_a_failed_run_keeps_the_call_that_failed(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = lambda request: error(401, {"message": "no such key"})
    run = await run_of(session, alice)
    assert run.status == "failed"
    (call,) = await kept(run)
    assert (call.verb, call.text) == ("analyze", "")
    assert call.error == run.error
    assert "Make a task" in content(call)


async def test_a_cancelled_run_keeps_the_call_that_was_cancelled(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    gate = Gate()
    server.script([held(said(WORK), gate)])
    async with local.executing():
        run = await runs.start(session.pk, alice, MessageRequest("Make a task"))
        await gate.arrived()
        await ending.cancel(session.pk, run.pk, alice)
        assert (await ended(run)).status == "cancelled"
        async with asyncio.timeout(20):
            while not (calls := await kept(run)):  # saved after the run ended
                await asyncio.sleep(0.02)
    gate.open()
    assert [call.error for call in calls] == ["The call was cancelled."]


async def test_what_was_used_before_a_stop_counts_afterwards(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    gate = Gate()
    server.script([said(WORK), held(said(PLAN), gate), said(PLAN), stream("Made it.")])
    async with local.executing():
        run = await runs.start(session.pk, alice, MessageRequest("Make a task"))
        await gate.arrived()
    gate.open()
    async with local.executing() as runner:
        runner.wake(session.pk)
        run = await ended(run)
    calls = [call for call in await kept(run) if not call.error]
    assert [call.verb for call in calls] == ["analyze", "plan", "answer"]
    assert sum(call.input_tokens for call in calls) == run.usage["input_tokens"] > 0
    assert sum(call.output_tokens for call in calls) == run.usage["output_tokens"] > 0


async def test_a_repaired_answer_is_two_calls_and_the_second_has_the_errors(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.script([said("no JSON"), said(ANALYSIS), words("Nothing is open.")])
    first, second, _ = await kept(await run_of(session, alice))
    assert (first.verb, first.text) == (second.verb, "no JSON")
    assert "no JSON" in content(second)


async def test_nothing_is_kept_for_0_days(
    server: ModelServer, session: ChatSession, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_KEEP_PROMPTS_DAYS = 0
    server.script([said(ANALYSIS), words("Nothing is open.")])
    run = await run_of(session, alice)
    assert (run.status, run.usage["calls"]) == ("succeeded", 2)
    assert await kept(run) == []


async def test_texts_that_a_database_refuses_are_kept_without_what_it_refuses(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.script([said(ANALYSIS), stream("One\x00", " two", "\ud83d")])
    run = await run_of(session, alice)
    assert run.status == "succeeded"
    assert (await kept(run))[-1].text.startswith("One two")


def call(run: Run, days: float, **more: Any) -> ModelCall:
    return ModelCall.objects.create(
        run=run,
        verb="plan",
        model="m",
        prompt=pack([{"role": "user", "content": "x"}]),
        input_tokens=1,
        output_tokens=1,
        duration_ms=1,
        started_at=timezone.now() - timedelta(days=days),
        **more,
    )


async def test_old_calls_are_deleted_in_small_parts(
    session: ChatSession, alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SAMURAI_KEEP_PROMPTS_DAYS = 7
    monkeypatch.setattr(model_calls, "_DELETED", 2)
    monkeypatch.setattr(sweep, "_next_deletion", 0.0)
    run = await runs.start(session.pk, alice, MessageRequest("Hello"))
    for days in (9, 8, 7.1, 6.9):
        await sync_to_async(call)(run, days)
    await sweep.delete_old()
    assert await run.model_calls.acount() == 2
    await sweep.delete_old()  # not yet again
    assert await run.model_calls.acount() == 2
    monkeypatch.setattr(sweep, "_next_deletion", 0.0)
    await sweep.delete_old()
    assert await run.model_calls.acount() == 1


async def test_what_a_deleted_run_used_is_not_kept(project: Project) -> None:
    writing = Writing("plan", "m", 1, None, pack([]))
    writing.end()
    await sync_to_async(model_calls.save_rest)(uuid4(), [writing])
    assert not await ModelCall.objects.aexists()
