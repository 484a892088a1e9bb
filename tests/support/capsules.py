"""Makes capsules of runs that are over, and carries them out again in the tests' database."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.capsule import form, recording, replaying
from agent.capsule.form import Capsule
from agent.capsule.replaying import Replayed
from agent.engine import local
from agent.llm.base import MemoryNote
from agent.llm.openai import OpenAIModel
from agent.models import ChatSession, Run
from agent.runs import approvals, runs, steering
from agent.runs.runs import MessageRequest
from tests.support.model_server import ModelServer
from tests.support.scripted_runs import create, ended, plan, status, use
from tests.support.served import served
from tests.support.steered_runs import DO_IT, MORE, over_or_waiting

MESSAGE = "Our neighbours’ Bakery sells 4711234 croissants; mark the sign-up task as in progress"
TITLE = "Bakery croissants"
ANSWER = "The croissants of the Bakery are planned."
NOTE = "The Bakery opens at dawn"
ANSWER_STEP = {
    "id": "a1",
    "type": "answer",
    "tool": None,
    "description": "Say what was done",
    "arguments": {},
    "depends_on": [],
}


async def a_run(server: ModelServer, session: ChatSession, user: User) -> Run:
    """Returns a run that a person decided on and sent a message into."""
    words = {"type": "answer", "description": "Say it", "tool": None, "arguments": {}}
    first = plan(
        create("s1", TITLE), use("s2", "change_task_status", task="Sign-up", status="in_progress")
    )
    server.handler = served(
        plans=[first, plan(*first["steps"], {"id": "a1", "depends_on": [], **words})],
        answers=[[ANSWER]],
        notes=[[MemoryNote("Hours", NOTE, "fact")]],
    )
    async with local.executing(OpenAIModel()):
        run = await runs.start(session.pk, user, MessageRequest(MESSAGE, approval="required"))
        await over_or_waiting(run)
        await steering.send(session.pk, run.pk, user, MORE)
        await run.arefresh_from_db()
        await status(run, "waiting")
        edited = [create("s1", TITLE), first["steps"][1]]
        await approvals.edit(session.pk, run.pk, 2, user, edited)
        await approvals.approve(session.pk, run.pk, 3, user)
        await ended(run)
    return run


async def capsule(run: Run) -> Capsule:
    """Returns the capsule of a run, as it is read from its file."""
    made = await sync_to_async(recording.capsule_of)(run)
    return form.from_bytes(form.to_bytes(made, compressed=True))


async def replayed(run: Run) -> Replayed:
    return await replaying.replay(await capsule(run))


async def assert_identical(run: Run) -> Capsule:
    made = await capsule(run)
    await assert_replays(made)
    return made


async def assert_replays(made: Capsule) -> None:
    assert made.cannot_be_replayed == ""
    again = await replaying.replay(made)
    assert again.differences == [], "\n".join(again.differences)
    assert again.events == len(made.events) > 2


async def carried_out(session: ChatSession, user: User, request: MessageRequest = DO_IT) -> Run:
    """Returns the run when it is over or waits, with all that it still remembers."""
    async with local.executing(OpenAIModel()):
        run = await runs.start(session.pk, user, request)
        return await over_or_waiting(run)


async def carried_on(run: Run) -> Run:
    async with local.executing(OpenAIModel(), {run.session_id}):
        return await ended(run)
