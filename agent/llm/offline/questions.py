"""Answers of the board, each by the function with the name of an intent, and of memory. Nothing changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.llm.base import MemoryBrief
from agent.llm.offline.names import SEEN, Board, Entry
from agent.llm.offline.vocabulary import OPEN, STATUS_NAMES
from agent.support.words import stems

_SHOWN = 10


def quoted(entries: Iterable[Entry], sign: str = ", ") -> str:
    return sign.join(f"“{entry.title}”" for entry in entries)


def needs(board: Board, entry: Entry) -> str:
    needed = board.titles(entry.task.depends_on)
    still_open = _still_open(board, entry)
    head = f"“{entry.title}” is marked as blocked. " if entry.task.status == "blocked" else ""
    on = f"{quoted(needed)}, and all of that is done" if needed else "no other task"
    on = f"{quoted(still_open)}, not yet done" if still_open else on
    return f"{head}“{entry.title}” depends on {on}."


def _still_open(board: Board, entry: Entry) -> list[Entry]:
    """Returns the tasks that this one waits for."""
    return [one for one in board.titles(entry.task.depends_on) if one.task.status in OPEN]


def needed_by(board: Board, entry: Entry) -> str:
    found = [other for other in board.entries.values() if entry.key in other.task.depends_on]
    verb = "depends" if len(found) <= 1 else "depend"
    return f"{quoted(found) or 'Nothing'} {verb} on “{entry.title}”.{_unseen(board)}"


def about(board: Board, entry: Entry) -> str:
    task = entry.task
    texts = [f"“{task.title}” is {STATUS_NAMES[task.status]}, with {task.priority} priority."]
    hours = "hour" if task.estimate == 1 else "hours"
    planned = [
        f"due {task.due}" if task.due else "",
        f"assigned to {task.assignee}" if task.assignee else "",
        f"estimated at {task.estimate:g} {hours}" if task.estimate else "",
        f"labelled {', '.join(task.labels)}" if task.labels else "",
    ]
    texts += [f"It is {', '.join(filter(None, planned))}."] if any(planned) else []
    texts += [f"It is a part of {quoted([one])}." for one in board.titles([task.parent or ""])]
    texts += [needs(board, entry)] if task.depends_on else []
    children = [other for other in board.entries.values() if other.task.parent == entry.key]
    texts += [f"Its subtasks: {quoted(children)}."] if children else []
    lines = (f"- {one['text']}{' (met)' if one.get('done') else ''}" for one in task.criteria)
    criteria = "\n".join(lines)
    parts = [" ".join(texts), task.description, criteria and f"Acceptance criteria:\n\n{criteria}"]
    return "\n\n".join(part for part in parts if part.strip())


def ready(board: Board) -> str:
    """Says what is under way, then what waits for nothing, the most important first."""
    tasks = board.titles(board.order)
    begun = [entry for entry in tasks if entry.task.status == "in_progress"]
    free = [one for one in tasks if one.task.status == "pending" and not _still_open(board, one)]
    free.sort(key=lambda entry: ("high", "medium", "low").index(entry.task.priority))
    if not tasks:
        return "Nothing is open."
    if not begun and not free:
        return f"Every open task is blocked, or waits for another one.{_unseen(board)}"
    texts = [f"Go on with {quoted(begun[:3])}."] if begun else []
    texts += [f"{'Then' if begun else 'Next'}: {quoted(free[:3])}."] if free else []
    return " ".join(texts) + _unseen(board)


def remembered(topic: str, memories: Sequence[MemoryBrief], kind: str) -> str:
    """Quotes what memory says about `topic`; all decisions when it is asked for one and has none."""
    wanted = stems(topic)
    relevant = [one for one in memories if wanted and wanted <= stems(f"{one.title} {one.content}")]
    found = [one for one in relevant if kind in ("", one.kind)] or relevant
    others = [one for one in memories if kind and one.kind == kind]
    lines = "\n".join(f"- {memory.content}" for memory in (found or others)[:_SHOWN])
    if found:
        return f"What I remember about “{topic}”:\n\n{lines}"
    nothing = f"I find nothing about “{topic}” in memory."
    return f"{nothing} The {kind}s that I find:\n\n{lines}" if others else nothing


def _unseen(board: Board) -> str:
    """Returns what an answer leaves out when the board holds more than is known here."""
    return f" I looked at {SEEN}." if board.cut else ""
