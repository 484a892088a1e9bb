"""What a span has of a model's and a tool's texts, and how much of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_django import Settings

from agent.llm.base import Reading, ReadRequest
from agent.pipeline import reading
from agent.support import tracing

MARK = "Zwiebelkuchen"


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def only(exported: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exported.get_finished_spans()
    return span


def told(exported: InMemorySpanExporter) -> dict[str, Any]:
    return dict(only(exported).attributes or {})


class Counted:
    """A value that is no JSON, and that counts how many of its kind were made a text."""

    made = 0

    def __str__(self) -> str:
        Counted.made += 1
        return "value"


def test_a_long_result_is_made_json_as_far_as_it_is_told(
    exported: InMemorySpanExporter, settings: Settings
) -> None:
    settings.SAMURAI_TRACE_TEXTS = True
    with tracing.tool("search_tasks", "s1", {"query": "x" * 50_000}) as span:
        tracing.tell_result(span, [Counted() for _ in range(100_000)])
    of_call = told(exported)
    for name in ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"):
        assert len(of_call[name]) == tracing.MAX_TEXT + len("… [cut]")
    assert 0 < Counted.made < tracing.MAX_TEXT


def test_a_short_result_is_told_as_json(exported: InMemorySpanExporter, settings: Settings) -> None:
    settings.SAMURAI_TRACE_TEXTS = True
    result = {"tasks": [{"id": "#1", "title": "Käse", "done": False}]}
    with tracing.tool("search_tasks", "s1", {}) as span:
        tracing.tell_result(span, result)
    assert json.loads(told(exported)["gen_ai.tool.call.result"]) == result


def test_of_a_long_prompt_the_beginnings_of_its_texts_are_told(
    exported: InMemorySpanExporter, settings: Settings
) -> None:
    settings.SAMURAI_TRACE_TEXTS = True
    turns = [{"role": role, "content": role * 100_000} for role in ("system", "user")]
    tracing.model_call("m", "plan", (1.0, None, 2.0), (0, 0), "", turns, "a" * 100_000)
    of_call = told(exported)
    for name, roles in (("input", ["system", "user"]), ("output", ["assistant"])):
        messages = json.loads(of_call[f"gen_ai.{name}.messages"])
        assert [one["role"] for one in messages] == roles
        for one in messages:
            (part,) = one["parts"]
            assert len(part["content"]) == tracing.MAX_TEXT + len("… [cut]")


async def test_a_tool_that_a_model_made_up_names_no_span(exported: InMemorySpanExporter) -> None:
    request = ReadRequest(f"read_{MARK}" * 1_000, {"query": MARK})

    async def calling() -> Reading:
        return Reading(request.tool, request.arguments, "", error=f"{request.tool} is no tool.")

    await reading._traced(calling(), request, "r1")
    span = only(exported)
    assert span.name == "execute_tool unknown"
    assert told(exported)["gen_ai.tool.name"] == "unknown"
    assert MARK not in span.to_json()
