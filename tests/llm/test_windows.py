"""A prompt fits the model's window, row by row of the table in docs/models.md."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from agent.exceptions import BudgetExceeded
from agent.llm import lookup
from agent.llm.base import Context
from agent.llm.openai import OpenAIModel
from tests.support.model_server import (
    Answer,
    Gate,
    ModelServer,
    Request,
    as_json,
    error,
    events,
    held,
    html,
    raw,
)
from tests.support.model_talk import ANALYSIS, ANALYZED
from tests.support.small_window import ANSWERS, Refusal, SmallWindow, large, refusal, spoken

DOCS = Path(__file__).resolve().parents[2] / "docs" / "models.md"
SIZE = 4_096

TELLS = "tells its window in the list of models"
SILENT = "tells nothing about its models, fails or does not respond to that"
REFUSES = "refuses a prompt for its length, and tells its window"
WORDLESS = "refuses a prompt for its length, and tells nothing"
IN_STREAM = "refuses a prompt for its length in the stream"
CUTS = "cuts a prompt that is too long, and reports the lower count"
HOPELESS = "refuses even the message and the instructions"


# -- what a server tells ---------------------------------------------------------------------------

LISTS: list[tuple[str, Any]] = [
    ("/v1/models", {"data": [{"id": "small-model", "max_model_len": SIZE}]}),
    (
        "/v1/models",
        {
            "data": [
                {"id": "other", "context_window": 512},
                {"id": "small-model", "context_window": SIZE},
            ]
        },
    ),
    (
        "/v1/models",
        {
            "data": [
                {
                    "id": "small-model",
                    "context_length": 9_000,
                    "top_provider": {"context_length": SIZE},
                },
                {"id": "x"},
            ]
        },
    ),
    (
        "/v1/models",
        {
            "data": [
                {"id": "small-model", "max_context_length": 131_072, "loaded_context_length": SIZE},
                {"id": "large-model", "max_context_length": 1_024},
            ]
        },
    ),
    ("/v1/models", {"models": [{}], "data": [{"id": "/m/x.gguf", "meta": {"n_ctx_train": SIZE}}]}),
    (
        "/v1/models",
        {
            "data": [
                {"id": "y"},
                {"id": "x", "aliases": ["small-model"], "max_context_length": SIZE},
            ]
        },
    ),
    (
        "/v1/models",
        [{"id": "small-model", "context_length": SIZE}, {"id": "z", "context_length": 0}],
    ),
    ("/v1/models/small-model", {"id": "small-model", "context_window": SIZE}),
    ("/v1/models/small-model", {"data": {"id": "small-model", "max_input_tokens": str(SIZE)}}),
]


@pytest.mark.parametrize(("path", "body"), LISTS, ids=[str(n) for n in range(len(LISTS))])
async def test_a_window_is_known_by_its_field(server: ModelServer, path: str, body: Any) -> None:
    server.models[path] = as_json(body)
    window = SmallWindow(ANSWERS, SIZE)
    server.handler = window
    assert await OpenAIModel().analyze(large()) == ANALYZED
    assert await spoken(OpenAIModel(), large()) == "One two."
    assert window.refused == 0
    assert window.sent[-1][0] > SIZE / 3
    assert len(server.lookups) == (1 if path == "/v1/models" else 2)


@pytest.mark.parametrize(
    "told",
    [
        html(),
        raw("no JSON"),
        raw('{"data":' * 5_000),
        as_json({"data": [{"id": "a", "context_length": 300}, {"id": "b"}]}),
        as_json({"data": None}),
        as_json({"data": 5}),
        as_json({"models": True}),
        as_json(5),
        as_json({"data": [{"id": "small-model", "context_length": 3}]}),
        as_json(["small-model"]),
        as_json({"error": "no"}, 500),
        Answer([b'{"data": ['], cut=True),
    ],
)
async def test_a_server_that_tells_no_window_is_used_without(
    server: ModelServer, told: Answer
) -> None:
    server.models["/v1/models"] = told
    window = SmallWindow(ANSWERS, SIZE)
    server.handler = window
    assert await OpenAIModel().analyze(large()) == ANALYZED
    assert window.refused == 1
    assert len(server.lookups) == 2


async def test_a_server_that_does_not_respond_about_its_models_costs_little_time(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "TIMEOUT", 0.5)
    server.models["/v1/models"] = held(as_json({}), Gate())
    server.handler = ANSWERS
    assert await OpenAIModel().analyze(large()) == ANALYZED
    assert await OpenAIModel().analyze(large()) == ANALYZED
    assert server.lookups == ["/v1/models"]


@pytest.mark.parametrize(("told", "setting"), [(SIZE, 100_000), (100_000, SIZE), (None, SIZE)])
async def test_the_smaller_of_the_setting_and_of_what_the_server_tells_counts(
    server: ModelServer, settings: Settings, told: int | None, setting: int
) -> None:
    settings.SAMURAI_MODEL_CONTEXT = setting
    if told:
        server.models["/v1/models"] = as_json({"data": [{"id": "x", "max_model_len": told}]})
    window = SmallWindow(ANSWERS, SIZE)
    server.handler = window
    assert await OpenAIModel().analyze(large()) == ANALYZED
    assert window.refused == 0


# -- cut prompts, hopeless prompts -----------------------------------------------------------------


@pytest.mark.parametrize("size", [2_048, SIZE, 3_072, 3_000])
async def test_a_prompt_that_was_cut_is_sent_again_shorter(server: ModelServer, size: int) -> None:
    window = SmallWindow(ANSWERS, size, cuts=True)
    server.handler = window
    model = OpenAIModel()
    assert await model.analyze(large()) == ANALYZED
    assert await model.analyze(large("We talked about many other things. ")) == ANALYZED
    assert window.sent[-1][1]
    assert f"window of {size:,} tokens" in model.left_out["analyze"]


async def test_a_streamed_answer_to_a_cut_prompt_stays_and_that_is_told(
    server: ModelServer,
) -> None:
    window = SmallWindow(ANSWERS, SIZE, cuts=True)
    server.handler = window
    model = OpenAIModel()
    assert await spoken(model, large()) == "One two."
    assert "cut the prompt to 4,096 tokens" in model.left_out["answer"]
    assert await spoken(model, large()) == "One two."
    assert [fits for _, fits in window.sent] == [False, True]
    assert "window of 4,096 tokens" in model.left_out["answer"]


@pytest.mark.parametrize("count", [10, 37, 700, 1_500])
async def test_a_count_that_is_no_window_changes_nothing(server: ModelServer, count: int) -> None:
    """Some servers report a fixed count, or only what they had not cached."""

    def handle(request: Request) -> Answer:
        return as_json(
            {
                "choices": [
                    {"message": {"content": json.dumps(ANALYSIS)}, "finish_reason": "stop"}
                ],
                "usage": {"prompt_tokens": count + len(server.requests)},
            }
        )

    server.handler = handle
    for _ in range(3):
        await OpenAIModel().analyze(large())
    assert len({request.text for request in server.requests}) == 1


@pytest.mark.parametrize(
    "message", ["word " * 5_000, "予約" * 3_000, "12345 " * 1_500, "🙂" * 3_000]
)
@pytest.mark.parametrize("told", [True, False])
async def test_a_message_above_the_window_is_refused_with_its_count(
    server: ModelServer, message: str, told: bool
) -> None:
    if told:
        server.models["/v1/models"] = as_json({"data": [{"id": "x", "max_model_len": SIZE}]})
    window = SmallWindow(ANSWERS, SIZE if told else 1_024)
    server.handler = window
    with pytest.raises(BudgetExceeded, match=r"message has about [\d,]+ tokens") as raised:
        await OpenAIModel().analyze(Context(message, "Clinic"))
    assert "Shorten the message." in str(raised.value)
    assert not raised.value.retryable
    assert all(message.strip() in request.text for request in server.requests)  # it is never cut
    assert await OpenAIModel().analyze(large()) == ANALYZED


async def test_instructions_above_the_window_are_refused_too(server: ModelServer) -> None:
    server.handler = SmallWindow(ANSWERS, 300)
    with pytest.raises(BudgetExceeded, match="Use a model with a larger window"):
        await OpenAIModel().analyze(large())


# -- the table -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One row of the table: what the server is, and how often it refuses prompts of two calls."""

    row: str
    told: Answer | None = None
    size: int = SIZE
    cuts: bool = False
    refuse: Refusal = refusal
    refused: int = 1
    error: str = ""


