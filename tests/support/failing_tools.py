"""A package of tools that fail and log, in every thread that a run has, and a model that plans them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.model_server import Handler, Request, by_schema
from tests.support.server import ROOT

APPS = """
from django.apps import AppConfig

class FailingToolsConfig(AppConfig):
    name = "failing_tools"

    def ready(self):
        from agent.tools.loading import load
        load("failing_tools.tools")
"""
# `agent.*`: a logger that writes what is below a warning, too.
TOOLS = '''
import asyncio
import logging

from agent.tools.registry import Result, ToolCall, tool

logger = logging.getLogger("agent.failing_tools")

class Nothing(Result):
    done: bool

@tool("writes", alters=0)
def fail_in_commit(call: ToolCall, text: str) -> Nothing:
    """Fails inside of the commit."""
    logger.info("In the commit")
    raise ValueError(text)

@tool("reads")
def fail_while_reading(call: ToolCall, text: str) -> Nothing:
    """Fails in the thread of a reading."""
    logger.info("In the reading")
    raise KeyError(text)

@tool("reads")
async def fail_outside(call: ToolCall, text: str) -> Nothing:
    """Fails on the event loop, after it worked in a thread."""
    await asyncio.to_thread(logger.info, "In a thread")
    raise RuntimeError(f"failed for {text}")
'''
STEPS = ("fail_in_commit", "fail_while_reading", "fail_outside")


def installed(folder: Path) -> dict[str, str]:
    """Writes the package below `folder`; returns the environment of a server that has it."""
    package = folder / "failing_tools"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "apps.py").write_text(APPS)
    (package / "tools.py").write_text(TOOLS)
    return {"SAMURAI_APPS": "failing_tools", "PYTHONPATH": f"{ROOT}:{folder}"}


def planning(text: str) -> Handler:
    """Returns a model that plans a task and all failing tools, with `text` in all that it says."""

    def analysis(request: Request) -> dict[str, Any]:
        return {"intent": "command", "summary": text, "needs_tools": True, "question": ""}

    def plan(request: Request) -> dict[str, Any]:
        created = {"title": f"Task {text}"}
        calls = [("create_task", created), *((name, {"text": text}) for name in STEPS)]
        steps = [
            {
                "id": f"{text}-{number}",
                "type": "tool",
                "tool": name,
                "description": f"{name} {text}",
                "arguments": arguments,
                "depends_on": [],
            }
            for number, (name, arguments) in enumerate(calls, 1)
        ]
        return {"summary": text, "steps": steps}

    notes = [{"kind": text, "title": text, "content": text}]
    return by_schema(analysis=analysis, plan=plan, memory={"notes": notes}, answer=f"Done, {text}.")
