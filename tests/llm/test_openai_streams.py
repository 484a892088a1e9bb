"""Streamed answers: how they come, break off and end, over real HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pytest_django import Settings

from agent import exceptions
from agent.llm.openai import OpenAIModel
from tests.support.model_server import (
    USED,
    Answer,
    Gate,
    ModelServer,
    as_json,
    chunk,
    error,
    events,
    held,
    html,
    raw,
    stream,
    words,
)
from tests.support.model_talk import (
    ANALYZED,
    CONTEXT,
    NOTHING,
    answer,
)


async def test_pieces_come_while_the_answer_is_written(server: ModelServer) -> None:
    gate = Gate()
    server.script([stream("One ", gate, "two")])
    model = OpenAIModel()
    pieces = model.answer(CONTEXT, ANALYZED, NOTHING)
    assert await anext(pieces) == "One "
    assert not gate.opened.is_set()
    gate.open()
    assert [piece async for piece in pieces] == ["two"]
    assert model.usage.as_json() == {"input_tokens": 20, "output_tokens": 7, "calls": 1}
    assert server.requests[0].body["stream_options"] == {"include_usage": True}


async def test_a_server_that_refuses_to_count_streams_and_that_is_remembered(
    server: ModelServer,
) -> None:
    server.script([error(400, "stream_options"), words("One"), words("Two")])
    assert await answer() == ["One"]
    assert await answer() == ["Two"]
    assert ["stream_options" in r.body for r in server.requests] == [True, False, False]


async def test_usage_that_counts_up_in_each_piece_is_counted_once(server: ModelServer) -> None:
    one = {**chunk("One"), "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    two = {**chunk("", "stop"), "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    server.script([events([one, two])])
    model = OpenAIModel()
    await answer(model)
    assert model.usage.as_json() == {"input_tokens": 3, "output_tokens": 2, "calls": 1}


@pytest.mark.parametrize(
    ("items", "text"),
    [
        (
            [
                chunk("<thi"),
                chunk("nk>hm"),
                chunk("</th"),
                chunk("ink>\n\nYes"),
                chunk(".", "stop"),
            ],
            "Yes.",
        ),
        ([chunk("<th"), chunk("e end>", "stop")], "<the end>"),
        ([chunk("<think", "stop")], "<think"),
        ([chunk("A <think>b</think>"), chunk(finish_reason="stop")], "A <think>b</think>"),
        ([chunk("a\ud83d"), chunk("\ude00\x00 \ude00", "stop")], "a😀 \ufffd"),
        ([chunk("a\ud83d", "stop")], "a\ufffd"),
        ([chunk([{"type": "text", "text": "a"}]), chunk("b", "stop")], "ab"),
        ([b": keep-alive\n\n", chunk("a", "stop", reasoning_content="hm"), USED], "a"),
        ([{"choices": None}, {"choices": []}, chunk("a"), chunk(finish_reason="stop")], "a"),
        ([chunk("line\u2028end\x85", "stop")], "line\u2028end\x85"),
    ],
)
async def test_an_answer_is_cleaned_while_it_streams(
    server: ModelServer, items: list[Any], text: str
) -> None:
    server.script([events(items)])
    assert "".join(await answer()) == text


@pytest.mark.parametrize(
    ("broken", "raised", "text"),
    [
        (events([chunk("One ")], done=False), exceptions.ModelTruncated, "is incomplete"),
        (
            events([chunk("One ")], done=False, cut=True),
            exceptions.ModelTruncated,
            "connection was lost",
        ),
        (
            events([chunk(reasoning_content="Well")], done=False, cut=True),
            exceptions.ModelTruncated,
            "connection was lost",
        ),
        (events([chunk("One ", "error")]), exceptions.ModelTruncated, "server had an error"),
        (events([chunk("One ", "length")]), exceptions.ModelTruncated, "maximum length"),
        (events([chunk("", "content_filter")]), exceptions.ModelRefused, "content filter"),
        (events([chunk(refusal="No."), chunk(None, "stop")]), exceptions.ModelRefused, "“No.”"),
        (events([], done=False, cut=True), exceptions.ModelUnavailable, "closed the connection"),
        (events([]), exceptions.ModelUnavailable, "was empty"),
        (events([chunk(finish_reason="stop")]), exceptions.ModelInvalid, "an empty answer"),
        (events([chunk(" \n", "stop")]), exceptions.ModelInvalid, "an empty answer"),
        (events([chunk("<think>hm", "stop")]), exceptions.ModelInvalid, "only reasoning"),
        (
            events([chunk(None, "tool_calls", tool_calls=[])]),
            exceptions.ModelInvalid,
            "an empty answer",
        ),
        (events([b"data: {oh\n\n"]), exceptions.ModelInvalid, "not valid JSON"),
        (events([b"data: \xff\n\n"]), exceptions.ModelInvalid, "not valid JSON"),
        (events([b"data: 7\n\n"]), exceptions.ModelInvalid, "not valid JSON"),
        (events([{"error": {"message": "gpu"}}]), exceptions.ModelUnavailable, "“gpu”"),
        (
            events([chunk("One "), {"error": {"message": "gpu"}}]),
            exceptions.ModelTruncated,
            "is incomplete.*gpu",
        ),
        (raw("{"), exceptions.ModelInvalid, "not a JSON object"),
        (html(), exceptions.ModelUnavailable, "web page"),
        (raw("hello", "text/plain"), exceptions.ModelUnavailable, "was empty"),
        (error(401), exceptions.ModelRefused, "refused the key"),
    ],
)
async def test_a_broken_stream_ends_in_a_clear_error_and_is_not_asked_again(
    server: ModelServer, broken: Answer, raised: type[exceptions.ModelError], text: str
) -> None:
    server.script([broken])
    with pytest.raises(raised, match=text):
        await answer()
    assert len(server.requests) == 1


async def test_what_was_written_before_a_break_was_yielded(server: ModelServer) -> None:
    server.script([events([chunk("One "), chunk("two")], cut=True, done=False)])
    pieces = OpenAIModel().answer(CONTEXT, ANALYZED, NOTHING)
    assert [await anext(pieces), await anext(pieces)] == ["One ", "two"]
    with pytest.raises(exceptions.ModelTruncated):
        await anext(pieces)


async def test_a_finished_answer_stands_when_the_connection_is_cut_after_it(
    server: ModelServer,
) -> None:
    server.script([events([chunk("Yes.", "stop")], done=False, cut=True)])
    assert await answer() == ["Yes."]


async def test_a_finished_answer_ends_though_the_server_holds_the_stream(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.llm.streams.USAGE_TIMEOUT", 0.1)
    server.script([events([chunk("Yes.", "stop"), Gate()])])
    assert await answer() == ["Yes."]


@pytest.mark.parametrize("busy", [error(503), error(429), as_json({"error": {"code": 503}})])
async def test_opening_a_stream_is_tried_again(server: ModelServer, busy: Answer) -> None:
    server.script([busy, words("Yes.")])
    assert await answer() == ["Yes."]


@pytest.mark.parametrize(
    "silent",
    [
        held(words("late"), Gate()),
        stream(Gate(), "late"),
        stream("One ", Gate(), "late"),
        events([item for _ in range(60) for item in (chunk(""), 0.05)]),
    ],
)
async def test_a_stream_that_falls_silent_ends_at_the_deadline(
    server: ModelServer, settings: Settings, silent: Answer
) -> None:
    settings.SAMURAI_MODEL_TIMEOUT = 1
    server.script([silent])
    with pytest.raises(exceptions.ModelTimeout):
        await answer()
    assert await server.requests[0].left()


async def test_a_long_answer_may_take_longer_than_the_deadline(
    server: ModelServer, settings: Settings
) -> None:
    settings.SAMURAI_MODEL_TIMEOUT = 1
    server.script([stream("a", 0.6, "b", 0.6, "c")])
    assert await answer() == ["a", "b", "c"]


async def test_a_reader_may_be_slower_than_the_deadline(
    server: ModelServer, settings: Settings
) -> None:
    settings.SAMURAI_MODEL_TIMEOUT = 1
    gate = Gate()
    server.script([stream("a", gate, "b")])
    pieces = OpenAIModel().answer(CONTEXT, ANALYZED, NOTHING)
    assert await anext(pieces) == "a"
    deadline = asyncio.Event()
    asyncio.get_running_loop().call_later(settings.SAMURAI_MODEL_TIMEOUT, deadline.set)
    await deadline.wait()
    gate.open()  # not before, so that the rest can't be here already
    assert [piece async for piece in pieces] == ["b"]
