"""The ways in which a server is asked for JSON, the best one first, over real HTTP."""

from __future__ import annotations

import pytest

from agent.llm.openai import OpenAIModel
from tests.support.model_server import (
    ModelServer,
    as_json,
    error,
    said,
)
from tests.support.model_talk import (
    ANALYSIS,
    ANALYZED,
    CONTEXT,
    CREATE,
    PLAN,
    TEXT,
    analyze,
    forms,
)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_without_schemas_is_asked_for_json_and_that_is_remembered(
    server: ModelServer, status: int
) -> None:
    server.script([error(status, "json_schema is unknown"), said(ANALYSIS), said(PLAN)])
    assert await analyze() == ANALYZED
    assert await OpenAIModel().plan(CONTEXT, ANALYZED, [CREATE]) == PLAN
    assert forms(server) == ["json_schema", "json_object", "json_object"]
    assert [request.asked for request in server.requests] == ["analysis", "analysis", "plan"]


async def test_a_server_without_any_json_mode_is_asked_in_words(server: ModelServer) -> None:
    refused = as_json({"error": "response_format is not supported"})
    server.script([refused, error(400), said(f"Sure: {TEXT}"), said(TEXT)])
    assert await analyze() == ANALYZED
    assert await analyze() == ANALYZED
    assert forms(server) == ["json_schema", "json_object", "", ""]
    assert '"needs_tools"' in server.requests[3].text


async def test_a_server_that_breaks_over_schemas_is_known_after_the_second_time(
    server: ModelServer,
) -> None:
    server.script([error(500), said(TEXT), error(500), said(TEXT), said(TEXT)])
    for _ in range(3):
        assert await analyze() == ANALYZED
    assert forms(server) == ["json_schema", "json_object"] * 2 + ["json_object"]


async def test_a_server_whose_schemas_worked_keeps_them_after_trouble(server: ModelServer) -> None:
    server.script([said(TEXT), error(500), said(TEXT), said(TEXT)])
    for _ in range(3):
        assert await analyze() == ANALYZED
    assert forms(server) == ["json_schema"] * 4


async def test_one_schema_that_is_refused_leaves_the_others(server: ModelServer) -> None:
    server.script([said(TEXT), error(400), said(PLAN), said(TEXT), said(PLAN)])
    await analyze()
    await OpenAIModel().plan(CONTEXT, ANALYZED, [CREATE])
    await analyze()
    await OpenAIModel().plan(CONTEXT, ANALYZED, [CREATE])
    assert forms(server) == [
        "json_schema",
        "json_schema",
        "json_object",
        "json_schema",
        "json_object",
    ]


async def test_a_server_that_ignores_the_schema_is_told_it_the_next_time(
    server: ModelServer,
) -> None:
    server.script([said("Hello!"), said(TEXT), said(TEXT)])
    await analyze()
    await analyze()
    assert forms(server) == ["json_schema", "json_schema", "json_object"]
