"""Writes the answer: what really happened, step by step, then whatever else there is to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from agent.llm.base import Context, Outcome, StepOutcome
from agent.llm.offline.drafting import Draft
from agent.llm.offline.revising import SAY
from agent.llm.offline.vocabulary import STATUS_NAMES

_UNDO = "You can undo that beside the change."


def answer(context: Context, outcome: Outcome, draft: Draft) -> Iterator[str]:
    """Yields the answer in lines, each with its line end."""
    blocks = list(_blocks(context, outcome, draft))
    for number, block in enumerate(blocks):
        lines = block.strip("\n").split("\n")
        yield from (f"{line}\n" for line in lines[:-1])
        yield lines[-1] + ("\n\n" if number < len(blocks) - 1 else "\n")


def _blocks(context: Context, outcome: Outcome, draft: Draft) -> Iterator[str]:
    if draft.question or draft.refusal or outcome.question:
        yield draft.question.markdown if draft.question else draft.refusal or outcome.question
        return
    tools = [step for step in outcome.steps if step.type == "tool"]
    said = [
        step.description.removeprefix(SAY)
        for step in outcome.steps
        if step.description.startswith(SAY)
    ]
    made = draft.made
    if not tools:
        yield from made.talk
    yield from _done(tools, context)
    yield from made.facts
    if tools or not made.steps:
        yield from made.notes
    if said:
        yield from said
    elif made.steps and not tools:
        yield "I found no way to do that, so nothing was changed. Please say it in other words."


# -- what the steps did ----------------------------------------------------------------------------


def _done(steps: list[StepOutcome], context: Context) -> Iterator[str]:
    lines = [_line(step, context) for step in steps]
    short = [line for line in lines if "\n" not in line]
    if len(short) > 1:
        lines = [
            "\n".join(f"- {line}" for line in short),
            *(line for line in lines if "\n" in line),
        ]
    yield from lines
    if any(step.tool.startswith("delete_") and step.status == "succeeded" for step in steps):
        yield _UNDO


def _line(step: StepOutcome, context: Context) -> str:
    if step.status == "succeeded":
        result = step.result if isinstance(step.result, dict) else {}
        write = _WRITERS.get(step.tool)
        return write(step.arguments, result, context) if write else f"Done: {step.description}."
    what = step.description[:1].lower() + step.description[1:]
    if step.status == "failed":
        return f"I could not {what}: {step.error or 'the reason is not known'}"
    why = "an earlier step did not succeed" if step.status == "skipped" else "it was cancelled"
    return f"Not done: {what}, since {why}."


Write = Callable[[dict[str, Any], dict[str, Any], Context], str]


def _created(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    line = f"Created the task “{result.get('title', arguments.get('title', ''))}”"
    if priority := arguments.get("priority"):
        line += f" with {priority} priority"
    return f"{line}{_within(arguments, context)}{_waits(arguments.get('depends_on'), context)}."


def _created_all(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    items = arguments.get("tasks", [])
    titles = result.get("titles") or [item.get("title", "") for item in items]
    lines = []
    for number, title in enumerate(titles):
        item = items[number] if number < len(items) else {}
        before = [titles[index] for index in item.get("after", []) if index < len(titles)]
        after = (
            f", depends on {_quoted(before)}" if before else _waits(item.get("depends_on"), context)
        )
        lines.append(f"{number + 1}. {title}{_within(item, context)}{after}")
    head = "Created 1 task:" if len(titles) == 1 else f"Created {len(titles)} tasks:"
    return head + "\n\n" + "\n".join(lines)


def _within(arguments: dict[str, Any], context: Context) -> str:
    titles = _titles([arguments.get("parent")], context)
    return f" as a part of {_quoted(titles)}" if titles else ""


def _waits(references: Any, context: Context) -> str:
    titles = _titles(references, context)
    return f", depends on {_quoted(titles)}" if titles else ""


def _titles(references: Any, context: Context) -> list[str]:
    """Returns the titles of the tasks with these ids; those of this plan have no title here."""
    known = {
        task.id: task.title for task in (*context.tasks, *context.completed, *context.recent_tasks)
    }
    return [
        known[reference]
        for reference in references or ()
        if isinstance(reference, str) and reference in known
    ]


def _quoted(titles: list[str]) -> str:
    return " and ".join(f"“{title}”" for title in titles)


def _status(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    status = result.get("status", arguments.get("status", ""))
    line = f"“{result.get('title', '')}” is now {STATUS_NAMES.get(status, status)}."
    return line + _still_open(result)


def _still_open(result: dict[str, Any]) -> str:
    titles = result.get("still_open") or []
    if not titles:
        return ""
    named = ", ".join(f"“{title}”" for title in titles[:5])
    more = f" and {len(titles) - 5} more" if len(titles) > 5 else ""
    return f" Still open, though it has to do with that: {named}{more}."


def _several(done: str) -> Write:
    """Writes what became of several tasks; `done` has a place for how many, and for the arguments."""

    def write(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
        titles = result.get("titles") or []
        if not titles:
            return "That is so already; no task was changed."
        count = "1 task" if len(titles) == 1 else f"{len(titles)} tasks"
        words = STATUS_NAMES.get(arguments.get("status", ""), "")
        head = done.format(count, words)
        if priority := arguments.get("priority"):
            head = f"Set {count} to {priority} priority"
        return f"{head}: {', '.join(f'“{title}”' for title in titles)}.{_still_open(result)}"

    return write


def _moved(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    where = "before" if arguments.get("before") else "after"
    other = _titles([arguments.get(where)], context)
    place = f"{where} {_quoted(other)}" if other else "to its new place"
    return f"Moved “{result.get('title', '')}” {place}."


def _updated(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    title = f"“{result.get('title', '')}”"
    if "title" in arguments:
        return f"The task is now called {title}."
    if priority := str(arguments.get("priority", "")):
        return f"{title} has {priority} priority now."
    if "depends_on" in arguments:
        names = _titles(arguments["depends_on"], context)
        if not arguments["depends_on"]:
            return f"{title} depends on no other task now."
        return (
            f"{title} depends on {_quoted(names)} now."
            if names
            else f"Set what {title} depends on."
        )
    if "parent" in arguments:
        if not arguments["parent"]:
            return f"{title} is a task of its own now."
        return f"{title} has its new place under its parent task."
    return f"Described {title}." if "description" in arguments else f"Changed {title}."


def _deleted(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    return f"Deleted the task “{result.get('title', '')}”."


def _listed(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    tasks = result.get("tasks", [])
    statuses = arguments.get("status", [])
    kind = (
        "open "
        if len(statuses) == 3
        else f"{STATUS_NAMES.get(statuses[0], '')} "
        if len(statuses) == 1
        else ""
    )
    query = f" about “{arguments['query']}”" if arguments.get("query") else ""
    if not tasks:
        return f"There are no {kind}tasks{query}."
    total = max(int(result.get("total", 0)), len(tasks))
    lines = [f"- {task['title']} ({_state(task)})" for task in tasks]
    if total > len(tasks):
        lines.append(f"- … and {total - len(tasks)} more")
    head = (
        f"There is 1 {kind}task{query}:" if total == 1 else f"There are {total} {kind}tasks{query}:"
    )
    return head + "\n\n" + "\n".join(lines)


def _state(task: dict[str, Any]) -> str:
    status = str(STATUS_NAMES.get(task["status"], task["status"]))
    return status + (
        f", {task['priority']} priority" if task.get("priority") in ("high", "low") else ""
    )


def _remembered(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    kind = arguments.get("kind", "fact")
    return f"Remembered the {kind} “{result.get('title', arguments.get('title', ''))}”."


def _revised(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    said = arguments.get("content")
    return f"Updated the memory “{result.get('title', '')}”" + (f": {said}" if said else ".")


def _forgotten(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    return f"Forgot “{result.get('title', '')}”."


def _memories(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    found = result.get("memories", [])
    if not found:
        return "I find nothing about that in memory."
    return "In memory:\n\n" + "\n".join(f"- {memory['content']}" for memory in found)


_WRITERS: dict[str, Write] = {
    "create_task": _created,
    "create_tasks": _created_all,
    "change_task_status": _status,
    "update_task": _updated,
    "delete_task": _deleted,
    "change_tasks_status": _several("Marked {} as {}"),
    "update_tasks": _several("Changed {}"),
    "delete_tasks": _several("Deleted {}"),
    "move_task": _moved,
    "search_tasks": _listed,
    "create_memory": _remembered,
    "update_memory": _revised,
    "delete_memory": _forgotten,
    "search_memories": _memories,
}
