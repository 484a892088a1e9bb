"""How long an answer may be, and what a call costs that does not come to its end, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from agent import exceptions
from agent.engine import local
from agent.llm.base import Analysis
from agent.llm.openai import OpenAIModel
from agent.llm.options import MAX_TOKENS, REASONING
from agent.models import ChatSession, Project, Run
from agent.runs import ending, runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.model_server import (
    Answer,
    Gate,
    ModelServer,
    Request,
    as_json,
    chunk,
    error,
    events,
    held,
    said,
    stream,
    words,
)
from tests.support.model_talk import (
    ANALYSIS,
    ANALYZED,
    CONTEXT,
    CREATE,
    NOTHING,
    PLAN,
    TEXT,
    analyze,
    answer,
    forms,
)
from tests.support.scripted_runs import ended, process


def sent(server: ModelServer, name: str) -> list[Any]:
    return [request.body.get(name) for request in server.requests]


# -- what is sent ----------------------------------------------------------------------------------


async def test_every_call_says_how_long_its_answer_may_be(server: ModelServer) -> None:
    server.script([said(TEXT), said(PLAN), words("Hello"), said({"notes": []})])
    model = OpenAIModel()
    await model.analyze(CONTEXT)
    await model.plan(CONTEXT, ANALYZED, [CREATE])
    await answer(model)
    await model.consolidate(CONTEXT, NOTHING)
    verbs = ("analyze", "plan", "answer", "consolidate")
    assert sent(server, "max_tokens") == [MAX_TOKENS[verb] for verb in verbs]
    assert sent(server, "temperature") == [0, 0, None, 0]


async def test_an_enforced_schema_bounds_texts_and_lists(server: ModelServer) -> None:
    server.script([said(TEXT), said({"notes": []})])
    model = OpenAIModel()
    await model.analyze(CONTEXT)
    await model.consolidate(CONTEXT, NOTHING)
    analysis, memory = (
        body["json_schema"]["schema"]["properties"] for body in sent(server, "response_format")
    )
    assert analysis["summary"]["maxLength"] == 300
    assert memory["notes"]["maxItems"] == 3


async def test_an_answer_has_no_more_tokens_than_the_window_has_left(
    server: ModelServer, settings: Settings
) -> None:
    settings.SAMURAI_MODEL_CONTEXT = 4096
    server.script([said(PLAN)])
    await OpenAIModel().plan(CONTEXT, ANALYZED, [CREATE])
    (limit,) = sent(server, "max_tokens")
    assert 256 <= limit < 4096 - len(server.requests[0].text) // 6


# -- what a server refuses -------------------------------------------------------------------------

UNSUPPORTED = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use"
    " 'max_completion_tokens' instead."
)
TOO_MANY = (
    "max_tokens is too large: 8000. This model supports at most 4096 completion tokens, whereas you"
    " provided 8000."
)
ONLY_DEFAULT = "Unsupported value: 'temperature' does not support 0 with this model."
NO_BOUNDS = "Invalid schema for response_format 'analysis': 'maxLength' is not permitted."


def refusing(refused: Callable[[Request], bool], refusal: Answer) -> Callable[[Request], Answer]:
    def handle(request: Request) -> Answer:
        if refused(request):
            return Answer(list(refusal.parts), refusal.status)
        return said(PLAN if request.asked == "plan" else ANALYSIS)

    return handle


async def test_the_newer_name_of_the_limit_is_used_where_the_older_one_is_refused(
    server: ModelServer,
) -> None:
    server.handler = refusing(lambda request: "max_tokens" in request.body, error(400, UNSUPPORTED))
    assert [await analyze() for _ in range(2)] == [ANALYZED] * 2
    assert sent(server, "max_tokens") == [600, None, None]
    assert sent(server, "max_completion_tokens") == [None, 600, 600]
    assert set(forms(server)) == {"json_schema"}


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, "Unknown argument: max_tokens"),
        as_json({"detail": [{"loc": ["body", "max_tokens"], "msg": "extra fields"}]}, 422),
        as_json({"error": {"message": "Unknown parameter", "param": "max_tokens"}}, 400),
    ],
)
async def test_the_limit_is_left_out_where_a_server_has_none(
    server: ModelServer, refusal: Answer
) -> None:
    server.handler = refusing(lambda request: "max_tokens" in request.body, refusal)
    assert [await analyze() for _ in range(2)] == [ANALYZED] * 2
    assert sent(server, "max_tokens") == [600, None, None]
    assert set(forms(server)) == {"json_schema"}


async def test_a_limit_above_the_servers_own_is_lowered(server: ModelServer) -> None:
    server.handler = refusing(
        lambda request: request.body.get("max_tokens", 0) > 4096, error(400, TOO_MANY)
    )
    for _ in range(2):
        assert await OpenAIModel().plan(CONTEXT, ANALYZED, [CREATE]) == PLAN
    assert sent(server, "max_tokens") == [8000, 4096, 4096]


async def test_a_refused_temperature_is_left_out(server: ModelServer) -> None:
    server.handler = refusing(
        lambda request: "temperature" in request.body, error(400, ONLY_DEFAULT)
    )
    assert [await analyze() for _ in range(2)] == [ANALYZED] * 2
    assert sent(server, "temperature") == [0, None, None]
    assert sent(server, "max_tokens") == [600] * 3


async def test_refused_bounds_of_a_schema_are_left_out_and_the_schema_stays(
    server: ModelServer,
) -> None:
    server.handler = refusing(
        lambda request: "maxLength" in json.dumps(request.body), error(400, NO_BOUNDS)
    )
    assert [await analyze() for _ in range(2)] == [ANALYZED] * 2
    assert forms(server) == ["json_schema"] * 3
    assert "maxItems" not in json.dumps(server.requests[-1].body)


# -- models that reason ----------------------------------------------------------------------------


async def test_a_model_that_is_cut_while_it_reasons_gets_more_tokens_from_then_on(
    server: ModelServer,
) -> None:
    server.script([said("<think>Let me see", "length"), said(TEXT), said(TEXT)])
    assert [await analyze() for _ in range(2)] == [ANALYZED] * 2
    assert sent(server, "max_tokens") == [600, 600 + REASONING, 600 + REASONING]


async def test_an_answer_that_is_cut_before_it_begins_is_asked_for_with_more_tokens(
    server: ModelServer,
) -> None:
    cut = events([chunk(reasoning_content="Let me see"), chunk(finish_reason="length")])
    server.script([cut, words("Hello")])
    assert "".join(await answer()) == "Hello"
    assert sent(server, "max_tokens") == [6_000, 6_000 + REASONING]


async def test_a_model_that_only_ever_reasons_fails_after_one_more_call(
    server: ModelServer,
) -> None:
    server.script([said("<think>Let me", "length"), said("<think>And so on", "length")])
    with pytest.raises(exceptions.ModelTruncated):
        await analyze()


# -- a question back -------------------------------------------------------------------------------


@pytest.mark.parametrize("question", [None, "", "None", "n/a", "null", "No."])
async def test_a_word_for_nothing_is_no_question(server: ModelServer, question: Any) -> None:
    server.script([said({**ANALYSIS, "question": question})])
    assert (await analyze()).question == ""


@pytest.mark.django_db(transaction=True)
async def test_a_greeting_is_answered_and_not_asked_back(
    project: Project, session: ChatSession
) -> None:
    """As a small model did with each of six greetings."""
    asks = Analysis("greeting", "A greeting", needs_tools=False, question="How can I help you?")
    result = await process(ScriptedModel(analyses=[asks], answers=[["Hello!"]]), project, session)
    assert result.plan is not None
    assert [step["type"] for step in result.plan["steps"]] == ["answer"]


# -- what a cut call used --------------------------------------------------------------------------


async def test_the_tokens_of_a_cut_answer_are_counted(server: ModelServer) -> None:
    server.script([stream("One ", "two ", "three")])
    server._script[0].parts = server._script[0].parts[:4]
    server._script[0].cut = True
    model = OpenAIModel()
    with pytest.raises(exceptions.ModelTruncated):
        await answer(model)
    assert model.usage.output_tokens == 3
    assert model.usage.input_tokens > 100
    assert model.usage.calls == 1


async def test_the_prompt_of_a_call_that_came_too_late_is_counted(
    server: ModelServer, settings: Settings
) -> None:
    settings.SAMURAI_MODEL_TIMEOUT = 1
    server.script([held(said(ANALYSIS), Gate())])
    model = OpenAIModel()
    with pytest.raises(exceptions.ModelTimeout):
        await model.analyze(CONTEXT)
    assert model.usage.input_tokens > 100
    assert model.usage.calls == 1


@pytest.mark.django_db(transaction=True)
async def test_a_failed_run_keeps_what_it_used(project: Project, session: ChatSession) -> None:
    model = ScriptedModel(analyses=[exceptions.ModelTruncated()])
    result = await process(model, project, session)
    assert (result.status, result.usage["calls"]) == ("failed", 1)


@pytest.mark.django_db(transaction=True)
async def test_a_cancelled_run_keeps_what_it_used(session: ChatSession, alice: User) -> None:
    arrived, never = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedModel):
        async def analyze(self, context: Any, tools: Any = ()) -> Analysis:
            self.usage.input_tokens = 1234
            arrived.set()
            await never.wait()
            raise AssertionError("it is cancelled")

    async with local.executing(Slow()):
        run = await runs.start(session.pk, alice, MessageRequest("Do it"))
        await arrived.wait()
        await ending.cancel(session.pk, run.pk, alice)
        assert (await ended(run)).status == "cancelled"
    kept = await Run.objects.aget(pk=run.pk)
    assert kept.usage["input_tokens"] == 1234
