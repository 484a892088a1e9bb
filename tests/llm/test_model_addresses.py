"""The address of a model's server: a query in it, and servers that do not know its path, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from agent import exceptions
from tests.support.model_server import Answer, ModelServer, as_json, error, html, raw, said, words
from tests.support.model_talk import ANALYSIS, ANALYZED, analyze, answer, connected

HINT = "Does OPENAI_BASE_URL need /v1 at its end?"


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with connected(settings, monkeypatch) as server:
        settings.OPENAI_BASE_URL = server.base_url.removesuffix("/v1")
        yield server


@pytest.mark.parametrize(
    "unknown",
    [
        # LM Studio: an error with status 200.
        as_json({"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        as_json({"error": {"message": "Invalid URL (POST /chat/completions)"}}, 404),
        as_json({"error": {"message": "Unknown request URL: POST /chat/completions."}}, 404),
        as_json({"error": {"code": "404", "message": "Resource not found"}}, 404),
        as_json({"detail": "Not Found"}, 404),
        as_json({"detail": "Method Not Allowed"}, 405),
        as_json({"error": {"message": "no handler for POST"}}, 400),
        raw("404 page not found", "text/plain", 404),
        raw("", "text/plain", 404),
        raw("Unsupported method ('POST')", "text/plain", 501),
        html(404),
        html(405),
        html(),
    ],
)
async def test_a_server_that_does_not_know_the_path_is_asked_once_and_the_setting_is_named(
    server: ModelServer, unknown: Answer
) -> None:
    for ask in (analyze, answer):
        server.requests.clear()
        server.script([unknown])
        with pytest.raises((exceptions.ModelRefused, exceptions.ModelUnavailable)) as raised:
            await ask()
        assert len(server.requests) == 1
        assert HINT in str(raised.value)
        assert "<" not in str(raised.value)


async def test_an_address_with_a_version_is_not_suspected_to_lack_one(
    server: ModelServer, settings: Settings
) -> None:
    settings.OPENAI_BASE_URL = server.base_url
    server.script([as_json({"detail": "Not Found"}, 404)])
    with pytest.raises(exceptions.ModelRefused, match=r"Check OPENAI_BASE_URL\.$") as raised:
        await analyze()
    assert "/v1" not in str(raised.value)


@pytest.mark.parametrize(
    "missing",
    [
        error(404, "The model `small-model` does not exist or you do not have access to it."),
        error(404, 'model "small-model" not found, try pulling it first'),
    ],
)
async def test_a_model_that_is_missing_is_still_told_as_such(
    server: ModelServer, missing: Answer
) -> None:
    server.script([missing])
    with pytest.raises(exceptions.ModelRefused, match="has no model small-model"):
        await analyze()
    assert len(server.requests) == 1


async def test_the_query_of_the_address_is_sent_with_each_request(
    server: ModelServer, settings: Settings
) -> None:
    settings.OPENAI_BASE_URL = f"{server.base_url}/d/small?api-version=2024-10-21&x=a%20b"
    server.script([said(ANALYSIS), words("One")])
    assert await analyze() == ANALYZED
    assert "".join(await answer()) == "One"
    for request in server.requests:
        assert request.path.startswith("/v1/d/small/chat/completions?")
        assert "api-version=2024-10-21" in request.path
        assert "x=a+b" in request.path or "x=a%20b" in request.path
