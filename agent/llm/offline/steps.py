"""Steps of a plan and what there is to say besides, as they are gathered from wish to wish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agent.llm.base import Context
from agent.llm.offline import wishes
from agent.llm.offline.references import Board, Entry, NotFound

MAX_STEPS = 20  # of a plan; one is left for what is to be said
LONGEST_LIST = 100  # of one call of create_tasks
STATUS_WORDS = {
    "pending": "pending",
    "in_progress": "in progress",
    "completed": "done",
    "blocked": "blocked",
}


@dataclass(slots=True)
class Draft:
    """What becomes of a message. `questions` wait for the person; `notes` only tell something."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asides: list[wishes.Aside] = field(default_factory=list)
    recalls: list[wishes.Recall] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)


def answer_step(identifier: str, description: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "type": "answer",
        "tool": None,
        "description": description,
        "arguments": {},
        "depends_on": [],
    }


class StepMaker:
    """Adds steps in their order; knows the board as the steps before will leave it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.board = Board(context)
        self.draft = Draft()
        self._sentence = -1
        self._before: list[str] = []  # the steps that this clause comes after
        self._now: list[str] = []  # those that it runs beside
        self._last_touch: dict[str, str] = {}  # id of an object -> the step that touched it last
        self._remembered: dict[str, None] = {}

    # -- steps

    def _step(
        self, tool: str, description: str, arguments: dict[str, Any], entries: Iterable[Entry] = ()
    ) -> str:
        identifier = f"s{len(self.draft.steps) + 1}"
        depends_on = dict.fromkeys(self._before)
        for entry in entries:
            before = entry.step or self._last_touch.get(str(entry.reference), "")
            if before and before != identifier:
                depends_on[before] = None
            later = self._last_touch.get(name_of(entry))
            if later:
                depends_on[later] = None
        self.draft.steps.append(
            {
                "id": identifier,
                "type": "tool",
                "tool": tool,
                "description": description,
                "arguments": arguments,
                "depends_on": list(depends_on),
            }
        )
        self._now.append(identifier)
        return identifier

    def _on_task(
        self, tool: str, said: str, entry: Entry, others: tuple[Entry, ...] = (), /, **more: Any
    ) -> None:
        """Adds a step that changes `entry`, behind what touched it before."""
        step = self._step(tool, said, {"task": entry.reference, **more}, (entry, *others))
        self._last_touch[name_of(entry)] = step

    def _tasks(self, phrase: str, *, exactly: bool = False) -> tuple[Entry, ...]:
        """Returns the tasks that are meant; asks, and returns none, when that is not clear."""
        found = self.board.find(phrase, exactly=exactly)
        if isinstance(found, NotFound):
            self.draft.questions.append(found.question)
            return ()
        self.board.mention(found.entries)
        return found.entries


def name_of(entry: Entry) -> str:
    """Returns what stands for `entry` among the objects that were touched."""
    reference = entry.reference
    return reference if isinstance(reference, str) else f"{reference['$from']}.{reference['path']}"
