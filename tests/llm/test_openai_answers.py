"""The structured answers of a model in every shape, good and bad, over real HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent import exceptions
from agent.llm.base import (
    Context,
)
from agent.llm.openai import OpenAIModel
from tests.support.model_server import (
    Answer,
    ModelServer,
    as_json,
    completion,
    html,
    raw,
    said,
)
from tests.support.model_talk import (
    ANALYSIS,
    ANALYZED,
    CONTEXT,
    CREATE,
    PLAN,
    STEP,
    TEXT,
    analyze,
)

CALL = {"type": "function", "function": {"name": "analysis", "arguments": TEXT}}
PARSED_CALL = {"type": "function", "function": {"name": "analysis", "arguments": ANALYSIS}}


@pytest.mark.parametrize(
    "shape",
    [
        said(f"Here it is:\n```json\n{TEXT}\n```\nAnything else?"),
        said(f"The {{answer}} is {TEXT}, I think."),
        said(f'<think>Perhaps {{"intent": "command"}}?</think>\n{TEXT}'),
        said(f'Perhaps {{"intent": "command"}}?</think>\n{TEXT}'),
        said(json.dumps(TEXT)),
        said([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": TEXT}]),
        said([TEXT[:9], TEXT[9:]]),
        said(None, tool_calls=[CALL]),
        said("", "tool_calls", tool_calls=[PARSED_CALL]),
        said(None, function_call={"name": "x", "arguments": TEXT}),
        said(TEXT, None, reasoning_content="hm", tool_calls=None),
        as_json(completion({"message": {"content": ANALYSIS}, "finish_reason": "stop"})),
        as_json({"choices": [{"message": {"content": TEXT}}], "usage": {"prompt_tokens": "many"}}),
        raw(json.dumps(completion({"message": {"content": TEXT}})), "text/plain"),
    ],
)
async def test_the_object_is_found_whatever_is_around_it(
    server: ModelServer, shape: Answer
) -> None:
    server.script([shape])
    assert await analyze() == ANALYZED
    assert len(server.requests) == 1


async def test_a_word_in_place_of_a_list_does_not_cost_the_plan(server: ModelServer) -> None:
    amiss = {"assumptions": "none", "questions": {"question": "When?"}, "read_first": "None."}
    server.script([said({**PLAN, **amiss, "steps": [{**STEP, "depends_on": ""}]})])
    made = await OpenAIModel().plan(CONTEXT, ANALYZED, [CREATE])
    assert made["questions"] == [{"question": "When?"}]
    assert "assumptions" not in made
    assert made["steps"][0]["depends_on"] == []
    server.script([said({**ANALYSIS, "read_first": "none"})])
    assert await analyze() == ANALYZED
    assert len(server.requests) == 2


async def test_texts_are_cleaned_of_what_no_database_takes(server: ModelServer) -> None:
    text = r'{"intent": "a\u0000b", "summary": "\ud83d\ude00 \ud83d!", "needs_tools": false}'
    server.script([said(text)])
    found = await analyze()
    assert (found.intent, found.summary) == ("ab", "😀 \ufffd!")


async def test_a_message_with_half_a_sign_can_be_sent(server: ModelServer) -> None:
    server.script([said(ANALYSIS)])
    await analyze(Context("half \ud83d\x00", "Clinic"))
    assert server.requests[0].message == "half \ufffd"


async def test_an_answer_that_does_not_fit_is_repaired_once(server: ModelServer) -> None:
    server.script([said({"intent": "question"}), said(ANALYSIS)])
    assert await analyze() == ANALYZED
    before, wrong, repair = server.requests[1].body["messages"][-3:]
    assert before["role"] == "user"
    assert wrong == {"role": "assistant", "content": '{"intent": "question"}'}
    assert "- needs_tools: Field required" in repair["content"]


@pytest.mark.parametrize(
    "wrong",
    [
        "I would rather talk.",
        "",
        None,
        '{"intent": "question", ',
        "[1, 2]",
        '{"intent": "x", "summary": "", "needs_tools": "perhaps"}',
        '{"a":' * 5000,
        "[" * 100_000,
        "9" * 5000,
        '{"intent": NaN, "summary": 1e999, "needs_tools": false}',
    ],
)
async def test_an_answer_that_fits_not_even_then_is_invalid(
    server: ModelServer, wrong: Any
) -> None:
    server.script([said(wrong), said(wrong)])
    with pytest.raises(exceptions.ModelInvalid, match="does not match the schema “analysis”"):
        await analyze()
    assert len(server.requests) == 2


@pytest.mark.parametrize("wrong", ['{"title": NaN}', '{"title": 1e999}'])
async def test_numbers_that_json_does_not_know_are_not_let_in(
    server: ModelServer, wrong: str
) -> None:
    server.script([said({**PLAN, "steps": [{**STEP, "arguments": wrong}]}), said(PLAN)])
    assert await OpenAIModel().plan(CONTEXT, ANALYZED, [CREATE]) == PLAN


@pytest.mark.parametrize(
    ("ending", "raised", "text"),
    [
        (said(ANALYSIS, "length"), exceptions.ModelTruncated, "maximum length"),
        (said(ANALYSIS, "content_filter"), exceptions.ModelRefused, "content filter"),
        (said(None, refusal="I won't."), exceptions.ModelRefused, "declined to answer: “I won't.”"),
        (
            said([{"type": "refusal", "refusal": "No."}]),
            exceptions.ModelRefused,
            "declined to answer: “No.”",
        ),
        (as_json({"choices": None}), exceptions.ModelInvalid, "without a message"),
        (as_json({"choices": []}), exceptions.ModelInvalid, "without a message"),
        (as_json({"choices": [{"message": None}]}), exceptions.ModelInvalid, "without a message"),
        (as_json({"choices": [7]}), exceptions.ModelInvalid, "without a message"),
        (as_json([]), exceptions.ModelInvalid, "not a JSON object"),
        (raw('{"choices": ['), exceptions.ModelInvalid, "not a JSON object"),
        (raw(""), exceptions.ModelInvalid, "not a JSON object"),
        (raw("[" * 100_000), exceptions.ModelInvalid, "not a JSON object"),
        (raw(b"\xff\xfe\x00"), exceptions.ModelInvalid, "not a JSON object"),
        (html(), exceptions.ModelUnavailable, "web page.*Check OPENAI_BASE_URL"),
        (raw("  <html>", "text/plain"), exceptions.ModelUnavailable, "web page"),
    ],
)
async def test_an_answer_that_is_none_ends_in_a_clear_error(
    server: ModelServer, ending: Answer, raised: type[exceptions.ModelError], text: str
) -> None:
    server.script([ending])
    with pytest.raises(raised, match=text) as caught:
        await analyze()
    assert len(server.requests) == 1
    assert "<" not in str(caught.value)
