"""Writes the answer: what really happened, step by step, then whatever else there is to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from agent.llm.base import Context, Outcome, StepOutcome
from agent.llm.offline.drafting import Draft
from agent.llm.offline.vocabulary import LISTED, STATUS_NAMES
from agent.support.counts import count

SAY = "Say: "  # begins the description of a step that holds what the answer tells
_UNDO = "You can undo that beside the change."
_NAMED = 5  # titles of what is still open
# What a step has done, by its tool and, where that matters, by one of its arguments.
_DONE = {
    "create_task": "Created the task “{title}”{details}.",
    "change_task_status": "“{title}” is now {status}.{still_open}",
    "change_tasks_status": "Marked {count} as {status}: {titles}.{still_open}",
    "update_task title": "The task is now called “{title}”.",
    "update_task priority": "“{title}” has {priority} priority now.",
    "update_task depends_on": "“{title}” depends on {needed} now.",
    "update_task parent": "“{title}” is {parent} now.",
    "update_task description": "Described “{title}”.",
    "update_tasks priority": "Set {count} to {priority} priority: {titles}.",
    "update_tasks parent": "Changed {count}: {titles}.",
    "delete_task": "Deleted the task “{title}”.",
    "delete_tasks": "Deleted {count}: {titles}.",
    "move_task": "Moved “{title}” {place}.",
    "create_memory": "Remembered the {kind} “{title}”.",
    "update_memory": "Updated the memory “{title}”: {content}",
    "delete_memory": "Forgot “{title}”.",
}


def answer(context: Context, outcome: Outcome, draft: Draft) -> str:
    return "\n\n".join(block.strip("\n") for block in _blocks(context, outcome, draft))


def _blocks(context: Context, outcome: Outcome, draft: Draft) -> Iterator[str]:
    if asked := draft.question or draft.refusal or outcome.question:
        yield asked
        return
    tools = [step for step in outcome.steps if step.type == "tool"]
    texts = [step.description for step in outcome.steps if step.description.startswith(SAY)]
    if not tools:
        yield from draft.plan.talk
    yield from _done(tools, context)
    yield from draft.plan.facts
    if tools or not draft.plan.steps:
        yield from draft.plan.notes
    yield from (text.removeprefix(SAY) for text in texts)
    if draft.plan.steps and not tools and not texts:
        yield "I found no way to do that, so nothing was changed. Please say it in other words."


def _done(tools: Sequence[StepOutcome], context: Context) -> Iterator[str]:
    lines = [_line(step, context) for step in tools]
    short = [line for line in lines if "\n" not in line]
    yield "\n".join(f"- {line}" for line in short) if len(short) > 1 else "".join(short)
    yield from (line for line in lines if "\n" in line)
    if any(step.tool.startswith("delete_") and step.status == "succeeded" for step in tools):
        yield _UNDO


def _line(step: StepOutcome, context: Context) -> str:
    what = step.description[:1].lower() + step.description[1:]
    if step.status == "failed":
        return f"I could not {what}: {step.error or 'the reason is not known'}"
    if step.status != "succeeded":
        skipped = step.status == "skipped"
        why = "an earlier step did not succeed" if skipped else "it was cancelled"
        return f"Not done: {what}, since {why}."
    result = step.result if isinstance(step.result, dict) else {}
    if step.tool in _LISTS:
        return _LISTS[step.tool](step.arguments, result, context)
    if result.get("titles") == []:
        return "That is so already; no task was changed."
    wordings = (f"{step.tool} {name}".strip() for name in ("", *step.arguments))
    wording = next((_DONE[name] for name in wordings if name in _DONE), "Done: {description}.")
    return wording.format_map(
        _values(step.arguments, result, context) | {"description": step.description}
    )


def _values(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> dict[str, Any]:
    """Returns what a wording may name."""
    titles, left = result.get("titles", []), result.get("still_open") or []
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    told = f" Still open, though it has to do with that: {_quoted(left[:_NAMED], ', ')}{more}."
    where = "before" if arguments.get("before") else "after"
    neighbour = _titles([arguments.get(where)], context)
    parent, asked = arguments.get("parent"), arguments.get("depends_on", [])
    whole = _quoted(_titles([parent], context)) or "its parent task"
    level = f" with {arguments['priority']} priority" if arguments.get("priority") else ""
    status = result.get("status") or arguments.get("status")
    return {
        **arguments,
        "title": result.get("title", arguments.get("title", "")),
        "titles": _quoted(titles, ", "),
        "count": count(len(titles), "task"),
        "status": STATUS_NAMES.get(str(status), status),
        "still_open": told if left else "",
        "details": level + _place(arguments, context),
        "needed": _quoted(_titles(asked, context))
        or ("what you named" if asked else "no other task"),
        "parent": f"a part of {whole}" if parent else "a task of its own",
        "place": f"{where} {_quoted(neighbour)}" if neighbour else "to its new place",
    }


def _place(arguments: dict[str, Any], context: Context) -> str:
    parent = _titles([arguments.get("parent")], context)
    needed = _titles(arguments.get("depends_on", []), context)
    within = f" as a part of {_quoted(parent)}" if parent else ""
    return within + (f", depends on {_quoted(needed)}" if needed else "")


def _titles(references: Iterable[Any], context: Context) -> list[str]:
    """Returns the titles of the tasks with these ids; those of this plan have no title here."""
    known = (*context.tasks, *context.completed, *context.recent_tasks)
    titles = {task.id: task.title for task in known}
    return [titles[one] for one in references if isinstance(one, str) and one in titles]


def _quoted(titles: Sequence[str], sign: str = " and ") -> str:
    return sign.join(f"“{title}”" for title in titles)


def _created(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    titles = result.get("titles") or []
    lines = []
    for number, (title, item) in enumerate(zip(titles, arguments["tasks"], strict=False), 1):
        before = [titles[index] for index in item.get("after", [])]
        after = f", depends on {_quoted(before)}" if before else ""
        lines.append(f"{number}. {title}{_place(item, context)}{after}")
    return f"Created {count(len(titles), 'task')}:\n\n" + "\n".join(lines)


def _listed(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    tasks, statuses = result.get("tasks", []), tuple(arguments.get("status", ()))
    kind = f"{STATUS_NAMES[statuses[0]]} " if len(statuses) == 1 else ""
    kind = "open " if statuses == LISTED["open"] else kind
    query = f" about “{arguments['query']}”" if arguments.get("query") else ""
    if not tasks:
        return f"There are no {kind}tasks{query}."
    total = max(int(result.get("total", 0)), len(tasks))
    lines = []
    for task in tasks:
        level = task.get("priority", "medium")
        more = f", {level} priority" if level != "medium" else ""
        lines.append(f"- {task['title']} ({STATUS_NAMES[task['status']]}{more})")
    lines += [f"- … and {total - len(tasks)} more"] if total > len(tasks) else []
    head = f"There {'is' if total == 1 else 'are'} {count(total, f'{kind}task')}{query}:"
    return head + "\n\n" + "\n".join(lines)


def _memories(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    lines = "\n".join(f"- {memory['content']}" for memory in result.get("memories", []))
    return f"In memory:\n\n{lines}" if lines else "I find nothing about that in memory."


_LISTS = {"create_tasks": _created, "search_tasks": _listed, "search_memories": _memories}
