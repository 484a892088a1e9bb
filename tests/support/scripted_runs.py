"""Runs in this process, of a model that says what a test wrote."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.agent import AgentResult, PlanningFirstAgent
from agent.board import tasks
from agent.engine import local
from agent.models import ChatSession, Event, Project, Run, Task
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel


def create(key: str, title: str, *needs: str) -> dict[str, Any]:
    return {
        "id": key,
        "type": "tool",
        "tool": "create_task",
        "description": f"Create “{title}”",
        "arguments": {"title": title},
        "depends_on": list(needs),
    }


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"summary": "A plan", "steps": list(steps)}


async def process(
    model: ScriptedModel,
    project: Project,
    session: ChatSession | None = None,
    message: str = "Do it",
    **more: Any,
) -> AgentResult:
    agent = PlanningFirstAgent(model)
    return await agent.process_user_message(
        message, project.pk, session_id=session.pk if session else None, **more
    )


@sync_to_async
def log_of(session: ChatSession) -> list[dict[str, Any]]:
    bodies = Event.objects.filter(session=session).order_by("seq").values_list("body", flat=True)
    return [json.loads(body) for body in bodies]


def use(key: str, tool: str, /, *needs: str, **arguments: Any) -> dict[str, Any]:
    step = create(key, tool, *needs)
    return {**step, "tool": tool, "description": f"{tool} {key}", "arguments": arguments}


def compose(key: str, returns: str, *needs: str, **inputs: Any) -> dict[str, Any]:
    """Returns a step that composes; `inputs`: literals, or placeholders such as `result_of` returns."""
    arguments = {"instruction": f"Write {returns}", "inputs": inputs, "returns": returns}
    return {**use(key, "", *needs, **arguments), "type": "compose", "description": f"Compose {key}"}


def result_of(key: str, path: str) -> dict[str, str]:
    return {"$from": key, "path": path}


@sync_to_async
def make_tasks(project: Project, *titles: str) -> list[Task]:
    items = [tasks.NewTask(title) for title in titles]
    return tasks.create_tasks(project_id=project.pk, items=items)[0]


async def outcome(
    session: ChatSession, user: User, request: MessageRequest, *steps: dict[str, Any]
) -> Run:
    """Has a plan of `steps` made for the message, and returns the run when it waits or is over."""
    async with local.executing(ScriptedModel(plans=[plan(*steps)])):
        run = await runs.start(session.pk, user, request)
        while run.status in (Run.Status.QUEUED, Run.Status.RUNNING):
            await run.arefresh_from_db()
    return run


async def ended(run: Run) -> Run:
    async with asyncio.timeout(20):
        while True:
            await run.arefresh_from_db()
            if run.status not in Run.UNFINISHED:
                return run
            await asyncio.sleep(0.02)


async def status(run: Run, wanted: str) -> None:
    async with asyncio.timeout(20):
        while run.status != wanted:
            await run.arefresh_from_db()
            await asyncio.sleep(0.02)
