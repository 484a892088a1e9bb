"""What a run's context held, and why: memories, tasks and messages, as its phases stored them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.urls import reverse

from agent.event_log.phases import Phase
from agent.models import Run
from agent.shorten import shorten
from agent.support.counts import count
from chat import access
from chat.run_page.rows import Rows

if TYPE_CHECKING:
    from django.contrib.auth.models import User

GONE = "no longer there"
MAX_TEXT = 200  # characters of a message
# Of each list of tasks in a context, why it has a task.
_TASKS = {
    "focus": "The message or its session is about it",
    "named": "The message names it",
    "recent_tasks": "Changed in this session lately",
    "tasks": "Open, in the order of the board",
    "completed": "Completed lately",
}
_LATEST = "One of the latest memories; it does not match the message"
_CHANGED = "Changed in this session lately"


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the context. `link`: "" if the viewer has no such object (any more), as `note` says."""

    name: str
    why: str
    link: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """The objects of one kind that the context held."""

    name: str
    items: list[Item]

    @property
    def size(self) -> int:
        return len(self.items)


def of_run(rows: Rows, user: User, earlier: Mapping[int, Run]) -> list[Held] | None:
    """Returns what the context held; None if it is not gathered yet. `earlier`: the runs of the session
    whose messages it has, by number.
    """
    phases = {row.phase: row.result for row in rows.phases}
    context = phases.get(Phase.CONTEXT)
    if not context:
        return None
    words = str(phases.get(Phase.ANALYZING, {}).get("search") or "")
    again = phases.get(Phase.ANALYZING, {}).get("memories")
    memories = context.get("memories", []) if again is None else again
    held = [
        Held("Memories", _memories(user, memories, context.get("recent_memories", []), words)),
        Held("Tasks", _tasks(user, rows.run, context)),
        Held("Messages", _messages(context.get("history", []), earlier)),
    ]
    return [one for one in held if one.items]


def numbers_of_messages(rows: Rows) -> set[int]:
    """Returns the numbers of the runs whose messages the context held."""
    context: Mapping[str, Any] = next(
        (row.result for row in rows.phases if row.phase == Phase.CONTEXT), {}
    )
    return {number for one in context.get("history", []) if (number := one.get("number"))}


def _memories(
    user: User, recalled: Sequence[Any], changed: Sequence[Any], words: str
) -> list[Item]:
    reasons = [(one, _why(one, words)) for one in recalled]
    reasons += [(one, _CHANGED) for one in changed]
    first = {one["id"]: (one, why) for one, why in reversed(reasons)}
    order = list(dict.fromkeys(one["id"] for one, _ in reasons))
    known = {
        str(key) for key in access.memories(user).filter(pk__in=order).values_list("pk", flat=True)
    }
    return [
        Item(
            first[key][0]["title"],
            first[key][1],
            reverse("memory", args=[key]) if key in known else "",
            "" if key in known else GONE,
        )
        for key in order
    ]


def _why(brief: Mapping[str, Any], searched: str) -> str:
    """Returns why a memory was recalled. `searched`: words that the analysis looked for."""
    if "score" not in brief:
        return "The reason was not kept"
    if brief["score"] is None:
        return _LATEST
    own, beside = (_quoted(brief.get(name, ())) for name in ("words", "beside"))
    found = [
        *([f"contains {own}"] if own else []),
        *([f"said beside it: {beside}"] if beside else []),
    ]
    by = f", searched for “{searched}” too" if searched else ""
    return f"Score {brief['score']:.2f}: {'; '.join(found)}{by}"


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)


def _tasks(user: User, run: Run, context: Mapping[str, Any]) -> list[Item]:
    reasons: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    for name, why in _TASKS.items():
        found = context.get(name) or []
        for task in [found] if isinstance(found, Mapping) else found:
            titles.setdefault(task["id"], task["title"])
            reasons.setdefault(task["id"], []).append(why)
    numbers = [int(key[1:]) for key in titles if key[1:].isdigit()]
    rows = access.tasks(user).filter(project=run.session.project_id, number__in=numbers)
    known: dict[str, UUID] = {f"#{number}": key for number, key in rows.values_list("number", "pk")}
    return [
        Item(
            f"{key} {title}",
            "; ".join(reasons[key]),
            reverse("task", args=[known[key]]) if key in known else "",
            "" if key in known else GONE,
        )
        for key, title in titles.items()
    ]


def _messages(history: Sequence[Mapping[str, Any]], earlier: Mapping[int, Run]) -> list[Item]:
    return [_message(one, len(history) - place, earlier) for place, one in enumerate(history)]


def _message(one: Mapping[str, Any], place: int, earlier: Mapping[int, Run]) -> Item:
    who = "Agent" if one["role"] == "assistant" else "Person"
    name = f"{who}: {shorten(one['content'], MAX_TEXT)}"
    if one.get("number") is None:
        return Item(name, "Given by the caller")
    before = "the latest one" if place == 1 else f"{count(place, 'message')} before"
    why = f"Of this session, {before}"
    run = earlier.get(one["number"])
    link = f"{reverse('session', args=[run.session_id])}#run-{run.pk}" if run else ""
    return Item(name, why, link, "" if run else GONE)
