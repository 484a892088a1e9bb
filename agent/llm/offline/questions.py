"""What the board and the memory say when they are asked. Texts out of values; nothing is changed.

A question of the grammar is answered by the function with the name of its intent, which gets the board,
and the task or the priority that is asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    if still_open:
        return f"{head}“{entry.title}” waits for {quoted(still_open)}."
    if needed:
        return f"{head}“{entry.title}” depends on {quoted(needed)}, and all of that is done."
    return f"{head}“{entry.title}” depends on no other task."


def needed_by(board: Board, entry: Entry) -> str:
    found = [other for other in board.entries.values() if entry.key in other.depends_on]
    verb = "depends" if len(found) <= 1 else "depend"
    return f"{quoted(found) or 'Nothing'} {verb} on “{entry.title}”.{_unseen(board)}"


def parts(board: Board, entry: Entry) -> str:
    found = [other for other in board.entries.values() if other.parent == entry.key]
    if not found:
        return f"“{entry.title}” has no subtasks.{_unseen(board)}"
    return f"The subtasks of “{entry.title}”:\n\n{_lines(found)}"


def about(board: Board, entry: Entry) -> str:
    texts = [f"“{entry.title}” is {STATUS_NAMES[entry.status]}, with {entry.priority} priority."]
    texts += [f"It is a part of {quoted([one])}." for one in board.titles([entry.parent or ""])]
    texts += [needs(board, entry)] if entry.depends_on else []
    children = [other for other in board.entries.values() if other.parent == entry.key]
    texts += [f"Its subtasks: {quoted(children)}."] if children else []
    return f"{' '.join(texts)}\n\n{entry.description}".strip()


def urgent(board: Board, priority: str) -> str:
    found = [entry for entry in board.titles(board.order) if entry.priority == priority]
    if not found:
        return f"No open task has {priority} priority.{_unseen(board)}"
    return f"Open tasks with {priority} priority:\n\n{_lines(found)}"


def ready(board: Board, _: object) -> str:
    """Says what is under way, then what waits for nothing, the most important first."""
    tasks = board.titles(board.order)
    begun = [entry for entry in tasks if entry.status == "in_progress"]
    free = [entry for entry in tasks if entry.status == "pending" and not _waits(board, entry)]
    free.sort(key=lambda entry: ("high", "medium", "low").index(entry.priority))
    if not tasks:
        return "Nothing is open. “[I need: 1. sign-up 2. login](#say)” makes tasks."
    if not begun and not free:
        return f"Every open task is blocked, or waits for another one.{_unseen(board)}"
    texts = [f"Go on with {quoted(begun[:3])}."] if begun else []
    texts += [f"{'Then' if begun else 'Next'}: {quoted(free[:3])}."] if free else []
    return " ".join(texts) + _unseen(board)


def changed(board: Board, _: object) -> str:
    titles = [task.title for task in board.context.recent_tasks]
    titles += [memory.title for memory in board.context.recent_memories]
    lines = "\n".join(f"- “{title}”" for title in titles[:_SHOWN])
    head = "Changed last in this session, the newest first:\n\n"
    return head + lines if lines else "Nothing was changed in this session so far."


def remembered(topic: str, memories: Sequence[MemoryBrief], kind: str) -> str:
    """Quotes what memory says about `topic`; all decisions when it is asked for one and has none."""
    wanted = stems(topic)
    texts = {memory.id: stems(f"{memory.title} {memory.content}") for memory in memories}
    relevant = [memory for memory in memories if wanted and wanted <= texts[memory.id]]
    found = [memory for memory in relevant if kind in ("", memory.kind)] or relevant
    others = [memory for memory in memories if kind and memory.kind == kind]
    lines = "\n".join(f"- {memory.content}" for memory in (found or others)[:_SHOWN])
    if found:
        return f"What I remember about “{topic}”:\n\n{lines}"
    nothing = f"I find nothing about “{topic}” in memory."
    return f"{nothing} The {kind}s that I find:\n\n{lines}" if others else nothing


def _lines(entries: Iterable[Entry]) -> str:
    return "\n".join(
        f"- “{entry.title}” ({STATUS_NAMES[entry.status]}, {entry.priority} priority)"
        for entry in entries
    )


def _unseen(board: Board) -> str:
    """Returns what an answer leaves out when the board holds more than is known here."""
    return _UNSEEN if board.cut else ""


def _waits(board: Board, entry: Entry) -> bool:
    return any(other.status in OPEN for other in board.titles(entry.depends_on))
