"""Traces of runs by OpenTelemetry, with the names of its conventions for generative AI.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set: then `tracer` is None, nothing is imported, and callers do
nothing but compare it. A run has one trace, whatever processes execute it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from agent.plan import Plan

T = TypeVar("T")

AGENT = "Samurai Agent"
# Characters of each text in a span. Longer ones would hold the event loop while they are made JSON.
MAX_TEXT = 10_000
tracer: Any = None  # of OpenTelemetry, or None while traces are off
# The trace of a run that came with none: the digits of its id.
_trace_id: ContextVar[int] = ContextVar("trace_id", default=0)


def start() -> None:
    """Begins to export spans, if that is configured. Takes a fraction of a second the first time."""
    global tracer
    if tracer is not None or not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class IdGenerator(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _trace_id.get() or super().generate_trace_id()

    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "samurai-agent"}
    provider = TracerProvider(resource=Resource.create(name), id_generator=IdGenerator())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("samurai-agent")


@contextmanager
def span(name: str, /, operation: str = "", **attributes: Any) -> Iterator[Any]:
    """Opens a span below the current one. An error that leaves the block is told by its type only.

    `operation`: of the conventions. In the names of attributes, `__` stands for a dot. Only while traces
    are on.
    """
    with tracer.start_as_current_span(
        name,
        attributes=_named(operation, attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        try:
            yield opened
        except BaseException as error:
            fail(opened, type(error).__name__)
            raise


async def within(work: Awaitable[T], name: str, /, operation: str = "", **attributes: Any) -> T:
    """Awaits `work` in a span."""
    with span(name, operation, **attributes):
        return await work


def fail(opened: Any, kind: str) -> None:
    from opentelemetry.trace import StatusCode

    opened.set_attribute("error.type", kind)
    opened.set_status(StatusCode.ERROR)


@contextmanager
def run(key: UUID, session: UUID, traceparent: str, attempt: int) -> Iterator[Any]:
    """Opens the span of a run, below that of the request with which it came, if there is one."""
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    _trace_id.set(key.int)
    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    token = context.attach(parent)
    is_connected = settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL
    attributes = {
        "gen_ai__agent__name": AGENT,
        "gen_ai__conversation__id": str(session),
        "gen_ai__provider__name": "openai" if is_connected else "samurai.offline",
        "samurai__run__id": str(key),
        "samurai__run__attempt": attempt,
    }
    try:
        with span(f"invoke_agent {AGENT}", "invoke_agent", **attributes) as opened:
            yield opened
    finally:
        context.detach(token)


def end_run(opened: Any, status: str, error: str, model: str, usage: Mapping[str, int]) -> None:
    """Tells how this claim of a run has ended: also with a plan that waits."""
    opened.set_attributes(
        {
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": usage["input_tokens"],
            "gen_ai.usage.output_tokens": usage["output_tokens"],
            "samurai.run.status": status,
        }
    )
    if error:
        fail(opened, error)


async def planning(make: Callable[[], Awaitable[T]]) -> T:
    """Awaits the making of a plan, in a span of its own while traces are on."""
    if tracer is None:
        return await make()
    return await within(make(), f"plan {AGENT}", "plan", gen_ai__agent__name=AGENT)


def tell_plan(plan: Plan, *, repaired: bool, problems: int) -> None:
    """Adds the validated plan to the span of its validation: its tools, and no words of it."""
    from opentelemetry.trace import get_current_span

    get_current_span().set_attributes(
        {
            "samurai.plan.digest": plan.digest,
            "samurai.plan.steps": len(plan.steps),
            "samurai.plan.tools": [step.tool for step in plan.steps if step.tool],
            "samurai.plan.repaired": repaired,
            "samurai.plan.problems": problems,
        }
    )


def model_call(
    model: str,
    verb: str,
    times: tuple[float, float | None, float],
    used: tuple[int, int],
    error: str,
    turns: Sequence[Mapping[str, str]],
    text: str,
) -> None:
    """Adds the span of a call that is over.

    `times`: its begin, its first text and its end, in seconds since the epoch; `used`: tokens of the prompt
    and of the answer, 0 if the server did not count them; `turns` and `text` are told only if
    SAMURAI_TRACE_TEXTS asks for it.
    """
    from opentelemetry.trace import SpanKind

    began, first, ended = times
    attributes: dict[str, Any] = {
        **_server(),
        "gen_ai__provider__name": "openai",
        "gen_ai__request__model": model,
        "samurai__model__verb": verb,
        **(_texts(turns, text) if settings.SAMURAI_TRACE_TEXTS else {}),
    }
    if any(used):
        attributes["gen_ai__usage__input_tokens"], attributes["gen_ai__usage__output_tokens"] = used
    if first is not None:
        attributes["gen_ai__response__time_to_first_chunk"] = first - began
    opened = tracer.start_span(
        f"chat {model}",
        kind=SpanKind.CLIENT,
        attributes=_named("chat", attributes),
        start_time=int(began * 1e9),
    )
    if error:
        fail(opened, error)
    opened.end(int(ended * 1e9))


def _server() -> dict[str, Any]:
    """Returns the address of the model server, and its port if it is named."""
    server = urlsplit(settings.OPENAI_BASE_URL or "https://api.openai.com")
    port = {"server__port": server.port} if server.port else {}
    return {"server__address": server.hostname, **port}


def _texts(turns: Sequence[Mapping[str, str]], text: str) -> dict[str, str]:
    """Returns what was asked, unless it is not known, and the answer."""
    asked = {"gen_ai__input__messages": _messages(turns)} if turns else {}
    return {
        "gen_ai__output__messages": _messages([{"role": "assistant", "content": text}]),
        **asked,
    }


@contextmanager
def tool(name: str, key: str, arguments: Mapping[str, Any]) -> Iterator[Any]:
    """Opens the span of a call of a tool: an installed one, or "unknown". `key`: the number of its step or
    reading, since a model chose the id of the step.
    """
    told: dict[str, Any] = {
        "gen_ai__tool__name": name,
        "gen_ai__tool__call__id": key,
        "gen_ai__tool__type": "function",
    }
    if settings.SAMURAI_TRACE_TEXTS:
        told["gen_ai__tool__call__arguments"] = _as_json(arguments)
    with span(f"execute_tool {name}", "execute_tool", **told) as opened:
        yield opened


def tell_result(opened: Any, result: Any) -> None:
    if settings.SAMURAI_TRACE_TEXTS:
        opened.set_attribute("gen_ai.tool.call.result", _as_json(result))


def _messages(turns: Sequence[Mapping[str, str]]) -> str:
    return json.dumps(
        [
            {
                "role": turn["role"],
                "parts": [{"type": "text", "content": _shortened(turn["content"])}],
            }
            for turn in turns
        ]
    )


def _as_json(value: Any) -> str:
    """Returns the JSON of `value`, made as far as it is told."""
    parts, size = [], 0
    for part in json.JSONEncoder(default=str).iterencode(value):
        parts.append(part)
        size += len(part)
        if size > MAX_TEXT:
            break
    return _shortened("".join(parts))


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… [cut]"


def _named(operation: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return {"gen_ai.operation.name": operation, **named} if operation else named
