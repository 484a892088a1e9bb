"""Calls that are refused, tried again, late or cancelled, over real HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from base64 import b64decode
from typing import Any

import pytest
from openai import AsyncOpenAI
from pytest_django import Settings

from agent import exceptions
from agent.llm import connections
from agent.llm.errors import Server
from agent.llm.openai import OpenAIModel
from agent.llm.writing import Patience
from tests.support.model_server import (
    Answer,
    Gate,
    ModelServer,
    as_json,
    chunk,
    error,
    events,
    held,
    html,
    said,
    slowly,
    stream,
    words,
)
from tests.support.model_talk import (
    ANALYSIS,
    ANALYZED,
    CONTEXT,
    KEY,
    NOTHING,
    TEXT,
    analyze,
    answer,
    forms,
)

# -- refusals and retries --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, "refused the key. Check OPENAI_API_KEY"),
        (403, "no access to the model small-model: “no for …, …”"),
        (404, "has no model small-model"),
        (413, "too long for the model"),
        (409, r"refused the request \(409\)"),
    ],
)
async def test_a_refusal_is_told_at_once(server: ModelServer, status: int, text: str) -> None:
    server.script([error(status, f"no for {KEY}, sk-ab**89")])
    with pytest.raises(exceptions.ModelRefused, match=text) as caught:
        await analyze()
    assert len(server.requests) == 1
    assert KEY not in str(caught.value)
    assert not caught.value.retryable


async def test_a_bad_request_is_told_in_the_servers_words(server: ModelServer) -> None:
    server.script([error(400, text) for text in ("first", "second", "third", "bad message")])
    with pytest.raises(exceptions.ModelRefused, match=r"\(400\): “bad message”"):
        await analyze()
    assert forms(server) == ["json_schema", "json_object", "", ""]
    assert [request.streamed for request in server.requests] == [True, True, True, False]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"detail": [{"loc": ["body"], "msg": "no model"}]}, ": “no model”"),
        ({"error": "no model"}, ": “no model”"),
        ({"error": {"message": "no \x00\n\nmodel"}}, ": “no model”"),
        ({"error": {"message": "x" * 5000}}, ": “" + "x" * 299 + "…”"),
        ({"error": {"message": "<html>"}}, r"\."),
        ({"message": {"message": {"message": {"message": {"message": "deep"}}}}}, r"\."),
        (None, r"\."),
    ],
)
async def test_what_a_server_says_is_told_in_one_short_line(
    server: ModelServer, body: Any, told: str
) -> None:
    server.script([as_json(body, 409)])
    with pytest.raises(exceptions.ModelRefused, match=rf"^The .* \(409\){told}$"):
        await analyze()


async def test_a_context_too_long_is_not_asked_again(server: ModelServer) -> None:
    server.script([error(400, "9000 tokens", "context_length_exceeded")])
    with pytest.raises(exceptions.ModelRefused, match="too long for the model"):
        await analyze()
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
async def test_trouble_that_passes_is_tried_again_twice(server: ModelServer, status: int) -> None:
    server.script([error(status), error(status), said(ANALYSIS)])
    assert await analyze() == ANALYZED


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (408, exceptions.ModelTimeout),
        (429, exceptions.RateLimited),
        (500, exceptions.ModelUnavailable),
        (503, exceptions.ModelUnavailable),
    ],
)
async def test_trouble_that_stays_ends_after_three_tries(
    server: ModelServer, status: int, raised: type[exceptions.ModelError]
) -> None:
    server.script([html(status)] * 3)
    with pytest.raises(raised) as caught:
        await analyze()
    assert len(server.requests) == 3
    assert "html" not in str(caught.value)
    assert caught.value.retryable


async def test_a_retry_tells_its_number_and_reason_and_when_all_is_given_up(
    server: ModelServer,
) -> None:
    server.script([error(503, "busy"), said("no JSON"), said(ANALYSIS)])
    told: list[Patience] = []
    model = OpenAIModel()
    model.watch = lambda writing: told.append(writing.patience)
    assert await model.analyze(CONTEXT) == ANALYZED
    first, pause, second, repair = told
    assert (first.attempt, first.attempts, first.reason, first.again_at) == (1, 3, "", None)
    assert (pause.attempt, pause.reason) == (2, second.reason)
    assert "503" in second.reason
    assert repair.reason.startswith("The first answer is invalid: ")
    assert pause.again_at is not None
    assert first.gives_up_at is not None
    assert pause.again_at < first.gives_up_at


async def test_a_short_pause_that_the_server_asks_for_is_kept(server: ModelServer) -> None:
    server.script([error(429, retry_after="0.3"), said(ANALYSIS)])
    start = time.monotonic()
    assert await analyze() == ANALYZED
    assert time.monotonic() - start >= 0.3


@pytest.mark.parametrize(
    ("headers", "timeout"),
    [
        ({"retry_after": "3600"}, 20),
        ({"retry_after": "Fri, 31 Dec 2100 23:59:59 GMT"}, 20),
        ({"retry_after_ms": "3600000"}, 20),
        ({"retry_after": "5"}, 2),
        ({"retry_after": "11"}, 20),
    ],
)
async def test_a_pause_too_long_is_told_at_once(
    server: ModelServer, settings: Settings, headers: dict[str, str], timeout: int
) -> None:
    settings.SAMURAI_MODEL_TIMEOUT = timeout
    server.script([error(429, **headers)])
    with pytest.raises(exceptions.RateLimited, match=r"Retry after \d+ seconds"):
        await analyze()
    assert len(server.requests) == 1


async def test_a_used_up_quota_is_no_matter_of_waiting(server: ModelServer) -> None:
    server.script([error(429, "pay", "insufficient_quota")])
    with pytest.raises(exceptions.ModelRefused, match="quota is used up"):
        await analyze()
    assert len(server.requests) == 1


async def test_a_connection_that_is_cut_is_tried_again(server: ModelServer) -> None:
    cut = Answer([b'{"choices"'], cut=True)
    server.script([cut, said(ANALYSIS)])
    assert await analyze() == ANALYZED


async def test_a_structured_answer_that_breaks_off_is_not_told_as_none(server: ModelServer) -> None:
    broken = events([chunk('{"intent": "com')], done=False, cut=True)
    server.handler = lambda request: broken
    with pytest.raises(exceptions.ModelTruncated, match="incomplete: the connection was lost"):
        await analyze()
    assert len(server.requests) > 1  # it was tried again


async def test_a_server_that_is_away_is_named(server: ModelServer, settings: Settings) -> None:
    settings.OPENAI_BASE_URL = "http://somebody:secret@127.0.0.1:9/v1"
    with pytest.raises(exceptions.ModelUnavailable, match=r"at 127\.0\.0\.1:9 cannot be") as c:
        await analyze()
    assert "secret" not in str(c.value)


async def test_a_login_in_the_address_goes_before_the_key(
    server: ModelServer, settings: Settings
) -> None:
    settings.OPENAI_BASE_URL = server.base_url.replace("//", "//some%20body:se%3Acret@")
    server.script([said(ANALYSIS)])
    await analyze()
    login = b64decode(server.requests[0].headers["authorization"].removeprefix("Basic "))
    assert login == b"some body:se:cret"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"OPENAI_BASE_URL": "http://[nowhere"}, "OPENAI_BASE_URL is not a valid URL"),
        ({"OPENAI_BASE_URL": "localhost:11434/v1"}, "OPENAI_BASE_URL is not a valid URL"),
        ({"OPENAI_BASE_URL": "http://a b:x/v1"}, "OPENAI_BASE_URL is not a valid URL"),
        ({"OPENAI_API_KEY": "schlüssel"}, "OPENAI_API_KEY contains invalid characters"),
    ],
)
async def test_settings_that_cannot_work_are_named(
    server: ModelServer, settings: Settings, change: dict[str, str], text: str
) -> None:
    for name, value in change.items():
        setattr(settings, name, value)
    with pytest.raises(exceptions.ModelRefused, match=text):
        await analyze()


@pytest.mark.parametrize(
    ("body", "raised", "tries"),
    [
        ({"code": 429, "message": "slow down"}, exceptions.RateLimited, 3),
        ({"message": "out of memory"}, exceptions.ModelUnavailable, 3),
        ("out of memory", exceptions.ModelUnavailable, 3),
        ({"code": 401, "message": "no"}, exceptions.ModelRefused, 1),
        ({"code": "invalid_request_error", "message": "no"}, exceptions.ModelRefused, 4),
    ],
)
async def test_an_error_with_status_200_counts_as_what_it_says(
    server: ModelServer, body: Any, raised: type[exceptions.ModelError], tries: int
) -> None:
    server.script([as_json({"error": body})] * 4)
    with pytest.raises(raised):
        await analyze()
    assert len(server.requests) == tries


# -- deadlines and cancelling ----------------------------------------------------------------------


@pytest.mark.parametrize("late", [held(said(ANALYSIS), Gate()), slowly(said(ANALYSIS), 0.05)])
async def test_an_answer_that_takes_too_long_ends_at_the_deadline(
    server: ModelServer, settings: Settings, late: Answer
) -> None:
    settings.SAMURAI_MODEL_TIMEOUT = 1
    server.script([late])
    with pytest.raises(exceptions.ModelTimeout, match="within 1 seconds"):
        await analyze()
    assert await server.requests[0].left()


async def test_the_deadline_covers_all_tries_together(
    server: ModelServer, settings: Settings
) -> None:
    settings.SAMURAI_MODEL_TIMEOUT = 2
    server.script([held(error(503), _opening_in(1.8)), held(said(ANALYSIS), Gate())])
    start = time.monotonic()
    with pytest.raises(exceptions.ModelTimeout):
        await analyze()
    assert time.monotonic() - start < 3.5  # a deadline for each try would take 3.8
    assert len(server.requests) == 2


def _opening_in(seconds: float) -> Gate:
    gate = Gate()
    asyncio.get_running_loop().call_later(seconds, gate.open)
    return gate


async def test_cancelling_a_structured_call_closes_the_connection(server: ModelServer) -> None:
    gate = Gate()
    server.script([held(said(ANALYSIS), gate)])
    call = asyncio.create_task(analyze())
    await gate.arrived()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await server.requests[0].left()


async def test_cancelling_in_the_middle_of_an_answer_closes_the_connection(
    server: ModelServer,
) -> None:
    gate = Gate()
    server.script([stream("One ", gate, "two")])
    call = asyncio.create_task(answer())
    await gate.arrived()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await server.requests[0].left()


async def test_a_reader_who_stops_closes_the_connection(server: ModelServer) -> None:
    gate = Gate()
    server.script([stream("One ", gate, "two")])
    pieces = OpenAIModel().answer(CONTEXT, ANALYZED, NOTHING)
    assert await anext(pieces) == "One "
    await pieces.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert await server.requests[0].left()


async def test_one_connection_serves_one_call_after_the_other(server: ModelServer) -> None:
    server.script([said(TEXT), words("Hello there"), said(TEXT)])
    await analyze()
    await answer()
    await analyze()
    assert {request.connection for request in server.requests} == {1}


async def test_calls_at_once_share_one_client_which_is_not_made_on_the_loop(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_in: list[threading.Thread] = []
    make = connections._client

    def client(of: Server) -> AsyncOpenAI:
        made_in.append(threading.current_thread())
        time.sleep(0.05)  # the other call asks meanwhile
        return make(of)

    monkeypatch.setattr(connections, "_client", client)
    server.script([said(TEXT), said(TEXT)])
    assert await asyncio.gather(analyze(), analyze()) == [ANALYZED] * 2
    (thread,) = made_in
    assert thread is not threading.current_thread()


def test_each_loop_has_a_client_of_its_own_and_closes_it(server: ModelServer) -> None:
    server.script([said(TEXT), said(TEXT)])
    assert [asyncio.run(analyze()) for _ in range(2)] == [ANALYZED] * 2
    assert server.connections == 2
