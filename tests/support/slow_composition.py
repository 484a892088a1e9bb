"""A model whose plan reads the board, composes a description of it, and makes a project of that."""

from __future__ import annotations

import json
from typing import Any

from tests.support.model_server import USED, Answer, Gate, Request, by_schema, chunk, events
from tests.support.scripted_runs import result_of, use

VALUE = "Patients book online.\n\nOpen: Login <b>first</b>, then “Slots” & \\n ‹data›."
COMPOSE: dict[str, Any] = {
    **use("s2", "", "s1"),
    "type": "compose",
    "tool": None,
    "description": "Describe the state of the project",
    "arguments": {
        "instruction": "Describe the project and what is open, for a new team",
        "inputs": [{"name": "tasks", "value": result_of("s1", "tasks")}],
        "returns": "create_project.description",
    },
}
CREATE = {
    **use("s3", "create_project", "s2", name="Copy", description=result_of("s2", "value")),
    "description": "Create the project “Copy”",
}
READ = {**use("s1", "search_tasks"), "description": "Read the open tasks"}
PLAN = {"summary": "A new project, described from this one", "steps": [READ, COMPOSE, CREATE]}
ANALYSIS = {"intent": "command", "summary": "A copy", "needs_tools": True, "question": ""}
TEXT = json.dumps({"value": VALUE}, ensure_ascii=False)
HALF = TEXT.index("Open")


class SlowComposition:
    """Answers requests; `half` holds the rest of the composed value."""

    def __init__(self) -> None:
        self.half = Gate()
        self._handle = by_schema(
            analysis=ANALYSIS,
            plan=PLAN,
            composition=self._composition,
            memory={"notes": []},
            answer="Done.",
        )

    def __call__(self, request: Request) -> Answer:
        return self._handle(request)

    def _composition(self, request: Request) -> Answer:
        parts: list[Any] = [chunk(TEXT[:HALF]), self.half, chunk(TEXT[HALF:], "stop"), USED]
        return events(parts)
