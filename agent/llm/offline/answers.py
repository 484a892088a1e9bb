"""Writes the answer: what really happened, step by step, then whatever else there is to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from agent.llm.base import Outcome, StepOutcome
from agent.llm.offline.drafting import Draft
from agent.llm.offline.vocabulary import LISTED, STATUS_NAMES, word_set
from agent.support.counts import count
from agent.text import dates

SAY = "Say: "  # begins the description of a step that holds what the answer tells
_UNDO = "To bring it back, press “Undo” at the change above."
_SHORT = word_set("title status priority due estimate assignee")  # fields with one short value
# The description of a step begins with an order, which is told as done once it has succeeded.
_DONE = {"Make": "Made", "Forget": "Forgot", "Put": "Put", "Set": "Set"}


def answer(outcome: Outcome, draft: Draft) -> str:
    return "\n\n".join(block.strip("\n") for block in _blocks(outcome, draft))


def _blocks(outcome: Outcome, draft: Draft) -> Iterator[str]:
    tools = [step for step in outcome.steps if step.type == "tool"]
    if asked := draft.question or draft.refusal or outcome.question:
        yield asked
        if not tools:  # nothing was sent into the run that was understood
            return
    texts = [step.description for step in outcome.steps if step.description.startswith(SAY)]
    yield from _done(tools)
    yield from draft.plan.said
    yield from (text.removeprefix(SAY) for text in texts)
    if draft.plan.steps and not tools and not texts:
        yield "I found no way to do that, so nothing was changed. Please say it in other words."


def _done(tools: Sequence[StepOutcome]) -> Iterator[str]:
    lines = [_line(step) for step in tools]
    short = [line for line in lines if "\n" not in line]
    yield "\n".join(f"- {line}" for line in short) if len(short) > 1 else "".join(short)
    yield from (line for line in lines if "\n" in line)
    if any(step.tool.startswith("delete_") and step.status == "succeeded" for step in tools):
        yield _UNDO


def _line(step: StepOutcome) -> str:
    what = step.description[:1].lower() + step.description[1:]
    if step.status == "failed":
        return f"I could not {what}: {step.error or 'the reason is not known'}"
    if step.status != "succeeded":
        why = {"skipped": "an earlier step did not succeed"}.get(step.status, "it was cancelled")
        return f"Not done: {what}, since {why}."
    result = step.result if isinstance(step.result, dict) else {}
    if step.tool in _FOUND:
        return _FOUND[step.tool](step.arguments, result)
    verb, _, rest = step.description.partition(" ")
    regular = f"{verb}d" if verb.endswith("e") else f"{verb}ed"
    done = f"{_DONE.get(verb, regular)} {rest}"
    titles = result.get("titles")
    if titles == []:
        return "That is so already; no task was changed."
    if step.tool == "create_tasks":
        return f"{done}:\n\n" + "\n".join(f"{n}. {one}" for n, one in enumerate(titles or (), 1))
    quoted = ", ".join(f"“{title}”" for title in titles or ())
    return f"{done}: {quoted}." if quoted else f"{done}."


def _list(head: str, lines: Iterable[str], left: int = 0, rest: str = "and {} more") -> str:
    """Returns a list below its head. `left`: how many are left out, which `rest` tells."""
    told = [*lines, rest.format(left)] if left > 0 else lines
    return f"{head}\n\n" + "\n".join(f"- {line}" for line in told)


def _tasks(arguments: dict[str, Any], result: dict[str, Any]) -> str:
    tasks, statuses = result.get("tasks", []), tuple(arguments.get("status", ()))
    kind = f"{STATUS_NAMES[statuses[0]]} " if len(statuses) == 1 else ""
    kind = "open " if statuses == LISTED["open"] else kind
    query = f" about “{arguments['query']}”" if arguments.get("query") else ""
    if not tasks:
        return f"There are no {kind}tasks{query}."
    total = max(int(result.get("total", 0)), len(tasks))
    lines = (
        f"{one['title']} ({STATUS_NAMES[one['status']]}, {one.get('priority')} priority"
        f"{', overdue' if one.get('overdue') else ''})"
        for one in tasks
    )
    head = f"There {'is' if total == 1 else 'are'} {count(total, f'{kind}task')}{query}:"
    return _list(head, lines, total - len(tasks), "… and {} more")


def _memories(arguments: dict[str, Any], result: dict[str, Any]) -> str:
    contents = [memory["content"] for memory in result.get("memories", [])]
    return _list("In memory:", contents) if contents else "I find nothing about that in memory."


def _changes(arguments: dict[str, Any], result: dict[str, Any]) -> str:
    when, changes = _when(arguments["since"]), result.get("changes", [])
    if not changes:
        return f"Nothing changed since {when}."
    lines = (
        f"{one['action']}: {one['object']} “{one['title']}”"
        + (
            ""
            if one["action"] == "deleted"
            else f" ({STATUS_NAMES.get(one['status'], one['status'])})"
        )
        for one in changes
    )
    return _list(f"Since {when}:", lines, bool(result.get("more")), "and older ones")


def _undone(arguments: dict[str, Any], result: dict[str, Any]) -> str:
    changes = result.get("changes", [])
    return _list("Undone, by these changes:", changes, result.get("total", 0) - len(changes))


def _history(arguments: dict[str, Any], result: dict[str, Any]) -> str:
    title, changes = result.get("title", ""), result.get("changes", [])
    if not changes:
        return f"I find no changes of “{title}”."
    lines = []
    for one in changes:
        by = f" by {one['by']}" if one["by"] else ""
        values = f" ({', '.join(map(_value, one['values']))})" if one["values"] else ""
        lines.append(f"{_when(one['at'])}: {one['action']}{by}{values}")
    left = result.get("total", 0) - len(changes)
    return _list(f"The changes of “{title}”, newest first:", lines, left, "and {} older ones")


def _value(changed: dict[str, str]) -> str:
    name, now = changed["field"].replace("_", " "), changed["after"] or "none"
    return f"{name}: {STATUS_NAMES.get(now, now)}" if changed["field"] in _SHORT else name


def _when(stamp: str) -> str:
    return f"{datetime.fromisoformat(stamp).astimezone(dates.now().tzinfo):%a %d %b %H:%M %Z}"


_FOUND = {
    "search_tasks": _tasks,
    "search_memories": _memories,
    "list_changes": _changes,
    "undo": _undone,
    "get_history": _history,
}
