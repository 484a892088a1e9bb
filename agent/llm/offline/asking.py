"""Answers questions about the board: from what is known here, or by a search. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.llm.offline import wishes
from agent.llm.offline.creation_steps import TaskMaker
from agent.llm.offline.groups import EVERY, OPEN
from agent.llm.offline.references import Entry
from agent.llm.offline.steps import STATUS_WORDS
from agent.llm.offline.titles import clean, cut

_RANK = {"high": 0, "medium": 1, "low": 2}
NEXT = 3  # so many tasks to begin with are named; more is the board itself


class BoardReader(TaskMaker):
    """What reads the board as it is."""

    def ask_board(self, wish: wishes.AskBoard) -> None:
        if wish.kind == "next":
            self.draft.facts.append(self._next())
            return
        if wish.kind == "group":
            phrase = wish.task
            if not phrase.startswith("everything"):
                phrase = f"all {phrase}" if "tasks" in phrase else f"all {phrase} tasks"
            found = self._find(phrase, OPEN).entries
            self.draft.facts += [_list("There are", found)] if found else []
            return
        for entry in self._find(wish.task, EVERY).entries[:1]:
            self.draft.facts.append(self._told(entry, wish.kind))

    def list_tasks(self, wish: wishes.ListTasks) -> None:
        arguments: dict[str, Any] = {"limit": 50}
        if wish.query:
            arguments["query"] = clean(wish.query)
        if wish.statuses:
            arguments["status"] = list(wish.statuses)
        kind = (
            "open"
            if len(wish.statuses) == 3
            else STATUS_WORDS[wish.statuses[0]]
            if len(wish.statuses) == 1
            else ""
        )
        about = f" about “{clean(wish.query)}”" if wish.query else ""
        self._step(
            "search_tasks",
            f"{'Search' if about else 'List'} the {kind} tasks{about}".replace("  ", " "),
            arguments,
        )

    def _told(self, entry: Entry, kind: str) -> str:
        title = f"“{entry.title}”"
        if kind == "needed_by":
            others = [one for one in self.board if entry in one.depends_on]
            return _list(f"What depends on {title}", others) or f"Nothing depends on {title}."
        if kind == "needs":
            return self._needs(entry)
        if kind == "subtasks":
            parts = [one for one in self.board if one.parent == entry.reference]
            return _list(f"The subtasks of {title}", parts) or f"{title} has no subtasks."
        return self._all_about(entry)

    def _needs(self, entry: Entry) -> str:
        title = f"“{entry.title}”"
        if entry.status == "completed":
            return f"{title} is done."
        left = [one for one in entry.depends_on if one.status != "completed"]
        if left:
            return _list(f"{title} waits for", left)
        why = " It is marked as blocked, without a task that it waits for." * (
            entry.status == "blocked"
        )
        if entry.depends_on:
            return f"All that {title} depends on is done: {_names(entry.depends_on)}.{why}"
        return f"{title} depends on no other task.{why}"

    def _all_about(self, entry: Entry) -> str:
        lines = [f"“{entry.title}” is {STATUS_WORDS[entry.status]}, {entry.priority} priority."]
        if entry.description:
            lines.append("> " + cut(entry.description, 2000).replace("\n", "\n> "))
        if entry.depends_on:
            lines.append(f"It depends on {_names(entry.depends_on)}.")
        parts = [one for one in self.board if one.parent and one.parent == entry.reference]
        if parts:
            lines.append(f"Its subtasks are {_names(parts)}.")
        return "\n\n".join(lines)

    def _next(self) -> str:
        """What is begun goes first; then what waits for nothing, by priority, in board order."""
        begun = [one for one in self.board if one.status == "in_progress"]
        ready = [one for one in self.board if one.status == "pending" and not _waits(one)]
        ready.sort(key=lambda one: _RANK.get(one.priority, 1))
        if not begun and not ready:
            waiting = [one for one in self.board if one.status in ("pending", "blocked")]
            if not waiting:
                return "Nothing is open. What is to be done?"
            return _list("Nothing can be begun: everything that is open waits", waiting)
        told = [_list("Go on with", begun)] if begun else []
        if ready:
            told.append(_list("Then" if begun else "I would begin with", ready[:NEXT]))
        return "\n\n".join(told)


def _waits(entry: Entry) -> bool:
    return any(one.status != "completed" for one in entry.depends_on)


def _names(entries: Iterable[Entry]) -> str:
    return " and ".join(f"“{one.title}”" for one in entries)


def _list(head: str, entries: Iterable[Entry]) -> str:
    lines = [f"- {one.title} ({_state(one)})" for one in entries]
    return f"{head}:\n\n" + "\n".join(lines) if lines else ""


def _state(entry: Entry) -> str:
    rank = f", {entry.priority} priority" if entry.priority in ("high", "low") else ""
    return f"{STATUS_WORDS[entry.status]}{rank}"
