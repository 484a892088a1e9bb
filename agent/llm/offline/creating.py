"""New tasks: one with all that is said of it, or a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.llm.offline import titles
from agent.llm.offline.grammar import Form
from agent.llm.offline.matching import Gaps, Tokens, key_of
from agent.llm.offline.names import Board, Entry, fits, split
from agent.llm.offline.plan import LONGEST_LIST, MAX_STEPS, Impossible, Plan
from agent.llm.offline.titles import Misread, NewTask, free_text
from agent.llm.offline.tokens import text_of, words_of
from agent.llm.offline.vocabulary import COUNT, OPEN, PRIORITY
from agent.support.words import same_text

_NO_DATES = "Tasks have no dates and repeat nothing: what was said of a time is in the title only."
_UNSURE = "Say “… that depends on …”, “… as a subtask of …”, or put the title into quotes."


class NewTasks:
    """Adds tasks to the board and to the plan. `left_out`: names of what is to be no part of it."""

    def __init__(self, board: Board, plan: Plan, left_out: Sequence[str]) -> None:
        self.board = board
        self.plan = plan
        self.left_out = left_out

    def add(self, form: Form, gaps: Gaps) -> None:
        """Raises Unclear, NotFound, Misread or Impossible before anything is added."""
        tasks = self._read(gaps)
        if "number" in gaps and len(tasks) != COUNT[key_of(gaps["number"])]:
            said = f"You said {key_of(gaps['number'])} tasks, and I count {len(tasks)}."
            raise Impossible(f"{said} Please list one a line.")
        if form.intent == "another":
            before, _, behind = f" {tasks[0].title} ".partition(" it ")
            if behind or {"them", "these", "those"} & {*before.split()}:
                raise Misread("", tasks[0].title, "Please say in its title what it is about.")
        for task in tasks:
            if task.beside and self.board.fitting(text_of(task.beside)):
                raise Impossible(f"Is “{task.title}” a title, or is another task meant? {_UNSURE}")
        parent = None
        if form.intent.startswith("subtask"):
            parent = self.board.one(gaps["parent"]) if "parent" in gaps else self.board.it()
        tasks = [task for task in tasks if not self._is_there(task)]
        if len(tasks) == 1:
            self._add_one(tasks[0], parent)
        else:
            self._add_list(tasks, parent)

    def _read(self, gaps: Gaps) -> list[NewTask]:
        tasks = self._items(gaps["items"]) if "items" in gaps else [titles.new_task(gaps["title"])]
        for task in tasks:
            task.priority = gaps.get("priority", task.priority)
            if "who" in gaps:
                who = titles.capitalised(titles.without_article(free_text(gaps["who"])))
                task.title = f"{who} can {_lower(task.title)}"
        return tasks

    def is_left_out(self, text: str) -> bool:
        return any(fits(name, {"": text}) for name in self.left_out)

    def _items(self, tokens: Tokens) -> list[NewTask]:
        items = [words_of(item) for item in tokens[0].items] or _comma_items(tokens)
        if len(items) == 1 and not tokens[0].items:
            raise Misread("", text_of(tokens), "A list has commas, or an item on each line.")
        if len(items) > MAX_STEPS * LONGEST_LIST:
            said = f"A list of {len(items)} items is too long for one plan."
            raise Impossible(f"{said} Send smaller parts.")
        return [titles.new_task(item) for item in items if not self.is_left_out(text_of(item))]

    def _is_there(self, task: NewTask) -> bool:
        """Tells whether the board has an open task of this title, which is not made twice."""
        if task.tells_date:
            self.plan.note(_NO_DATES)
        wanted = same_text(task.title)
        for entry in self.board.entries.values():
            if entry.status in OPEN and same_text(entry.title) == wanted:
                self.board.add(entry)  # what the message says of its own tasks means this one
                self.plan.note(f"“{entry.title}” is on the board already; I did not make it twice.")
                return True
        return False

    def _add_list(self, tasks: Sequence[NewTask], parent: Entry | None) -> None:
        if any(task.on or task.parent for task in tasks):
            raise Impossible(
                "Say what depends on what, or is a part of what, behind the list: “B depends on A.”"
            )
        within = parent.key if parent else None
        for start in range(0, len(tasks), LONGEST_LIST):
            part = tasks[start : start + LONGEST_LIST]
            items = {"tasks": [_arguments(task, parent) for task in part]}
            needed = [parent] if parent else []
            step = self.plan.add("create_tasks", f"Create {len(part)} tasks", items, (), needed)
            made = [
                Entry(f"{step}.task_ids.{n}", task.title, step=step) for n, task in enumerate(part)
            ]
            for place, entry in enumerate(made):
                entry.place, entry.parent = place, within
            self.board.add(*made)

    def _add_one(self, task: NewTask, parent: Entry | None) -> None:
        needed = self.board.several(task.on).entries if task.on else ()
        parent = self.board.one(task.parent) if task.parent else parent
        arguments = _arguments(task, parent)
        if needed:
            arguments["depends_on"] = [entry.reference for entry in needed]
        others = [*needed, *([parent] if parent else [])]
        step = self.plan.add("create_task", f"Create “{task.title}”", arguments, (), others)
        entry = Entry(f"{step}.task_id", task.title, step=step)
        entry.parent = parent.key if parent else None
        entry.depends_on = [other.key for other in needed]
        self.board.add(entry)


def _arguments(task: NewTask, parent: Entry | None) -> dict[str, Any]:
    given: dict[str, Any] = {"title": task.title}
    given |= {"priority": PRIORITY[key_of(task.priority)]} if task.priority else {}
    given |= {"description": free_text(task.description)} if task.description else {}
    return given | ({"parent": parent.reference} if parent else {})


def _comma_items(tokens: Tokens) -> list[Tokens]:
    """Returns the items of "alpha, beta and gamma"; of "alpha; beta" without looking for an "and"."""
    if any(token.key == ";" for token in tokens):
        return split(tokens, ";")
    *items, last = split(tokens, ",")
    joins = [at for at, token in enumerate(last) if token.key in ("and", "&")]
    ends = (last[: joins[-1]], last[joins[-1] + 1 :]) if joins else (last,)
    return [*items, *(part for part in ends if part)]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
