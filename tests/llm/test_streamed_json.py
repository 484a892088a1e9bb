"""Structured answers that are streamed, over real HTTP: what is told meanwhile, and servers that cannot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from agent.exceptions import ModelUnavailable
from agent.llm import streams
from agent.llm.openai import OpenAIModel
from agent.llm.writing import Writing
from tests.support.model_server import (
    USED,
    Answer,
    Gate,
    ModelServer,
    chunk,
    error,
    events,
    said,
    stream,
)
from tests.support.model_talk import (
    ANALYZED,
    CONTEXT,
    CREATE,
    NOTHING,
    PLAN,
    TEXT,
    analyze,
    connected,
    forms,
)

PLANNED = json.dumps(PLAN)


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setattr(streams, "USAGE_TIMEOUT", 0.2)
    with connected(settings, monkeypatch) as server:
        yield server


async def plan(model: OpenAIModel | None = None) -> dict[str, Any]:
    return await (model or OpenAIModel()).plan(CONTEXT, ANALYZED, [CREATE])


def watched(model: OpenAIModel) -> list[tuple[str, str]]:
    """Returns a list that gets what the model writes: thoughts and text, at each change."""
    told: list[tuple[str, str]] = []
    model.watch = lambda writing: told.append((writing.thoughts, writing.text))
    return told


def streamed(server: ModelServer) -> list[bool]:
    return [request.streamed for request in server.requests]


# -- what is told ----------------------------------------------------------------------------------


async def test_a_plan_is_told_while_it_is_written(server: ModelServer) -> None:
    gate, model = Gate(), OpenAIModel()
    told = watched(model)
    server.script([stream(PLANNED[:30], gate, PLANNED[30:])])
    planning = asyncio.create_task(plan(model))
    await gate.arrived()
    async with asyncio.timeout(20):
        while told[-1] != ("", PLANNED[:30]):
            await asyncio.sleep(0.01)
    gate.open()
    assert await planning == PLAN
    assert told[0] == ("", "")
    assert told[-1] == ("", PLANNED)


@pytest.mark.parametrize(
    "reply",
    [
        events(
            [chunk(None, reasoning_content="Hm, "), chunk(None, reasoning="yes."), chunk(PLANNED)]
        ),
        stream("<think>Hm, ", "yes.", "</think>", PLANNED),
        stream("Hm, ", "yes.", "</think>", PLANNED),
        stream(
            "<|channel|>analysis<|message|>Hm, yes.<|end|>", "<|channel|>final<|message|>", PLANNED
        ),
    ],
)
async def test_thoughts_are_told_apart_from_the_text(server: ModelServer, reply: Answer) -> None:
    model = OpenAIModel()
    told = watched(model)
    server.script([reply])
    assert await plan(model) == PLAN
    assert told[-1] == ("Hm, yes.", PLANNED)


async def test_thoughts_before_an_answer_in_words_are_told(server: ModelServer) -> None:
    model = OpenAIModel()
    told = watched(model)
    server.script(
        [events([chunk(None, reasoning_content="Hm."), chunk("Two."), chunk("", "stop")])]
    )
    pieces = [piece async for piece in model.answer(CONTEXT, ANALYZED, NOTHING)]
    assert (pieces, told[-1]) == (["Two."], ("Hm.", "Two."))


async def test_a_call_is_told_before_the_server_answers(server: ModelServer) -> None:
    told: list[Writing] = []
    model = OpenAIModel()
    model.watch = told.append
    server.script([said(PLAN)])
    await plan(model)
    (writing,) = told
    assert (writing.verb, writing.model) == ("plan", "small-model")
    assert writing.prompt_tokens > 100
    assert (writing.thought_at, writing.wrote_at) == (None, None)


async def test_the_usage_of_a_streamed_plan_counts(server: ModelServer) -> None:
    model = OpenAIModel()
    server.script([stream(PLANNED)])
    await plan(model)
    assert model.usage.as_json() == {"input_tokens": 20, "output_tokens": 7, "calls": 1}


async def test_arguments_of_a_function_call_are_joined(server: ModelServer) -> None:
    parts = [
        chunk(tool_calls=[{"index": 0, "function": {"name": "plan", "arguments": part}}])
        for part in (PLANNED[:20], PLANNED[20:])
    ]
    server.script([events([*parts, chunk(finish_reason="tool_calls"), USED])])
    assert await plan() == PLAN


async def test_a_character_that_two_chunks_share_is_joined(server: ModelServer) -> None:
    text = json.dumps({**PLAN, "summary": "🎉"}, ensure_ascii=False)
    first, _, rest = text.partition("🎉")
    server.script([events([chunk(first + "\ud83c"), chunk("\udf89" + rest, "stop")])])
    assert (await plan())["summary"] == "🎉"


# -- servers that cannot ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_a_server_that_refuses_to_stream_is_asked_without_from_then_on(
    server: ModelServer, status: int
) -> None:
    server.script([error(status, "stream is not supported here"), said(TEXT), said(TEXT)])
    assert [await analyze() for _ in range(2)] == [ANALYZED] * 2
    assert streamed(server) == [True, False, False]
    assert forms(server) == ["json_schema"] * 3


async def test_a_server_that_refuses_to_stream_in_other_words_keeps_its_schemas(
    server: ModelServer,
) -> None:
    refusals = [error(400, "not supported") for _ in range(3)]
    server.script([*refusals, said(TEXT), said(TEXT)])
    assert [await analyze() for _ in range(2)] == [ANALYZED] * 2
    assert streamed(server) == [True, True, True, False, False]
    assert forms(server) == ["json_schema", "json_object", "", "", "json_schema"]


async def test_a_server_that_refuses_the_usage_is_asked_without_it(server: ModelServer) -> None:
    server.script([error(400, "unknown field stream_options"), stream(TEXT), stream(TEXT)])
    assert [await analyze() for _ in range(2)] == [ANALYZED] * 2
    assert streamed(server) == [True] * 3
    assert ["stream_options" in request.body for request in server.requests] == [True, False, False]


@pytest.mark.parametrize(
    "broken",
    [
        events([]),
        events([], done=False),
        events([chunk(TEXT[:20])], done=False),
        events([b"data: {oops\n\n"]),
    ],
)
async def test_a_broken_stream_is_asked_again_without_a_stream(
    server: ModelServer, broken: Answer
) -> None:
    server.script([broken, said(TEXT), said(TEXT)])
    assert [await analyze() for _ in range(2)] == [ANALYZED] * 2
    assert streamed(server) == [True, False, False]


async def test_a_stream_that_is_cut_is_tried_again(server: ModelServer) -> None:
    cut = events([chunk(TEXT[:20])], done=False, cut=True)
    server.script([cut, stream(TEXT)])
    assert await analyze() == ANALYZED
    assert streamed(server) == [True, True]


async def test_a_stream_that_stays_open_after_its_end_is_not_waited_for(
    server: ModelServer,
) -> None:
    gate = Gate()
    server.script([events([chunk(TEXT), chunk(finish_reason="stop"), gate])])
    assert await analyze() == ANALYZED
    assert await server.requests[0].left()


async def test_an_error_in_the_stream_counts_as_what_it_says(server: ModelServer) -> None:
    failed = events([chunk(TEXT[:20]), {"error": {"message": "out of memory"}}])
    server.script([failed] * 3)
    with pytest.raises(ModelUnavailable, match="out of memory"):
        await analyze()
    assert len(server.requests) == 3
