"""What real model servers do, row by row of the table in docs/models.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from agent.agent import PlanningFirstAgent
from agent.exceptions import ModelError, ModelInvalid, ModelRefused, ModelTruncated
from agent.llm import capabilities, streams
from agent.llm.base import StartOver
from agent.llm.openai import OpenAIModel
from agent.models import Event, Project
from tests.support.model_server import (
    USED,
    Answer,
    ModelServer,
    as_json,
    by_schema,
    chunk,
    completion,
    error,
    events,
    said,
    stream,
    words,
)
from tests.support.model_talk import ANALYSIS, ANALYZED, CONTEXT, NOTHING, TEXT, connected

DOCS = Path(__file__).resolve().parents[2] / "docs" / "models.md"

WHOLE = "One two."


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setattr(streams, "USAGE_TIMEOUT", 0.2)
    with connected(settings, monkeypatch) as server:
        yield server


@dataclass(frozen=True)
class Spoken:
    """How an answer in words came out."""

    text: str
    error: ModelError | None


async def speak() -> Spoken:
    text = ""
    try:
        async for piece in OpenAIModel().answer(CONTEXT, ANALYZED, NOTHING):
            text = "" if isinstance(piece, StartOver) else text + piece
    except ModelError as error:
        return Spoken(text, error)
    return Spoken(text, None)


@dataclass(frozen=True)
class Case:
    """`row`: the first cell of the table's row. `answers`: one for each request of one answer."""

    row: str
    answers: Sequence[Answer]
    text: str = WHOLE
    error: type[ModelError] | None = None
    says: str = ""
    sent: Sequence[dict[str, Any]] = field(default_factory=tuple)


def pieces(*items: Any, done: bool = True) -> Answer:
    return events(items, done=done)


def reason(word: str) -> Answer:
    return pieces(chunk("One "), chunk("two."), chunk(finish_reason=word))


EACH = "sends `stop` with each piece"
THINKING = "sends `stop` with a thought, and the answer after it"
NULL = 'sends `"null"` as the reason of each piece'
NO_REASON = "ends with `[DONE]` and no reason"
BROKEN = "ends without a reason and without `[DONE]`"
CUT = "ends for the length, in any word"
GAVE_UP = "gives up, in any word"
UNKNOWN = "ends with a word that nobody knows"
HELD = "holds the answer back, in any word"
VERIFIED = "refuses to stream"
ONE_JSON = "answers a request for a stream with one JSON"
SYSTEM = "refuses the role `system`"
PIECES = "streams JSON"
THOUGHT = "writes thoughts into the answer, in any tags"
ONLY_THOUGHT = "only thinks"
TOKENS = "leaves control tokens at the end"
PATH = "does not know the path of the request"

