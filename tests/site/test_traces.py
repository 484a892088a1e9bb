"""The spans that real processes send to a receiver of OTLP: names, parents and attributes, and no text."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from agent.support import tracing
from tests.support import failing_tools
from tests.support.databases import seeded_database
from tests.support.model_server import ModelServer
from tests.support.otlp_receiver import Receiver, Span
from tests.support.server import (
    PATIENCE,
    ROOT,
    ServerProcess,
    WorkerProcess,
    environment,
    free_port,
    say,
    watching,
)

MARK = "Zwiebelkuchen"
AGENT = "invoke_agent Samurai Agent"
CLIENT = 3  # the kind of a span


def env_of(receiver: Receiver, model: ModelServer, **more: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",  # milliseconds until spans are sent
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": f"sk-{MARK}",
        **more,
    }


async def played(server: ServerProcess, traceparent: str = "") -> str:
    headers = {"Authorization": f"Token {server.cast['alice']['token']}"}
    if traceparent:
        headers["traceparent"] = traceparent
    async with watching(server, headers=headers) as viewer:
        return str((await say(viewer, f"Please make {MARK}"))[-1]["run"])


def tree(spans: list[Span]) -> dict[str, set[str]]:
    """Returns by name of a span the names of those above it."""
    by_id = {span.id: span for span in spans}
    above: dict[str, set[str]] = {}
    for span in spans:
        parent = by_id[span.parent].name if span.parent in by_id else span.parent
        above.setdefault(span.name, set()).add(parent)
    return above


def check_run(spans: list[Span], run: str, session: str) -> None:
    """Checks the spans of one run of `failing_tools`."""
    above = tree(spans)
    phases = ("context", "analyzing", "planning", "validation", "execution", "memory", "completion")
    assert {name for name in above if name.startswith("phase ")} == {f"phase {p}" for p in phases}
    assert all(above[f"phase {phase}"] == {AGENT} for phase in phases)
    # The second plan is made after a step has failed.
    assert above["plan Samurai Agent"] == {"phase planning", "phase execution"}
    calls = {"phase analyzing", "plan Samurai Agent", "phase memory", "phase completion"}
    assert calls <= above["chat gpt-5-mini"]
    tools = {f"execute_tool {name}" for name in ("create_task", *failing_tools.STEPS)}
    assert {name for name in above if name.startswith("execute_tool")} == tools
    assert all(above[name] == {"phase execution"} for name in tools)
    assert "execute_tool create_task" in above["commit"]

    (whole,) = [span for span in spans if span.name == AGENT]
    told = whole.attributes
    assert told["gen_ai.operation.name"] == "invoke_agent"
    assert told["gen_ai.agent.name"] == "Samurai Agent"
    assert told["gen_ai.provider.name"] == "openai"
    assert (told["gen_ai.conversation.id"], told["samurai.run.id"]) == (session, run)
    assert told["samurai.run.status"] == "succeeded"
    assert told["gen_ai.request.model"] == "gpt-5-mini"
    assert whole.service == "samurai-agent"
    calls_of_model = [span for span in spans if span.name == "chat gpt-5-mini"]
    for one in calls_of_model:
        assert one.kind == CLIENT
        assert one.attributes["gen_ai.operation.name"] == "chat"
        assert one.attributes["server.address"] == "127.0.0.1"
        assert one.attributes["gen_ai.usage.output_tokens"] > 0
    of_calls = [span.attributes["gen_ai.usage.input_tokens"] for span in calls_of_model]
    assert told["gen_ai.usage.input_tokens"] == sum(of_calls)
    for span in spans:
        assert whole.begin <= span.begin <= span.end
        assert span.events == 0  # an exception would have texts
    for name in failing_tools.STEPS:
        (tool,) = [span for span in spans if span.name == f"execute_tool {name}"]
        assert tool.failed
        assert tool.attributes["gen_ai.tool.name"] == name
        assert tool.attributes["error.type"] in ("ValueError", "KeyError", "RuntimeError")
    called = [span.attributes for span in spans if span.name.startswith("execute_tool")]
    assert {one["gen_ai.tool.call.id"] for one in called} >= {"s1", "s2", "s3", "s4"}
    (validation,) = [span for span in spans if span.name == "phase validation"]
    plan = validation.attributes
    assert plan["samurai.plan.steps"] >= 4
    assert plan["samurai.plan.tools"] == ["create_task", *failing_tools.STEPS]
    assert (len(plan["samurai.plan.digest"]), plan["samurai.plan.problems"]) == (64, 0)


async def test_the_spans_of_a_run_have_the_names_of_the_conventions_and_no_text(
    make_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    with Receiver() as receiver, ModelServer(failing_tools.planning(MARK)) as model:
        env = env_of(receiver, model, **failing_tools.installed(tmp_path))
        server = await asyncio.to_thread(lambda: make_server(**env))
        run = await played(server)
        spans = await asyncio.to_thread(receiver.wait_for, lambda span: span.name == AGENT)
    assert receiver.paths == {"/v1/traces"}
    check_run(spans, run, server.session)
    assert {span.trace for span in spans} == {UUID(run).hex}
    assert MARK not in repr(spans)
    (whole,) = [span for span in spans if span.name == AGENT]
    assert whole.parent == ""


async def test_texts_are_sent_when_a_setting_asks_for_them(
    make_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    with Receiver() as receiver, ModelServer(failing_tools.planning(MARK)) as model:
        more = {**failing_tools.installed(tmp_path), "SAMURAI_TRACE_TEXTS": "true"}
        env = env_of(receiver, model, **more)
        server = await asyncio.to_thread(lambda: make_server(**env))
        await played(server)
        spans = await asyncio.to_thread(receiver.wait_for, lambda span: span.name == AGENT)
    called = [span.attributes for span in spans if span.name == "chat gpt-5-mini"]
    assert all(f"Please make {MARK}" in one["gen_ai.input.messages"] for one in called)
    assert any(f"Done, {MARK}." in one["gen_ai.output.messages"] for one in called)
    (tool,) = [one.attributes for one in spans if one.name == "execute_tool create_task"]
    assert MARK in tool["gen_ai.tool.call.arguments"]
    assert "task_id" in tool["gen_ai.tool.call.result"]


@pytest.mark.postgresql
@pytest.mark.redis
async def test_a_worker_continues_the_trace_of_the_request(tmp_path: Path) -> None:
    trace, above = secrets.token_hex(16), secrets.token_hex(8)
    with (
        Receiver() as receiver,
        ModelServer(failing_tools.planning(MARK)) as model,
        seeded_database(tmp_path) as (url, seed),
    ):
        queue = {
            "DATABASE_URL": url,
            "REDIS_URL": os.environ["TEST_REDIS_URL"],
            "SAMURAI_ENGINE": "procrastinate",
        }
        env = env_of(receiver, model, **failing_tools.installed(tmp_path), **queue)
        server = ServerProcess(tmp_path, seed, **env)
        worker = WorkerProcess(tmp_path, "worker", **env)
        try:
            worker.start()
            await asyncio.to_thread(server.start)
            run = await played(server, f"00-{trace}-{above}-01")
            spans = await asyncio.to_thread(receiver.wait_for, lambda span: span.name == AGENT)
        finally:
            worker.stop(signal.SIGKILL)
            server.stop(signal.SIGKILL)
    check_run(spans, run, server.session)
    assert {span.trace for span in spans} == {trace}
    assert tree(spans)[AGENT] == {above}


async def test_a_receiver_that_is_away_holds_up_neither_a_run_nor_the_stop(
    make_server: Callable[..., ServerProcess],
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    server = await asyncio.to_thread(lambda: make_server(**env))
    async with watching(server) as viewer:
        assert (await say(viewer, "Create a task to sweep"))[-1]["type"] == "complete"
    began = time.monotonic()
    await asyncio.to_thread(server.stop)
    assert time.monotonic() - began < PATIENCE


def test_nothing_of_opentelemetry_is_imported_without_the_setting(migrated_var: Path) -> None:
    code = """
import asyncio, sys
from agent.agent import PlanningFirstAgent
from agent.management.commands.setup import create_first_project
from agent.models import Project
create_first_project()
run = PlanningFirstAgent().process_user_message("Create a task to sweep", Project.objects.get().pk)
print(asyncio.run(run).status, [name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", code],
        cwd=ROOT,
        env={**environment(migrated_var), "DJANGO_ALLOW_ASYNC_UNSAFE": "1"},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.stdout == "succeeded []\n", done.stderr
    assert tracing.tracer is None
