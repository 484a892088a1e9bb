"""A prompt that a server refuses for its length is shortened; in whatever words the server says it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.exceptions import BudgetExceeded, ModelError
from agent.llm import capabilities
from agent.llm.base import Context
from agent.llm.errors import Server
from agent.llm.openai import OpenAIModel
from tests.support.model_server import Answer, ModelServer, as_json, chunk, events
from tests.support.model_talk import ANALYZED
from tests.support.small_window import ANSWERS, SmallWindow, large, spoken

SIZE = 4_096


def refusing(status: int, **error: Any) -> Callable[[int, int], Answer]:
    """Refuses with a text in which {p} is the prompt's tokens, {w} the window, {n} their sum and 500."""

    def refuse(prompt: int, window: int) -> Answer:
        filled = {
            key: value.format(p=prompt, w=window, n=prompt + 500)
            if isinstance(value, str)
            else {"p": prompt, "w": window}[value[0]]
            if isinstance(value, list)
            else value
            for key, value in error.items()
        }
        return as_json({"error": filled}, status)

    return refuse


def says(status: int, message: str) -> Callable[[int, int], Answer]:
    return refusing(status, message=message)


WITH_WINDOW = [
    refusing(
        400,
        message="This model's maximum context length is {w} tokens. However, your messages resulted in {p}"
        " tokens. Please reduce the length of the messages.",
        type="invalid_request_error",
        code="context_length_exceeded",
    ),
    refusing(
        400,
        message="Input tokens exceed the configured limit of {w} tokens. Your messages resulted in {p}"
        " tokens. Please reduce the length of the messages.",
        code="context_length_exceeded",
    ),
    says(
        400,
        "This model's maximum context length is {w} tokens. However, you requested {n} tokens ({p} in"
        " the messages, 500 in the completion).",
    ),
    says(
        400,
        "'max_tokens' or 'max_completion_tokens' is too large: 500. This model's maximum context length"
        " is {w} tokens and your request has {p} input tokens (500 > {w} - {p}).",
    ),
    says(400, "The decoder prompt (length {p}) is longer than the maximum model length of {w}."),
    says(
        400,
        "You passed {p} input tokens and requested 0 output tokens. However, the model's context length"
        " is only {w} tokens.",
    ),
    refusing(
        400,
        message="the request exceeds the available context size, try increasing it",
        code=400,
        type="exceed_context_size_error",
        n_prompt_tokens=["p"],
        n_ctx=["w"],
    ),
    says(400, "request ({p} tokens) exceeds the available context size ({w} tokens)"),
    says(
        400,
        "Trying to keep the first {p} tokens when context the overflows. However, the model is loaded"
        " with context length of only {w} tokens, which is not enough.",
    ),
    says(
        422,
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= {w}. Given: {p} `inputs`"
        " tokens and 100 `max_new_tokens`",
    ),
    says(422, "Input validation error: `inputs` must have less than {w} tokens. Given: {p}"),
    says(400, "prompt is too long: {p} tokens > {w} maximum"),
    says(400, "input length and `max_tokens` exceed context limit: {p} + 500 > {w}"),
    says(400, "The input token count ({p}) exceeds the maximum number of tokens allowed ({w})."),
    says(400, "The input token count exceeds the maximum number of tokens allowed {w}."),
    says(
        400,
        "Prompt contains {p} tokens and 0 draft tokens, too large for model with {w} maximum context"
        " length",
    ),
    says(
        413,
        "Request too large for model `m` on tokens per minute (TPM): Limit {w}, Requested {n}, please"
        " reduce your message size and try again.",
    ),
    says(
        429,
        "Request too large for m on tokens per min (TPM): Limit {w}, Requested {n}. The input or output"
        " tokens must be reduced in order to run successfully.",
    ),
    says(400, "The input ({p} tokens) is longer than the model's context length ({w} tokens)."),
    says(400, "This model's maximum prompt length is {w} but the request contains {p} tokens."),
    says(400, "The prompt is too long: {p}, model maximum context length: {w}"),
    says(400, "Please reduce the length of the messages. Current length is {p} while limit is {w}"),
    says(500, "Requested tokens ({p}) exceed context window of {w}"),
    says(200, "This model's maximum context length is {w} tokens. You requested about {n} tokens."),
]

