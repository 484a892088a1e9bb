"""A model that makes six tasks for every message, in a plan whose steps need each other."""

from __future__ import annotations

import random
from typing import Any

from tests.support.model_server import Answer, Handler, Request, by_schema, said

ANALYSIS = {"intent": "command", "summary": "Wants tasks", "needs_tools": True, "question": ""}
# The steps of every plan, each with the one that it needs and whose task its own depends on.
STEPS = {"s1": "", "s2": "", "s3": "s1", "s4": "s3", "s5": "s4", "s6": ""}


def titles(message: str) -> list[str]:
    """Returns the titles of the tasks that `message` makes."""
    return [f"{message}: {step}" for step in STEPS]


def plan_for(request: Request) -> dict[str, Any]:
    return {
        "summary": "Six tasks, three of them one after the other",
        "steps": [
            {
                "id": step,
                "type": "tool",
                "tool": "create_task",
                "description": f"Create “{step}”",
                "arguments": {
                    "title": f"{request.message}: {step}",
                    "depends_on": [{"$from": need, "path": "task_id"}] if need else [],
                },
                "depends_on": [need] if need else [],
            }
            for step, need in STEPS.items()
        ],
    }


def thinking(seconds: tuple[float, float], seed: int = 1) -> Handler:
    """Answers like a model that takes between `seconds` for each call."""
    chance = random.Random(seed)
    answers = by_schema(
        analysis=said(ANALYSIS),
        plan=plan_for,
        memory=said({"notes": []}),
        answer="Done, the six tasks are on the board.",
    )

    def handle(request: Request) -> Answer:
        answer = answers(request)
        pause = chance.uniform(*seconds) / len(answer.parts)
        spread = [item for part in answer.parts for item in (pause, part)]
        return Answer(spread, kind=answer.kind)

    return handle
