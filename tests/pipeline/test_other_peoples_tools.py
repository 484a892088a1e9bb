"""What a tool of another package does wrong is the matter of its step and of nothing else."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.engine import local
from agent.event_log import log
from agent.exceptions import ToolFailed
from agent.llm.base import Analysis, ReadRequest
from agent.models import ChatSession, PlanStep, Project, Task
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from agent.tools import loading, registry
from agent.tools.registry import ToolCall
from tests.support.scripted_runs import create, ended, make_tasks, outcome, plan, use
from tests.support.tools import Said, Text, having

pytestmark = pytest.mark.django_db(transaction=True)

FAILED = "{} failed: unexpected error (see server log)."


@contextmanager
def having_plain(
    name: str, work: Callable[[ToolCall], str], effect: str, **options: Any
) -> Iterator[None]:
    """As `having`, with a plain function, which works on the database."""

    def function(call: ToolCall, arguments: Text) -> Said:
        """Does what a test needs."""
        return Said(text=work(call))

    function.__name__ = name
    function.__annotations__ = {"call": ToolCall, "arguments": Text, "return": Said}
    registry.add(registry.make(function, effect, **options))
    try:
        yield
    finally:
        registry.remove(name)


async def carried_out(session: ChatSession, user: User, *steps: dict[str, Any]) -> dict[str, Any]:
    """Returns status, result and error of the run's steps, by id; the run is over."""
    async with local.executing(ScriptedModel(plans=[plan(*steps)])):
        run = await ended(await runs.start(session.pk, user, MessageRequest("Do it")))
    assert run.status == "succeeded"
    rows = PlanStep.objects.filter(plan__run=run)
    return {row.key: (row.status, row.result, row.error) async for row in rows}


async def test_a_tool_that_exits_fails_its_step_and_ends_no_server(
    session: ChatSession, alice: User
) -> None:
    async def leave(call: ToolCall, given: Text) -> str:
        sys.exit(3)

    with having("leave", leave), having_plain("quit", lambda call: sys.exit(3), "writes"):
        steps = [use("s1", "leave"), use("s2", "quit"), create("s3", "Kept")]
        ends = await carried_out(session, alice, *steps)
    assert ends["s1"] == ("failed", None, FAILED.format("leave"))
    assert ends["s2"] == ("failed", None, FAILED.format("quit"))
    assert ends["s3"][0] == "succeeded"


async def test_what_no_database_stores_is_left_out_of_what_a_tool_says(
    session: ChatSession, alice: User
) -> None:
    async def fetch(call: ToolCall, given: Text) -> str:
        return " A\x00 page \ud800"

    async def refuse(call: ToolCall, given: Text) -> str:
        raise ToolFailed("No \ud800page.")

    with having("fetch", fetch), having("refuse", refuse):
        ends = await carried_out(session, alice, use("s1", "fetch"), use("s2", "refuse"))
    assert ends == {
        "s1": ("succeeded", {"text": " A page "}, ""),
        "s2": ("failed", None, "No page."),
    }


async def test_a_tool_that_says_that_it_reads_changes_nothing(
    session: ChatSession, alice: User, project: Project
) -> None:
    def write(call: ToolCall) -> str:
        return str(Task.objects.filter(project=call.project_id).update(title="Another"))

    await make_tasks(project, "Login")
    with having_plain("look", write, "reads"):
        ends = await carried_out(session, alice, use("s1", "look"))
    assert ends["s1"] == ("succeeded", {"text": "1"}, "")
    assert await Task.objects.filter(title="Login").aexists()


class Held:
    """A function that works until it is let go, at most for some seconds."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, call: ToolCall) -> str:
        self.calls += 1
        self.begun.set()
        return "let go" if self.go.wait(5) else "kept waiting"


async def test_others_commit_while_a_step_reads(session: ChatSession, alice: User) -> None:
    held = Held()
    with having_plain("look", held, "reads"):
        async with local.executing(ScriptedModel(plans=[plan(use("s1", "look"))])):
            run = await runs.start(session.pk, alice, MessageRequest("Do it"))
            await asyncio.to_thread(held.begun.wait, 5)
            await log.append(session.pk, effect=lambda: log.Done(None))
            held.go.set()
            await ended(run)
    step = await PlanStep.objects.aget(plan__run=run)
    assert (step.result, held.calls) == ({"text": "let go"}, 1)


async def test_a_step_that_reads_too_long_fails_at_its_deadline(
    session: ChatSession, alice: User
) -> None:
    held = Held()
    with having_plain("look", held, "reads", timeout=0.05):
        ends = await carried_out(session, alice, use("s1", "look"), create("s2", "Kept"))
        held.go.set()
    assert ends["s1"] == ("failed", None, "look took longer than 0.05 s.")
    assert ends["s2"][0] == "succeeded"


async def test_a_reading_before_the_plan_ends_at_its_deadline(
    session: ChatSession, alice: User
) -> None:
    held = Held()
    wanted = Analysis("question", "What is it?", False, read_first=(ReadRequest("look", {}),))
    with having_plain("look", held, "reads", timeout=0.05):
        async with local.executing(ScriptedModel(analyses=[wanted])):
            run = await ended(await runs.start(session.pk, alice, MessageRequest("What is it?")))
        held.go.set()
    assert run.status == "succeeded"
    kept = await run.phases.aget(phase__startswith="reading")
    assert kept.result["error"] == "look took longer than 0.05 s."


async def test_what_a_plan_only_reads_is_not_read_to_show_its_effects(
    session: ChatSession, alice: User
) -> None:
    held = Held()
    held.go.set()
    request = MessageRequest("Do it", approval="required")
    with having_plain("look", held, "reads"):
        run = await outcome(session, alice, request, use("s1", "look"), create("s2", "Login"))
    assert (run.status, held.calls) == ("waiting", 0)


def test_a_module_that_exits_is_named_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_errors", {})
    monkeypatch.setattr(loading, "import_module", lambda name: sys.exit(1))
    loading.load("their_tools")
    (warning,) = loading.check(None)
    assert "'their_tools' raised SystemExit" in warning.msg
