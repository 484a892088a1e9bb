"""Answers of the board, each by the function with the name of an intent, and of memory. Nothing changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from agent.llm.base import MemoryBrief
from agent.llm.offline.names import Board, Entry
from agent.llm.offline.vocabulary import OPEN, STATUS_NAMES
from agent.support.words import stems

_SHOWN = 10
_UNSEEN = " I looked at the first 100 open tasks and the last 20 completed ones."


def quoted(entries: Iterable[Entry], sign: str = ", ") -> str:
    return sign.join(f"“{entry.title}”" for entry in entries)


def needs(board: Board, entry: Entry) -> str:
    needed = board.titles(entry.depends_on)
    still_open = [other for other in needed if other.status in OPEN]
    head = f"“{entry.title}” is marked as blocked. " if entry.status == "blocked" else ""
    on = f"{quoted(needed)}, and all of that is done" if needed else "no other task"
    on = f"{quoted(still_open)}, not yet done" if still_open else on
    return f"{head}“{entry.title}” depends on {on}."


def needed_by(board: Board, entry: Entry) -> str:
    found = [other for other in board.entries.values() if entry.key in other.depends_on]
    verb = "depends" if len(found) <= 1 else "depend"
    return f"{quoted(found) or 'Nothing'} {verb} on “{entry.title}”.{_unseen(board)}"


def about(board: Board, entry: Entry) -> str:
    texts = [f"“{entry.title}” is {STATUS_NAMES[entry.status]}, with {entry.priority} priority."]
    texts += [f"It is {planned}."] if (planned := ", ".join(_planned(entry))) else []
    texts += [f"It is a part of {quoted([one])}." for one in board.titles([entry.parent or ""])]
    texts += [needs(board, entry)] if entry.depends_on else []
    children = [other for other in board.entries.values() if other.parent == entry.key]
    texts += [f"Its subtasks: {quoted(children)}."] if children else []
    criteria = "\n".join(
        f"- {one['text']}{' (met)' if one.get('done') else ''}" for one in entry.criteria
    )
    parts = [" ".join(texts), entry.description, criteria and f"Acceptance criteria:\n\n{criteria}"]
    return "\n\n".join(part for part in parts if part.strip())


def _planned(entry: Entry) -> Iterator[str]:
    """Yields what is planned with the task, e.g. "due 2026-12-04"."""
    if entry.due:
        yield f"due {entry.due}"
    if entry.assignee:
        yield f"assigned to {entry.assignee}"
    if entry.estimate:
        yield f"estimated at {entry.estimate:g} {'hour' if entry.estimate == 1 else 'hours'}"
    if entry.labels:
        yield f"labelled {', '.join(entry.labels)}"


def ready(board: Board) -> str:
    """Says what is under way, then what waits for nothing, the most important first."""
    tasks = board.titles(board.order)
    begun = [entry for entry in tasks if entry.status == "in_progress"]
    free = [entry for entry in tasks if entry.status == "pending"]
    free = [one for one in free if all(e.status not in OPEN for e in board.titles(one.depends_on))]
    free.sort(key=lambda entry: ("high", "medium", "low").index(entry.priority))
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
    return _UNSEEN if board.cut else ""