WITHOUT_WINDOW = [
    says(413, "Payload Too Large"),
    says(400, "Your input exceeds the context window of this model."),
    says(400, "the input length exceeds the context length"),
    says(400, "Input is too long for requested model."),
    says(
        400,
        "The number of tokens to keep from the initial prompt is greater than the context length.",
    ),
    refusing(400, message="no", code="context_length_exceeded"),
    refusing(200, message="the request exceeds the available context size", code=400),
]

REFUSALS = [(True, refuse) for refuse in WITH_WINDOW] + [
    (False, refuse) for refuse in WITHOUT_WINDOW
]


@pytest.mark.parametrize(("tells", "refuse"), REFUSALS, ids=[str(n) for n in range(len(REFUSALS))])
async def test_a_prompt_that_is_refused_for_its_length_is_shortened(
    server: ModelServer, tells: bool, refuse: Callable[[int, int], Answer]
) -> None:
    window = SmallWindow(ANSWERS, SIZE, refuse)
    server.handler = window
    model = OpenAIModel()
    assert await model.analyze(large()) == ANALYZED
    assert window.refused == (1 if tells else window.refused) > 0
    assert window.refused <= 4
    assert "Left out to fit the model's window of" in model.left_out["analyze"]
    refused = window.refused
    assert await spoken(OpenAIModel(), large()) == "One two."  # the window is known now
    assert window.refused == refused
    assert window.sent[-1][0] > SIZE / 3  # no more was left out than needed


@pytest.mark.parametrize(
    "refuse", [WITH_WINDOW[2], WITH_WINDOW[6], WITH_WINDOW[8], WITHOUT_WINDOW[2]]
)
async def test_a_refusal_in_the_stream_is_read_as_one_in_the_status(
    server: ModelServer, refuse: Callable[[int, int], Answer]
) -> None:
    def streamed(prompt: int, size: int) -> Answer:
        (body,) = refuse(prompt, size).parts
        assert isinstance(body, bytes)
        return events([chunk("", role="assistant"), json.loads(body)])

    window = SmallWindow(ANSWERS, SIZE, streamed)
    server.handler = window
    assert await spoken(OpenAIModel(), large()) == "One two."
    assert 0 < window.refused <= 4


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "Invalid schema for response_format 'plan': schema exceeds the maximum depth"),
        (
            429,
            "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000, Requested 6000.",
        ),
        (402, "Prompt tokens limit exceeded: 9000 > 5000. Upgrade to a paid account"),
        (429, "You exceeded your current quota, please check your plan"),
        (503, "Too many requests, the server is overloaded"),
        (400, "Unsupported parameter: 'max_tokens' is not supported with this model."),
        (401, "Your token is too long"),
        (504, "The request took too long to complete"),
        (504, "upstream request timeout: deadline exceeded"),
        (503, "Request queue limit exceeded"),
        (500, "request exceeded time limit"),
    ],
)
async def test_other_refusals_leave_the_prompt_as_it_is(
    server: ModelServer, status: int, text: str
) -> None:
    server.handler = lambda _: says(status, text)(1, 1)
    with pytest.raises(ModelError) as raised:
        await OpenAIModel().analyze(large())
    assert not isinstance(raised.value, BudgetExceeded)
    assert len({request.body["messages"][1]["content"] for request in server.requests}) == 1


async def test_a_refusal_that_nothing_helps_does_not_spoil_later_prompts(
    server: ModelServer,
) -> None:
    refused = [says(400, "Input is too long for requested model.")(1, 1) for _ in range(5)]
    server.script(refused)
    with pytest.raises(BudgetExceeded, match="Input is too long"):
        await OpenAIModel().analyze(large())
    server.script([*refused[:1]])
    with pytest.raises(BudgetExceeded, match="Input is too long"):
        await OpenAIModel().analyze(Context("Hello", "Clinic"))
    server.handler = ANSWERS
    assert await OpenAIModel().analyze(large()) == ANALYZED
    assert capabilities.of(Server(server.base_url, "small-model")).window.size is None
