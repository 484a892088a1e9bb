"""Counts the calls and prompt tokens of a run for each kind of message: a part of `make bench` on request.

With 0, 15 and 100 tasks on the board, in-process on SQLite, against a server whose answers are
scripted. The tokens are those that the product estimates for the prompts as they were sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.results import Bar, Row, add  # noqa: E402  (the path first)
from tests.support.model_server import (  # noqa: E402
    EVENTS,
    Answer,
    ModelServer,
    Request,
    by_schema,
    said,
)
from tests.support.server import environment  # noqa: E402

TASKS = (0, 15, 100)
DESCRIPTION = "What has to be done, in one sentence."
# By kind: the message, whether it needs tools, the titles that the plan creates, the bar of calls.
KINDS: dict[str, tuple[str, bool, tuple[str, ...], int]] = {
    "greeting": ("Hi", False, (), 2),
    "question": ("Which database do we use?", False, (), 2),
    "command": ("Create a task for the login page", True, ("Login page",), 3),
    "plan": ("Plan the first release", True, ("Sign-up", "Booking", "Reminder", "Launch"), 4),
    "reading": ("Split what is open", True, ("Sign-up",), 3),
    "ask": ("Delete the login task", True, (), 1),
}
CALLS, TOKENS = "Calls to the model of one run", "Prompt tokens of one run"
EACH = "Prompt tokens of each call"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ModelServer(by_kind()) as server:
        env = environment(Path(folder))
        env |= {"DJANGO_SETTINGS_MODULE": "samurai_site.settings", "SAMURAI_MODEL": "scripted"}
        env |= {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "scripted"}
        command = [sys.executable, __file__]
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE)
    figures = [json.loads(line) for line in done.stdout.decode().splitlines()]
    for kind, tasks, used in figures:
        add(Row(CALLS, f"{kind}, {tasks} tasks", "calls", [len(used)], Bar(KINDS[kind][3])))
    for kind, tasks, used in figures:
        tokens = sum(tokens for _, tokens in used)
        add(Row(TOKENS, f"{kind}, {tasks} tasks", "tokens", [tokens]))
    for kind, tasks, used in figures:
        for verb, tokens in used:
            add(Row(EACH, f"{kind}: {verb}, {tasks} tasks", "tokens", [tokens]))


def by_kind() -> Any:
    """Returns the handler of the scripted server. It reports the size of each prompt as its usage."""
    from agent.llm.tokens import estimate

    answers = by_schema(analysis=_analysis, plan=_plan, memory={"notes": []}, answer="Done.")

    def handle(request: Request) -> Answer:
        answer = answers(request)
        used = {"prompt_tokens": estimate(request.text), "completion_tokens": 10}
        event = {"choices": [], "usage": used}
        if answer.kind == EVENTS:
            answer.parts.insert(-1, f"data: {json.dumps(event)}\n\n".encode())
        else:
            whole = b"".join(part for part in answer.parts if isinstance(part, bytes))
            answer.parts = [json.dumps({**json.loads(whole), "usage": used}).encode()]
        return answer

    return handle


def _kind_of(request: Request) -> str:
    return next(kind for kind, (message, *_) in KINDS.items() if message == request.message)


def _analysis(request: Request) -> Answer:
    kind = _kind_of(request)
    intent = kind if kind in ("greeting", "question") else "command"
    question = "Which of the two do you mean?" if kind == "ask" else None
    needs_tools = KINDS[kind][1]
    told = {"summary": "Understood", "needs_tools": needs_tools, "question": question}
    reads = [{"tool": "search_tasks", "arguments": {}}] if kind == "reading" else []
    more = {"search": "", "tells": kind == "plan", "read_first": reads}
    return said({"intent": intent, **told, **more})


def _plan(request: Request) -> Answer:
    titles = KINDS[_kind_of(request)][2]
    steps = [
        {
            "id": f"s{number}",
            "type": "tool",
            "tool": "create_task",
            "description": f"Create “{title}”",
            "arguments": {"title": title},
            "depends_on": [],
        }
        for number, title in enumerate(titles, 1)
    ]
    return said({"summary": "", "steps": steps})


def measure() -> None:
    """Prints the kind, the tasks, and verb and prompt tokens of each call of each run, as JSON."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    for tasks in TASKS:
        for kind in KINDS:
            project = _project(tasks)
            used = asyncio.run(_run(project, KINDS[kind][0]))
            print(json.dumps([kind, tasks, used]), flush=True)


def _project(number: int) -> Any:
    from django.contrib.auth.models import User

    from agent.board import tasks
    from agent.models import Project

    owner, _ = User.objects.get_or_create(username="bench")
    project = Project.objects.create(name="Clinic booking", owner=owner)
    items = [
        tasks.NewTask(f"Task {n} of the release", more={"description": DESCRIPTION})
        for n in range(number)
    ]
    tasks.create_tasks(project_id=project.pk, items=items)
    return project.pk


async def _run(project: Any, message: str) -> list[tuple[str, int]]:
    from agent.agent import PlanningFirstAgent
    from agent.models import ModelCall

    result = await PlanningFirstAgent().process_user_message(message, project)
    assert result.status == "succeeded", result.error
    calls = ModelCall.objects.filter(run=result.run).values_list("verb", "input_tokens")
    used = [call async for call in calls]
    assert len(used) == result.usage["calls"], "each call is kept"
    return used


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    measure()