def in_stream(prompt: int, size: int) -> Answer:
    (body,) = refusal(prompt, size).parts
    assert isinstance(body, bytes)
    return events([json.loads(body)])


ROWS = [
    Row(TELLS, told=as_json({"data": [{"id": "small-model", "max_model_len": SIZE}]}), refused=0),
    Row(SILENT, told=error(500)),
    Row(REFUSES),
    Row(WORDLESS, refuse=lambda _, __: error(413)),
    Row(IN_STREAM, refuse=in_stream),
    Row(CUTS, cuts=True),
    Row(HOPELESS, size=300, error="Use a model with a larger window."),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.row)
async def test_a_row_of_the_table(server: ModelServer, row: Row) -> None:
    if row.told:
        server.models["/v1/models"] = row.told
    window = SmallWindow(ANSWERS, row.size, row.refuse, cuts=row.cuts)
    server.handler = window
    raises = pytest.raises(BudgetExceeded, match=row.error) if row.error else nullcontext()
    with raises:
        if row.row != IN_STREAM:
            assert await OpenAIModel().analyze(large()) == ANALYZED
        assert await spoken(OpenAIModel(), large()) == "One two."
    assert window.refused == row.refused or (row.row == WORDLESS and 0 < window.refused <= 4)


def rows() -> set[str]:
    _, _, section = DOCS.read_text().partition("## The window\n")
    return set(re.findall(r"^\| ([^|]+?) \|", section.partition("\n## ")[0], re.MULTILINE)[2:])


def test_the_table_and_the_tests_have_the_same_rows() -> None:
    assert rows() == {row.row for row in ROWS}
