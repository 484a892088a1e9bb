"""New tasks: one with all that is said of it, or a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.llm.offline import titles
from agent.llm.offline.grammar import Form
from agent.llm.offline.matching import Gaps, Tokens, key_of
from agent.llm.offline.names import Board, Entry, split
from agent.llm.offline.plan import LONGEST_LIST, Impossible, Plan
from agent.llm.offline.titles import Misread
from agent.llm.offline.tokens import text_of, words_of
from agent.llm.offline.vocabulary import COUNT, OPEN, PRIORITY
from agent.support.words import same_text


@dataclass(slots=True)
class NewTask:
    """A task as it was asked for, with what was `said` of it behind its title."""

    title: str
    said: Gaps


class NewTasks:
    """Adds tasks to the board and to the plan."""

    def __init__(self, board: Board, plan: Plan) -> None:
        self.board = board
        self.plan = plan

    def add(self, form: Form, gaps: Gaps) -> None:
        """Raises Unclear, NotFound, Misread or Impossible before anything is added."""
        tasks = self._read(gaps)
        if "number" in gaps and len(tasks) != COUNT[key_of(gaps["number"])]:
            said = f"You said {key_of(gaps['number'])} tasks, and I count {len(tasks)}."
            raise Impossible(f"{said} Please list one a line.")
        parent = self.board.one(gaps["parent"]) if "parent" in gaps else None
        tasks = [task for task in tasks if not self._is_there(task)]
        if tasks:
            self._add(tasks, parent)

    def _read(self, gaps: Gaps) -> list[NewTask]:
        items = self._items(gaps["items"]) if "items" in gaps else [gaps["title"]]
        level = {"priority": gaps["priority"]} if "priority" in gaps else {}
        read = map(titles.details, items)
        return [NewTask(titles.title(said["title"]), {**said, **level}) for said in read]

    def _items(self, tokens: Tokens) -> list[Tokens]:
        items = [words_of(item) for item in tokens[0].items] or _comma_items(tokens)
        if len(items) == 1 and not tokens[0].items:
            raise Misread("", text_of(tokens), "A list has commas, or an item on each line.")
        if len(items) > LONGEST_LIST:
            raise Impossible(f"A list of {len(items)} items is too long; {LONGEST_LIST} are read.")
        return items

    def _is_there(self, task: NewTask) -> bool:
        """Tells whether the board has an open task of this title, which is not made twice."""
        wanted = same_text(task.title)
        for entry in self.board.entries.values():
            if entry.status in OPEN and same_text(entry.title) == wanted:
                self.board.add(entry)  # what the message says of its own tasks means this one
                self.plan.say(f"“{entry.title}” is on the board already; I did not make it twice.")
                return True
        return False

    def _add(self, tasks: Sequence[NewTask], parent: Entry | None) -> None:
        items, entries = [], []
        others = [parent] if parent else []
        for task in tasks:
            needed = self.board.several(task.said["on"]) if "on" in task.said else []
            others += needed
            items.append(_arguments(task, parent, needed))
            entries.append(Entry("", task.title, parent=parent.key if parent else None))
            entries[-1].depends_on = [other.key for other in needed]
        if len(items) == 1:
            step = self.plan.add("create_task", f"Create “{tasks[0].title}”", items[0], (), others)
        else:
            name = f"Create {len(items)} tasks"
            step = self.plan.add("create_tasks", name, {"tasks": items}, (), others)
        for place, entry in enumerate(entries):
            entry.step = step
            entry.key = f"{step}.task_id" if len(items) == 1 else f"{step}.task_ids.{place}"
        self.board.add(*entries)


def _arguments(task: NewTask, parent: Entry | None, needed: Sequence[Entry]) -> dict[str, Any]:
    priority = PRIORITY[key_of(task.said["priority"])] if "priority" in task.said else None
    on = [entry.reference for entry in needed]
    within = parent.reference if parent else None
    given = {"title": task.title, "priority": priority, "depends_on": on, "parent": within}
    return {name: value for name, value in given.items() if value}


def _comma_items(tokens: Tokens) -> list[Tokens]:
    """Returns the items of "alpha, beta and gamma"; in "alpha; beta" an "and" is no sign."""
    if any(token.key == ";" for token in tokens):
        return split(tokens, ";")
    *items, last = split(tokens, ",")
    joins = [at for at, token in enumerate(last) if token.key in ("and", "&")]
    at = joins[-1] if joins else 0
    return [*items, *(part for part in (last[:at], last[at + bool(joins) :]) if part)]
