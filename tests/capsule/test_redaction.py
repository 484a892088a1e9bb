"""What a redacted capsule still says, and that it can be replayed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.capsule import form, replaying
from agent.capsule.redaction import redacted
from agent.engine import local
from agent.llm.base import Analysis
from agent.llm.openai import OpenAIModel
from agent.models import ChatSession, Project, Run, SwitchedOffTool
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.tools import registry
from agent.tools.registry import Arguments, Result, ToolCall
from tests.support.capsules import ANSWER, MESSAGE, NOTE, TITLE, capsule
from tests.support.model_server import ModelServer
from tests.support.scripted_runs import create, ended, plan, use
from tests.support.served import served
from tests.support.steered_runs import MORE

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_redacted_capsule_has_no_text_and_still_replays(run: Run) -> None:
    made = redacted(await capsule(run))
    content = form.to_bytes(made, compressed=False)
    texts = [MESSAGE, TITLE, ANSWER, NOTE, MORE.content, "Sign-up", "Pay the bill of the Bakery"]
    words = {word for text in texts for word in re.findall(r"\w{4,}", text)}
    words -= {"task", "mark", "sign", "Sign", "progress", "instead", "Make"}  # the product's too
    found = [word for word in words if re.search(rf"\b{word}\b".encode(), content, re.IGNORECASE)]
    assert found == []
    assert not any(text.encode() in content for text in texts)
    assert b"alice" not in content
    assert len(made.run.content) == len(MESSAGE)
    again = await replaying.replay(form.from_bytes(content))
    assert again.differences == []
    assert again.events == len(made.events)


class Key(Arguments):
    code: str


class Fetched(Result):
    data: dict[str, Any]


@contextmanager
def fetching(data: dict[str, Any]) -> Iterator[None]:
    """Has a tool of another package that returns `data`."""

    async def fetch(call: ToolCall, arguments: Key) -> Fetched:
        """Fetches what the key opens."""
        return Fetched(data=data)

    registry.add(registry.make(fetch, "writes", alters=0))
    try:
        yield
    finally:
        registry.remove("fetch")


SECRETS = {
    "code": "Gatekeeper",
    "path": "/vault/Gatekeeper",
    "state": ["Gatekeeper"],
    "usage": {"unit": "Gatekeeper"},
    "tools": {"status": "Gatekeeper"},
    "type": "The call was cancelled. Gatekeeper",
    "message": "🔁 Retrying Gatekeeper",
    "due": 4711234,
    "Gatekeeper": "The call failed with a Gatekeeper",
}


async def test_nothing_that_a_tool_of_another_package_returns_stays(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    asked = {**use("s1", "fetch"), "arguments": {"code": "Gatekeeper"}}
    server.handler = served(plans=[plan(asked)])
    with fetching(SECRETS):
        async with local.executing(OpenAIModel()):
            run = await runs.start(session.pk, alice, MessageRequest("Fetch"))
            await ended(run)
        made = await capsule(run)
        content = form.to_bytes(redacted(made), compressed=False)
    assert b"Gatekeeper" in form.to_bytes(made, compressed=False)
    assert b"gatekeeper" not in content.lower()
    assert b"4711234" not in content
    again = await replaying.replay(form.from_bytes(content))
    assert again.differences == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The call was cancelled. Gatekeeper", "gatekeeper"),
        ("The call failed with Gatekeeper’s key", "gatekeeper"),
        ("Call +49 171 123 4567", "171 123"),
        ("Card 4111 1111 1111 1111", "1111"),
        ("Server 192.168.10.7", "192.168"),
    ],
)
async def test_no_text_of_a_person_stays(
    session: ChatSession, alice: User, text: str, left: str
) -> None:
    async with local.executing():
        run = await runs.start(session.pk, alice, MessageRequest(f"Create a task “{text}”"))
        await ended(run)
    made = await capsule(run)
    assert left.encode() in form.to_bytes(made, compressed=False).lower()
    assert left.encode() not in form.to_bytes(redacted(made), compressed=False).lower()


async def test_no_sentence_that_a_model_writes_where_a_name_belongs_stays(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    asked = Analysis("Gatekeeper asks", "Do it", needs_tools=True)
    wrong = use("s1", "change_task_status", task="x", status="until the Gatekeeper comes")
    server.handler = served(analyses=[asked], plans=[plan(wrong), plan(create("s1", TITLE))])
    async with local.executing(OpenAIModel()):
        run = await runs.start(session.pk, alice, MessageRequest(MESSAGE))
        await ended(run)
    made = await capsule(run)
    content = form.to_bytes(redacted(made), compressed=False)
    assert b"Gatekeeper asks" in form.to_bytes(made, compressed=False)
    assert b"gatekeeper" not in content.lower()
    assert (await replaying.replay(form.from_bytes(content))).differences == []


async def test_dates_and_switched_off_tools_stay(
    session: ChatSession, project: Project, alice: User
) -> None:
    await sync_to_async(SwitchedOffTool.objects.create)(project=project, tool="delete_task")
    async with local.executing():
        run = await runs.start(session.pk, alice, MessageRequest("Create a task to pay 2031-05-17"))
        await ended(run)
    made = redacted(await capsule(run))
    assert made.state is not None
    assert made.state.off == ["delete_task"]
    assert made.run.content.endswith(" 2031-05-17")


async def test_a_redacted_answer_that_was_cut_within_words_still_replays(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    pieces = ["The crois", 0.15, "sants of the Bak", 0.15, "ery are planned."]
    words = {"type": "answer", "description": "Say it", "tool": None, "arguments": {}}
    server.handler = served(
        plans=[plan(create("s1", TITLE), {"id": "a1", "depends_on": [], **words})], answers=[pieces]
    )
    async with local.executing(OpenAIModel()):
        run = await runs.start(session.pk, alice, MessageRequest(MESSAGE))
        await ended(run)
    made = redacted(await capsule(run))
    tokens = [event["text"] for event in made.events if event["type"] == "token"]
    (answer,) = [call.text for call in made.calls if call.verb == "answer"]
    assert len(tokens) > 1
    assert "".join(tokens) == answer
    assert (await replaying.replay(made)).differences == []


async def test_json_within_prose_is_redacted_as_json(run: Run) -> None:
    made = await capsule(run)
    for call in made.calls:
        if call.verb == "plan":
            call.text = f"Here is the Bakery’s plan:\n```json\n{call.text}\n```"
    assert (await replaying.replay(redacted(made))).differences == []


async def test_the_same_text_has_the_same_placeholder(run: Run) -> None:
    made = redacted(await capsule(run))
    titles = {
        step["arguments"]["title"]
        for event in made.events
        if event["type"] == "plan"
        for step in event["plan"]["steps"]
        if step["tool"] == "create_task"
    }
    (title,) = titles
    created = [e["change"]["after"]["title"] for e in made.events if e["type"] == "change"]
    assert title in created
    assert title != TITLE
    assert len(title) == len(TITLE)


async def test_a_redacted_run_of_the_offline_model_says_that_it_cannot_be_replayed(
    session: ChatSession, alice: User
) -> None:
    async with local.executing():
        run = await runs.start(session.pk, alice, MessageRequest("Create a task to write docs"))
        await ended(run)
    assert "the words themselves" in redacted(await capsule(run)).cannot_be_replayed
