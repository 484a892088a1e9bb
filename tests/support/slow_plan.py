"""A model that thinks, and then writes a plan of two steps; gates hold it in between."""

from __future__ import annotations

import json
from typing import Any

from tests.support.model_server import (
    USED,
    Answer,
    Gate,
    ModelServer,
    Request,
    by_schema,
    chunk,
    events,
)

STEPS = [
    {
        "id": f"s{number}",
        "type": "tool",
        "tool": "create_task",
        "description": f"Create “{title}” <b>now</b>",
        "arguments": {"title": title},
        "depends_on": [],
    }
    for number, title in enumerate(("Sign-up", "Sign-in"), 1)
]
PLAN = {"summary": "Two tasks", "steps": STEPS}
TEXT = json.dumps(PLAN, ensure_ascii=False)
HALF = TEXT.index('"s2"')  # the first step is written
THOUGHT = "They want <i>two</i> tasks."
ANALYSIS = {"intent": "command", "summary": "Wants tasks", "needs_tools": True, "question": ""}


class SlowPlan:
    """Answers requests. `asked`: before the first byte of the plan, `thought`: after the reasoning,
    `half`: after the first step.
    """

    def __init__(self) -> None:
        self.asked, self.thought, self.half = Gate(), Gate(), Gate()
        self._handle = by_schema(
            analysis=ANALYSIS, plan=self._plan, memory={"notes": []}, answer="Done."
        )

    def __call__(self, request: Request) -> Answer:
        return self._handle(request)

    def _plan(self, request: Request) -> Answer:
        parts: list[Any] = [
            *(self.asked, chunk(None, reasoning_content=THOUGHT), self.thought),
            *(chunk(TEXT[:HALF]), self.half, chunk(TEXT[HALF:], "stop"), USED),
        ]
        return events(parts)

    def open(self) -> None:
        for gate in (self.asked, self.thought, self.half):
            gate.open()


def settings_of(model: ModelServer) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "key",
        "OPENAI_BASE_URL": model.base_url,
        "SAMURAI_MODEL": "slow-model",
    }
