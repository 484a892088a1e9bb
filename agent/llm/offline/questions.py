"""What the board and the memory say when they are asked. Texts out of values; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from agent.llm.base import Context, MemoryBrief
from agent.llm.offline import offers
from agent.llm.offline.grammar import Intent
from agent.llm.offline.memories import matching
from agent.llm.offline.names import Board, Entry
from agent.llm.offline.vocabulary import OPEN, STATUS_NAMES

_SHOWN = 10
ABOUT_PROJECT = (
    "Good to know what you are building. I keep nothing of it by myself; the project's description is "
    "changed in the admin. What is to be done? For example "
    f"{offers.quoted_offer('I need: 1. sign-up 2. login')}."
)


def quoted(entries: Iterable[Entry]) -> str:
    return ", ".join(f"“{offers.plain(entry.title)}”" for entry in entries)


# -- one task --------------------------------------------------------------------------------------


def _needs(board: Board, entry: Entry) -> str:
    name = quoted([entry])
    needed = [board.entries[key] for key in entry.depends_on if key in board.entries]
    still_open = [other for other in needed if other.status in OPEN]
    parts = [f"{name} is marked as blocked."] if entry.status == "blocked" else []
    if still_open:
        parts.append(f"{name} waits for {quoted(still_open)}.")
    elif needed:
        parts.append(f"{name} depends on {quoted(needed)}, and all of that is done.")
    else:
        parts.append(f"{name} depends on no other task.")
    return " ".join(parts)


def _needed_by(board: Board, entry: Entry) -> str:
    found = [other for other in board.entries.values() if entry.key in other.depends_on]
    if not found:
        return f"Nothing depends on {quoted([entry])}." + _unseen(board)
    verb = "depends" if len(found) == 1 else "depend"
    return f"{quoted(found)} {verb} on {quoted([entry])}." + _unseen(board)


def _parts(board: Board, entry: Entry) -> str:
    found = [other for other in board.entries.values() if other.parent == entry.key]
    if not found:
        return f"{quoted([entry])} has no subtasks." + _unseen(board)
    lines = "\n".join(f"- {_line(other)}" for other in found)
    return f"The subtasks of {quoted([entry])}:\n\n{lines}" + _unseen(board)


def _about(board: Board, entry: Entry) -> str:
    parts = [f"{quoted([entry])} is {STATUS_NAMES[entry.status]}, with {entry.priority} priority."]
    if entry.parent in board.entries:
        parts.append(f"It is a part of {quoted([board.entries[entry.parent]])}.")
    if entry.depends_on:
        parts.append(_needs(board, entry))
    children = [other for other in board.entries.values() if other.parent == entry.key]
    if children:
        parts.append(f"Its subtasks: {quoted(children)}.")
    text = " ".join(parts)
    return f"{text}\n\n{offers.plain(entry.description)}" if entry.description else text


ABOUT_A_TASK: Mapping[Intent, Callable[[Board, Entry], str]] = {
    Intent.NEEDS: _needs,
    Intent.NEEDED_BY: _needed_by,
    Intent.PARTS: _parts,
    Intent.ABOUT: _about,
}


def _line(entry: Entry) -> str:
    more = f", {entry.priority} priority" if entry.priority != "medium" else ""
    return f"“{offers.plain(entry.title)}” ({STATUS_NAMES[entry.status]}{more})"


def _unseen(board: Board) -> str:
    """Says what an answer leaves out when the board holds more than is known here."""
    return (
        " I looked at the first 100 open tasks and the last 20 completed ones."
        if any(board.is_cut.values())
        else ""
    )


# -- the board -------------------------------------------------------------------------------------


def of_priority(board: Board, priority: str) -> str:
    found = [board.entries[key] for key in board.order if board.entries[key].priority == priority]
    if not found:
        return f"No open task has {priority} priority." + _unseen(board)
    return f"Open tasks with {priority} priority:\n\n" + "\n".join(
        f"- {_line(entry)}" for entry in found
    )


def next_tasks(board: Board) -> str:
    """Says what is under way, then what waits for nothing, the most important first."""
    tasks = [board.entries[key] for key in board.order]
    begun = [entry for entry in tasks if entry.status == "in_progress"]
    ready = [entry for entry in tasks if entry.status == "pending" and not _waits(board, entry)]
    ready.sort(key=lambda entry: ("high", "medium", "low").index(entry.priority))
    if not tasks:
        return f"Nothing is open. {offers.quoted_offer('I need: 1. sign-up 2. login')} makes tasks."
    if not begun and not ready:
        return f"Nothing can be started: every open task is blocked or waits for another one.{_unseen(board)}"
    parts = [f"Go on with {quoted(begun[:3])}."] if begun else []
    if ready:
        parts.append(f"{'Then' if begun else 'Next'}: {quoted(ready[:3])}.")
    return " ".join(parts) + _unseen(board)


def _waits(board: Board, entry: Entry) -> bool:
    return any(
        key in board.entries and board.entries[key].status in OPEN for key in entry.depends_on
    )


def changed(context: Context) -> str:
    titles = [brief.title for brief in (*context.recent_tasks, *context.recent_memories)][:_SHOWN]
    if not titles:
        return "Nothing was changed in this session so far."
    lines = "\n".join(f"- “{offers.plain(title)}”" for title in titles)
    return f"Changed last in this session, the newest first:\n\n{lines}"


# -- the memory ------------------------------------------------------------------------------------


def remembered(topic: str, memories: Sequence[MemoryBrief], kind: str = "") -> str:
    """Quotes what memory says about `topic`; of decisions the others too, when none speaks of it."""
    name = offers.plain(topic)
    found = [memory for memory in matching(topic, memories) if kind in ("", memory.kind)]
    found = found or matching(topic, memories)
    if found:
        return f"What I remember about “{name}”:\n\n{_quotes(found[:_SHOWN])}"
    nothing = f"I find nothing about “{name}” in memory."
    others = [memory for memory in memories if kind and memory.kind == kind][:_SHOWN]
    return f"{nothing} The {kind}s that I find:\n\n{_quotes(others)}" if others else nothing


def _quotes(memories: Iterable[MemoryBrief]) -> str:
    return "\n".join(f"- {offers.plain(memory.content)}" for memory in memories)


# -- what can be said ------------------------------------------------------------------------------


def help_text(context: Context) -> str:
    """Lists what can be said in this project; each line works as it stands."""
    lines = [
        f"- {offers.offer(text)}"
        for form in offers.listed_forms()
        if (text := offers.example(form, context)) is not None
    ]
    return (
        "I am the built-in offline planner: a set of rules, not a language model. I carry a message out "
        "when I understand all of it, and say what I don't. Several sentences may follow each other, "
        "with “and” or “then” between them; names may be in quotes. You can say:\n\n"
        + "\n".join(lines)
    )