CASES = [
    # a pause longer than `USAGE_TIMEOUT` lies between the pieces
    Case(EACH, [pieces(chunk("One ", "stop"), 0.4, chunk("two.", "stop"))]),
    Case(EACH, [pieces(chunk("One", "stop"), 0.4, chunk(" two", "stop"), 0.4, chunk(".", "STOP"))]),
    Case(
        EACH,
        [
            pieces(
                chunk("One ", "stop"), chunk("", "stop"), 0.1, chunk("two."), 0.4, chunk("", "stop")
            )
        ],
    ),
    Case(EACH, [pieces(chunk("One ", "end_turn"), 0.4, chunk("two.", "end_turn"), done=False)]),
    Case(THINKING, [pieces(chunk("<think>hm</think>", "stop"), 0.4, chunk("One two.", "stop"))]),
    Case(
        THINKING,
        [pieces(chunk(None, "stop", reasoning_content="hm"), 0.4, chunk("One two.", "stop"))],
    ),
    Case(
        THINKING,
        [pieces(chunk("", "stop", reasoning="hm"), 0.4, chunk("One "), chunk("two.", "stop"))],
    ),
    Case(NULL, [pieces(chunk("One ", "null"), chunk("two.", "null"), chunk("", "stop"))]),
    Case(NULL, [pieces(chunk("One ", "None"), chunk("two.", "NULL"))]),
    Case(NULL, [pieces(chunk("One ", "FINISH_REASON_UNSPECIFIED"), chunk("two.", "stop"))]),
    *(
        Case(CUT, [reason(word)], WHOLE, ModelTruncated, "maximum length")
        for word in (
            "length",
            "MAX_TOKENS",
            "max_tokens",
            "LENGTH",
            "model_length",
            "max-output-tokens",
        )
    ),
    *(
        Case(HELD, [reason(word)], WHOLE, ModelRefused, "content filter")
        for word in (
            "SAFETY",
            "content-filter",
            "content_filter",
            "RECITATION",
            "FINISH_REASON_SAFETY",
            "refusal",
        )
    ),
    *(
        Case(GAVE_UP, [reason(word)], WHOLE, ModelTruncated, "server had an error")
        for word in ("insufficient_system_resource", "error", "ABORT", "cancelled")
    ),
    *(
        Case(UNKNOWN, [reason(word)], WHOLE, ModelTruncated, word)
        for word in ("eaten_by_bears", "?", "Quota Reached")
    ),
    Case(NO_REASON, [pieces(chunk("One "), chunk("two."))]),
    Case(NO_REASON, [pieces(chunk("One two."), USED)]),
    Case(NO_REASON, [pieces(chunk("One "), chunk("two.", ""))]),
    Case(
        BROKEN,
        [pieces(chunk("One "), chunk("two."), done=False)],
        WHOLE,
        ModelTruncated,
        "is incomplete",
    ),
    Case(
        BROKEN,
        [pieces(chunk("One two."), USED, done=False)],
        WHOLE,
        ModelTruncated,
        "is incomplete",
    ),
    Case(
        BROKEN,
        [pieces(chunk("One two.", "null"), done=False)],
        WHOLE,
        ModelTruncated,
        "is incomplete",
    ),
    Case(
        VERIFIED,
        [error(400, "Your organization must be verified to stream this model."), said(WHOLE)],
        sent=[{"stream": True}, {"stream": False}],
    ),
    Case(
        VERIFIED,
        [
            error(400, "Unsupported value: 'stream' does not support true with this model."),
            said(WHOLE),
        ],
        sent=[{"stream": True}, {"stream": False}],
    ),
    Case(
        VERIFIED,
        [error(422, "streaming is not enabled"), said(WHOLE)],
        sent=[{"stream": True}, {"stream": False}],
    ),
    Case(
        VERIFIED,
        [error(403, "stream is not allowed for this key"), said(f"<think>hm</think>{WHOLE}")],
    ),
    Case(ONE_JSON, [said(WHOLE)]),
    Case(
        ONE_JSON,
        [
            as_json(
                completion(
                    {
                        "message": {"content": [{"type": "text", "text": WHOLE}]},
                        "finish_reason": "STOP",
                    }
                )
            )
        ],
    ),
    Case(ONE_JSON, [said(WHOLE, None)]),
    Case(ONE_JSON, [said(WHOLE, "length")], WHOLE, ModelTruncated, "maximum length"),
    Case(SYSTEM, [error(400, "System role not supported"), words(WHOLE)]),
    Case(
        SYSTEM,
        [
            error(500, "Value is not callable: raise_exception('System role not supported')"),
            words(WHOLE),
        ],
    ),
    Case(
        SYSTEM,
        [
            error(400, "Conversation roles must alternate user/assistant/user/assistant/..."),
            words(WHOLE),
        ],
    ),
    Case(SYSTEM, [error(422, "messages[0].role: system messages are not allowed"), words(WHOLE)]),
    Case(THOUGHT, [stream("I ponder.", "</think>", WHOLE)]),
    Case(THOUGHT, [stream("<tho", "ught>hm</thou", "ght>One ", "two.")]),
    Case(
        THOUGHT,
        [
            stream(
                "<|channel|>analysis<|message|>hm<|end|>",
                "<|start|>assistant",
                "<|channel|>final<|message|>One two.",
            )
        ],
    ),
    Case(THOUGHT, [pieces(chunk(None, reasoning_content="hm"), chunk(WHOLE), chunk(None, "stop"))]),
    Case(ONLY_THOUGHT, [stream("<think>hm")], "", ModelInvalid, "only reasoning"),
    Case(
        ONLY_THOUGHT,
        [pieces(chunk(None, reasoning_content="hm"), chunk(None, "stop"))],
        "",
        ModelInvalid,
        "only reasoning",
    ),
    Case(
        ONLY_THOUGHT,
        [pieces(chunk(None, reasoning="hm"), chunk("", "stop"))],
        "",
        ModelInvalid,
        "only reasoning",
    ),
    Case(
        ONLY_THOUGHT,
        [error(400, "cannot stream"), said("<think>hm</think>")],
        "",
        ModelInvalid,
        "only reasoning",
    ),
    Case(PATH, [as_json({"error": "Unexpected endpoint or method."})], "", ModelRefused, "URL"),
    Case(PATH, [as_json({"detail": "Not Found"}, 404)], "", ModelRefused, "OPENAI_BASE_URL"),
    Case(PATH, [error(405, "Method Not Allowed")], "", ModelRefused, "OPENAI_BASE_URL"),
    Case(TOKENS, [stream("One two.", "<|im_end|>")]),
    Case(TOKENS, [stream("One two.</s>")]),
    Case(TOKENS, [stream("One two.<|eot_", "id|>")]),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{n}-{case.row}" for n, case in enumerate(CASES)])
async def test_an_answer_comes_out_as_the_table_says(server: ModelServer, case: Case) -> None:
    server.script(case.answers)
    spoken = await speak()
    assert spoken.text.strip() == case.text
    assert type(spoken.error) is (case.error or type(None))
    assert case.says in str(spoken.error or "")
    assert len(server.requests) == len(case.answers)
    for request, fields in zip(server.requests, case.sent, strict=False):
        assert request.body.items() >= fields.items()


async def test_a_server_without_streams_is_asked_for_whole_answers_from_then_on(
    server: ModelServer,
) -> None:
    server.script([error(400, "must be verified to stream"), said("One"), said("Two")])
    assert [(await speak()).text, (await speak()).text] == ["One", "Two"]
    assert [request.streamed for request in server.requests] == [True, False, False]


async def test_a_model_without_the_role_system_gets_its_instructions_with_the_message(
    server: ModelServer,
) -> None:
    server.script([error(400, "System role not supported"), said(TEXT), words("Yes")])
    assert await OpenAIModel().analyze(CONTEXT) == ANALYZED
    assert (await speak()).text == "Yes"
    roles = [[turn["role"] for turn in request.body["messages"]] for request in server.requests]
    assert roles == [["system", "user"], ["user"], ["user"]]
    instructions = server.requests[0].body["messages"][0]["content"]
    assert instructions in server.requests[1].text
    assert server.requests[1].message == CONTEXT.message


STREAMED = "streams though it was asked for the whole"
SLIPS = "writes JSON with slips"
PASSING = "fails once to form JSON"

REPLIES = [
    (STREAMED, stream(TEXT)),
    (STREAMED, pieces(chunk(TEXT[:9]), chunk(TEXT[9:], "stop"), done=False)),
    (STREAMED, pieces(chunk("", role="assistant"), *map(chunk, TEXT), USED)),
    (PIECES, stream(TEXT[:9], TEXT[9:])),
    (PIECES, pieces(*map(chunk, TEXT), chunk(finish_reason="stop"), done=False)),
    (PIECES, pieces(chunk(None, reasoning="hm"), chunk(TEXT, "stop"), USED)),
    (SLIPS, said(TEXT.replace('"Asks"', '"As\nks"').replace("As\nks", "Asks\n"))),
    (SLIPS, said(TEXT.replace("false", "False"))),
    (SLIPS, said(TEXT.replace("}", ",}"))),
    (SLIPS, said(json.dumps({"analysis": ANALYSIS}))),
    (SLIPS, said(f"```json\n[{TEXT.replace('false', 'False')[:-1]},\n}}]\n```")),
    (SLIPS, said(f'<think>{{"a": 1}}</think>{{"result": {TEXT}}}')),
    ("answers only in its thoughts", said("", reasoning_content=TEXT)),
    ("answers only in its thoughts", said(None, reasoning=f"So: {TEXT}")),
    ("answers only in its thoughts", said(f"<think>{TEXT}</think>")),
]


@pytest.mark.parametrize(
    ("row", "reply"), REPLIES, ids=[f"{n}-{r}" for n, (r, _) in enumerate(REPLIES)]
)
async def test_a_structured_answer_is_read_as_the_table_says(
    server: ModelServer, row: str, reply: Answer
) -> None:
    asked = [True, False] if row == STREAMED else [True]
    server.script([error(400, "streaming is not supported"), reply][-len(asked) :])
    assert await OpenAIModel().analyze(CONTEXT) == ANALYZED
    assert [request.streamed for request in server.requests] == asked


async def test_an_object_that_was_cut_off_is_not_completed(server: ModelServer) -> None:
    cut = '{"summary": "Two", "steps": [{"id": "s1", "type": "answer", "description": "x"}'
    server.script([said(cut), said(cut)])
    with pytest.raises(ModelInvalid):
        await OpenAIModel().plan(CONTEXT, ANALYZED, [])


@pytest.mark.parametrize(
    "failure",
    [
        error(400, "Failed to generate JSON. Please adjust your prompt.", "json_validate_failed"),
        error(422, "the model produced invalid output"),
        error(500, "grammar crashed"),
    ],
)
async def test_one_passing_failure_leaves_the_best_way_of_asking(
    server: ModelServer, failure: Answer
) -> None:
    server.script([said(TEXT), failure, *(said(TEXT) for _ in range(2))])
    for _ in range(3):
        await OpenAIModel().analyze(CONTEXT)
    assert [request.form for request in server.requests][-1] == "json_schema"


async def test_what_a_server_refused_is_tried_again_after_a_while(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script([error(400, "no json_schema"), *(said(TEXT) for _ in range(3))])
    await OpenAIModel().analyze(CONTEXT)
    await OpenAIModel().analyze(CONTEXT)
    monkeypatch.setattr(capabilities, "EXPIRY", -1.0)
    await OpenAIModel().analyze(CONTEXT)
    forms = [request.form for request in server.requests]
    assert forms == ["json_schema", "json_object", "json_object", "json_schema"]


def rows() -> list[str]:
    """Returns the first cells of the table in the docs."""
    _, _, section = DOCS.read_text().partition("## What servers do\n")
    return re.findall(r"^\| ([^|]+?) \|", section.partition("\n## ")[0], re.MULTILINE)[2:]


def test_the_table_and_the_tests_have_the_same_rows() -> None:
    tested = {case.row for case in CASES} | {row for row, _ in REPLIES} | {PASSING}
    assert set(rows()) == tested


@pytest.mark.django_db(transaction=True)
async def test_a_thought_that_was_shown_is_taken_back_in_the_log(
    server: ModelServer, project: Project
) -> None:
    answer = stream("I ponder.", 0.3, "</think>", WHOLE)
    server.handler = by_schema(analysis=ANALYSIS, memory={"notes": []}, answer=answer)
    result = await PlanningFirstAgent().process_user_message("What is open?", project.pk)
    assert (result.status, result.answer) == ("succeeded", WHOLE)
    bodies = Event.objects.filter(run=result.run, type="token").order_by("seq")
    tokens = [json.loads(body) async for body in bodies.values_list("body", flat=True)]
    assert [token["text"] for token in tokens] == ["I ponder.", WHOLE]
    assert [token["offset"] for token in tokens] == [0, 0]
