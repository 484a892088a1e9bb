"""Steps of a plan and what there is to say besides, as they are gathered from wish to wish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agent.llm.base import Context
from agent.llm.offline import wishes
from agent.llm.offline.groups import OPEN
from agent.llm.offline.references import Board, Entry, Found, NotFound

MAX_STEPS = 20  # of a plan; one is left for what is to be said
LONGEST_LIST = 100  # of one call of a tool that takes several tasks
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
    facts: list[str] = field(default_factory=list)  # what the board says, when it was asked
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

    def _on_tasks(self, tool: str, said: str, found: Found, /, *others: Entry, **more: Any) -> None:
        """Adds one step that changes all that was found; `said` has a place for what they are."""
        if found.search:
            self._on_all(tool, said, found, more)
            return
        for start in range(0, len(found.entries), LONGEST_LIST):
            entries = found.entries[start : start + LONGEST_LIST]
            references = [entry.reference for entry in entries]
            names = f"{len(entries)} tasks"
            behind = (*entries, *others)
            step = self._step(tool, said.format(names), {"tasks": references, **more}, behind)
            self._last_touch.update((name_of(entry), step) for entry in entries)

    def _on_all(self, tool: str, said: str, found: Found, more: dict[str, Any]) -> None:
        """Finds the tasks by a step of its own: there are more than are known here."""
        asked = {"status": list(found.search), "limit": LONGEST_LIST}
        search = self._step("search_tasks", "Find the tasks", asked)
        behind, self._before = self._before, [search]
        tasks = {"$from": search, "path": "task_ids"}
        self._step(tool, said.format("the tasks found"), {"tasks": tasks, **more}, found.entries)
        self._before = behind
        self.draft.notes.append(
            f"I take at most {LONGEST_LIST} tasks at once; say it again for more."
        )

    def _find(self, phrase: str, among: tuple[str, ...], *, exactly: bool = False) -> Found:
        """Returns the tasks that are meant; asks, and finds none, when that is not clear."""
        found = self.board.find(phrase, exactly=exactly, among=among)
        if isinstance(found, NotFound):
            self.draft.questions.append(found.question)
            return Found(())
        self.board.mention(found.entries)
        return found

    def _tasks(self, phrase: str) -> tuple[Entry, ...]:
        return self._find(phrase, OPEN).entries


def name_of(entry: Entry) -> str:
    """Returns what stands for `entry` among the objects that were touched."""
    reference = entry.reference
    return reference if isinstance(reference, str) else f"{reference['$from']}.{reference['path']}"
