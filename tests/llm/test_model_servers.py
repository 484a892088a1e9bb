"""What real model servers do, row by row of the table in docs/models.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from agent.agent import PlanningFirstAgent
from agent.exceptions import ModelError, ModelInvalid
from agent.llm import capabilities, streams
from agent.llm.base import StartOver
from agent.llm.openai import OpenAIModel
from agent.models import Event, Project
from tests.support.model_server import (
    USED,
    Answer,
    ModelServer,
    by_schema,
    chunk,
    error,
    said,
    stream,
    words,
)
from tests.support.model_server_cases import CASES, PIECES, WHOLE, Case, pieces
from tests.support.model_talk import ANALYSIS, ANALYZED, CONTEXT, NOTHING, TEXT, connected

DOCS = Path(__file__).resolve().parents[2] / "docs" / "models.md"


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
