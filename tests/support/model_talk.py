"""What the tests of the model share: a small context, its right answers, and a connected server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pytest_django import Settings

from agent.llm import capabilities, retries
from agent.llm.base import (
    Analysis,
    Context,
    Outcome,
    ToolSpec,
)
from agent.llm.openai import OpenAIModel
from tests.support.model_server import (
    ModelServer,
)

KEY = "secret-0123456789"
ANALYSIS = {"intent": "question", "summary": "Asks", "needs_tools": False, "question": ""}
TEXT = json.dumps(ANALYSIS)
ANALYZED = Analysis("question", "Asks", needs_tools=False)
NOTHING = Outcome("question", "")
CONTEXT = Context("What is open?", "Clinic booking")
CREATE = ToolSpec(
    "create_task",
    "Creates a task.",
    {
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": 200},
            "description": {"type": "string", "default": ""},
            "priority": {"enum": ["low", "medium", "high"], "type": "string", "default": "medium"},
            "parent": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "depends_on": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        "required": ["title"],
        "additionalProperties": False,
    },
    {"type": "object", "properties": {"task_id": {"type": "string"}}, "required": ["task_id"]},
)
STEP = {
    "id": "s1",
    "type": "tool",
    "tool": "create_task",
    "description": "Create “Login”",
    "arguments": {"title": "Login"},
    "depends_on": [],
}
PLAN = {"summary": "One task", "steps": [STEP]}


@contextmanager
def connected(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Runs a model server that the settings name, of which nothing is known yet."""
    capabilities.forget()
    monkeypatch.setattr(retries, "BACKOFF", 0.01)
    with ModelServer() as server:
        settings.OPENAI_API_KEY = KEY
        settings.OPENAI_BASE_URL = server.base_url
        settings.SAMURAI_MODEL = "small-model"
        settings.SAMURAI_MODEL_TIMEOUT = 20
        yield server


async def analyze(context: Context = CONTEXT) -> Analysis:
    return await OpenAIModel().analyze(context)


async def answer(model: OpenAIModel | None = None) -> list[str]:
    model = model or OpenAIModel()
    return [piece async for piece in model.answer(CONTEXT, ANALYZED, NOTHING)]


def forms(server: ModelServer) -> list[str]:
    return [request.form for request in server.requests]
