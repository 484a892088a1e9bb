"""What the board and the memory say when they are asked. Texts out of values; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from agent.llm.base import Context, MemoryBrief
from agent.llm.offline import offers
from agent.llm.offline.names import Board, Entry
from agent.llm.offline.vocabulary import OPEN, STATUS_NAMES
from agent.text.words import stems

_SHOWN = 10
_UNSEEN = " I looked at the first 100 open tasks and the last 20 completed ones."
ABOUT_PROJECT = (
    "Good to know what you are building. I keep nothing of it by myself; the project's description is "
    "changed in the admin. What is to be done? For example "
    f"{offers.quoted_offer('I need: 1. sign-up 2. login')}."
)


def _quoted(entries: Iterable[Entry]) -> str:
    return ", ".join(f"“{entry.title}”" for entry in entries)


def _lines(entries: Iterable[Entry]) -> str:
    return "\n".join(
        f"- “{entry.title}” ({STATUS_NAMES[entry.status]}, {entry.priority} priority)"
        for entry in entries
    )


def _seen(board: Board, text: str) -> str:
    """Returns `text`, and what it leaves out when the board holds more than is known here."""
    return text + _UNSEEN if board.cut else text


# -- one task --------------------------------------------------------------------------------------


def _needs(board: Board, entry: Entry) -> str:
    needed = board.titles(entry.depends_on)
    still_open = [other for other in needed if other.status in OPEN]
    head = f"{_quoted([entry])} is marked as blocked. " if entry.status == "blocked" else ""
    if still_open:
        return f"{head}{_quoted([entry])} waits for {_quoted(still_open)}."
    if needed:
        return f"{head}{_quoted([entry])} depends on {_quoted(needed)}, and all of that is done."
    return f"{head}{_quoted([entry])} depends on no other task."


def _needed_by(board: Board, entry: Entry) -> str:
    found = [other for other in board.entries.values() if entry.key in other.depends_on]
    if not found:
        return _seen(board, f"Nothing depends on {_quoted([entry])}.")
    verb = "depends" if len(found) == 1 else "depend"
    return _seen(board, f"{_quoted(found)} {verb} on {_quoted([entry])}.")


def _parts(board: Board, entry: Entry) -> str:
    found = [other for other in board.entries.values() if other.parent == entry.key]
    if not found:
        return _seen(board, f"{_quoted([entry])} has no subtasks.")
    return f"The subtasks of {_quoted([entry])}:\n\n{_lines(found)}"


def _about(board: Board, entry: Entry) -> str:
    text = f"{_quoted([entry])} is {STATUS_NAMES[entry.status]}, with {entry.priority} priority."
    if parent := board.titles([entry.parent or ""]):
        text += f" It is a part of {_quoted(parent)}."
    text += f" {_needs(board, entry)}" if entry.depends_on else ""
    children = [other for other in board.entries.values() if other.parent == entry.key]
    text += f" Its subtasks: {_quoted(children)}." if children else ""
    return f"{text}\n\n{entry.description}" if entry.description else text


ABOUT_A_TASK: Mapping[str, Callable[[Board, Entry], str]] = {
    "needs": _needs,
    "needed_by": _needed_by,
    "parts": _parts,
    "about": _about,
}


# -- the board -------------------------------------------------------------------------------------


def of_priority(board: Board, priority: str) -> str:
    found = [entry for entry in board.titles(board.order) if entry.priority == priority]
    if not found:
        return _seen(board, f"No open task has {priority} priority.")
    return f"Open tasks with {priority} priority:\n\n{_lines(found)}"


def next_tasks(board: Board) -> str:
    """Says what is under way, then what waits for nothing, the most important first."""
    tasks = board.titles(board.order)
    begun = [entry for entry in tasks if entry.status == "in_progress"]
    ready = [entry for entry in tasks if entry.status == "pending" and not _waits(board, entry)]
    ready.sort(key=lambda entry: ("high", "medium", "low").index(entry.priority))
    if not tasks:
        return f"Nothing is open. {offers.quoted_offer('I need: 1. sign-up 2. login')} makes tasks."
    if not begun and not ready:
        return _seen(board, "Every open task is blocked, or waits for another one.")
    text = f"Go on with {_quoted(begun[:3])}." if begun else ""
    text += f" {'Then' if begun else 'Next'}: {_quoted(ready[:3])}." if ready else ""
    return _seen(board, text.strip())


def _waits(board: Board, entry: Entry) -> bool:
    return any(other.status in OPEN for other in board.titles(entry.depends_on))


def changed(context: Context) -> str:
    titles = [brief.title for brief in context.recent_tasks]
    titles += [brief.title for brief in context.recent_memories]
    lines = "\n".join(f"- “{title}”" for title in titles[:_SHOWN])
    head = "Changed last in this session, the newest first:\n\n"
    return head + lines if titles else "Nothing was changed in this session so far."


# -- the memory ------------------------------------------------------------------------------------


def remembered(topic: str, memories: Sequence[MemoryBrief], kind: str = "") -> str:
    """Quotes what memory says about `topic`; all decisions when it is asked for one and has none."""
    wanted = stems(topic)
    texts = {memory.id: stems(f"{memory.title} {memory.content}") for memory in memories}
    about = [memory for memory in memories if wanted and wanted <= texts[memory.id]]
    found = [memory for memory in about if kind in ("", memory.kind)] or about
    if found:
        return f"What I remember about “{topic}”:\n\n{_quotes(found)}"
    nothing = f"I find nothing about “{topic}” in memory."
    others = [memory for memory in memories if kind and memory.kind == kind]
    return f"{nothing} The {kind}s that I find:\n\n{_quotes(others)}" if others else nothing


def _quotes(memories: Sequence[MemoryBrief]) -> str:
    return "\n".join(f"- {memory.content}" for memory in memories[:_SHOWN])


# -- what can be said ------------------------------------------------------------------------------


def help_text(context: Context) -> str:
    """Lists what can be said in this project; each line works as it stands."""
    texts = (offers.example(form, context) for form in offers.listed_forms())
    lines = "\n".join(f"- {offers.offer(text)}" for text in texts if text is not None)
    return (
        "I am the built-in offline planner: a set of rules, not a language model. I carry a message out "
        "when I understand all of it, and say what I don't. Several sentences may follow each other, "
        f"with “and” or “then” between them; names may be in quotes. You can say:\n\n{lines}"
    )
