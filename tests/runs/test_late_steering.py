"""A message that comes too late for a run is the next message; and which messages are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from agent.engine import local
from agent.exceptions import ModelUnavailable, Refused
from agent.llm.base import Analysis, Context, ToolSpec
from agent.models import ChatSession, Message, Project, Steering
from agent.runs import ending, rerun, runs, steering
from agent.runs.runs import MessageRequest
from agent.runs.steering import Steer
from agent.testing import ScriptedModel
from tests.support.scripted_runs import (
    create,
    ended,
    log_of,
    plan,
)
from tests.support.steered_runs import (
    DO_IT,
    FIRST,
    MORE,
    SECOND,
    SECOND_ALONE,
    Gate,
    steered,
    told,
)
from tests.support.tools import having

pytestmark = pytest.mark.django_db(transaction=True)

# -- too late --------------------------------------------------------------------------------------


async def test_it_is_the_next_message_once_the_answer_is_being_written(
    session: ChatSession, alice: User
) -> None:
    gate = asyncio.Event()
    model = ScriptedModel(
        plans=[plan(create("s1", "First")), plan(create("s1", "Second"))],
        answers=[["It begins", gate], ["Done."]],
    )
    async with local.executing(model):
        run = await runs.start(session.pk, alice, DO_IT)
        while "token" not in [event["type"] for event in await log_of(session)]:
            await asyncio.sleep(0.01)
        follower = await steering.send(session.pk, run.pk, alice, MORE)
        assert follower.pk != run.pk
        gate.set()
        assert (await ended(follower)).status == "succeeded"
    message = [e for e in await log_of(session) if e["type"] == "message"][1]
    assert message["run"] == str(follower.pk)
    assert message["message"]["into"] == str(run.pk)
    assert await told(session) == []
    assert not await Steering.objects.aexists()


@pytest.mark.parametrize("end", ["cancelled", "failed"])
async def test_what_a_run_did_not_take_up_before_its_end_is_the_next_message(
    session: ChatSession, alice: User, end: str
) -> None:
    gate = Gate()
    model = ScriptedModel(plans=[FIRST, ModelUnavailable("Away."), SECOND_ALONE])
    with having("wait_here", gate):
        async with local.executing(model):
            run = await runs.start(session.pk, alice, DO_IT)
            await asyncio.wait_for(gate.begun.wait(), 20)
            await steering.send(session.pk, run.pk, alice, MORE)
            if end == "cancelled":
                await ending.cancel(session.pk, run.pk, alice)
            gate.opened.set()
            assert (await ended(run)).status == end
            follower = await session.runs.aget(number=2)
            await ended(follower)
    log = await log_of(session)
    of_end = [e["type"] for e in log if e["run"] == str(run.pk)]
    assert of_end[-3:] == ["steering", "run", end if end == "cancelled" else "error"]
    message = next(e for e in log if e["type"] == "message" and e["run"] == str(follower.pk))
    assert message["message"]["id"] == (await told(session))[-1]["steering"]["id"]
    assert message["message"]["into"] == str(run.pk)
    queued = next(e for e in log if e["type"] == "run" and e["run"] == str(follower.pk))
    assert queued["position"] == 1


async def test_a_later_run_knows_what_was_sent_into_an_earlier_one(
    session: ChatSession, alice: User
) -> None:
    contexts: list[Context] = []

    class Reading(ScriptedModel):
        async def analyze(self, context: Context, tools: Sequence[ToolSpec] = ()) -> Analysis:
            contexts.append(context)
            return await super().analyze(context, tools)

    await steered(session, alice, ScriptedModel(plans=[FIRST, SECOND]), MORE)
    async with local.executing(Reading(plans=[SECOND_ALONE])):
        first = await session.runs.aget(number=1)
        await ended(await runs.start(session.pk, alice, MessageRequest("Go on")))
        await ended(await rerun.regenerate(session.pk, first.pk, alice))
    later, again = contexts
    assert [one.content for one in later.history] == [f"Do it\n\n{MORE.content}", "Done."]
    assert again.added == (MORE.content,)


# -- what is refused -------------------------------------------------------------------------------


async def test_the_same_message_is_taken_once(session: ChatSession, alice: User) -> None:
    run = await runs.start(session.pk, alice, DO_IT)
    again = Steer("And this", uuid4())
    found = [await steering.send(session.pk, run.pk, alice, again) for _ in range(3)]
    assert [one.pk for one in found] == [run.pk] * 3
    assert len(await told(session)) == 1
    # Nor is it a message of its own, if a client sends it so.
    as_message = MessageRequest("And this", again.client_id)
    assert (await runs.start(session.pk, alice, as_message)).pk == run.pk
    await ending.cancel(session.pk, run.pk, alice)
    follower = await session.runs.aget(number=2)
    assert (await steering.send(session.pk, run.pk, alice, again)).pk == follower.pk
    assert await session.runs.acount() == 2


async def test_a_run_takes_a_handful_at_a_time(session: ChatSession, alice: User) -> None:
    run = await runs.start(session.pk, alice, DO_IT)
    for number in range(steering.MAX_OPEN):
        await steering.send(session.pk, run.pk, alice, Steer(f"And {number}"))
    with pytest.raises(Refused) as refused:
        await steering.send(session.pk, run.pk, alice, Steer("And more"))
    assert refused.value.code == "queue_full"
    assert await Message.objects.acount() == 1 + steering.MAX_OPEN


async def test_it_counts_towards_the_messages_of_a_minute(
    session: ChatSession, alice: User, settings: Any
) -> None:
    run = await runs.start(session.pk, alice, DO_IT)
    settings.SAMURAI_USER_RUNS_PER_MINUTE = 2
    for number in range(2):
        await steering.send(session.pk, run.pk, alice, Steer(f"And {number}"))
    with pytest.raises(Refused) as refused:
        await steering.send(session.pk, run.pk, alice, Steer("And more"))
    assert refused.value.code == "rate_limited"


async def test_a_run_of_another_session_is_not_found(
    session: ChatSession, alice: User, project: Project
) -> None:
    other = await ChatSession.objects.acreate(project=project, created_by=alice)
    run = await runs.start(session.pk, alice, DO_IT)
    with pytest.raises(Refused) as refused:
        await steering.send(other.pk, run.pk, alice, MORE)
    assert refused.value.code == "not_found"
