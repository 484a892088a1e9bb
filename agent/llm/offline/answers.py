"""Writes the answer: what really happened, step by step, then whatever else there is to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agent.llm.base import Context, Outcome, StepOutcome
from agent.llm.offline.drafting import Draft
from agent.llm.offline.revising import SAY
from agent.llm.offline.vocabulary import LISTED, STATUS_NAMES

_UNDO = "You can undo that beside the change."
_NAMED = 5  # titles of what is still open


def answer(context: Context, outcome: Outcome, draft: Draft) -> Iterator[str]:
    """Yields the answer in lines, each with its line end."""
    lines = "\n\n".join(block.strip("\n") for block in _blocks(context, outcome, draft))
    yield from (f"{line}\n" for line in lines.split("\n"))


def _blocks(context: Context, outcome: Outcome, draft: Draft) -> Iterator[str]:
    if draft.question or draft.refusal or outcome.question:
        yield draft.question.markdown if draft.question else draft.refusal or outcome.question
        return
    tools = [step for step in outcome.steps if step.type == "tool"]
    texts = [step.description for step in outcome.steps if step.description.startswith(SAY)]
    if not tools:
        yield from draft.made.talk
    yield from _done(tools, context)
    yield from draft.made.facts
    if tools or not draft.made.steps:
        yield from draft.made.notes
    yield from (text.removeprefix(SAY) for text in texts)
    if draft.made.steps and not tools and not texts:
        yield "I found no way to do that, so nothing was changed. Please say it in other words."


def _done(steps: Sequence[StepOutcome], context: Context) -> Iterator[str]:
    lines = [_line(step, context) for step in steps]
    short = [line for line in lines if "\n" not in line]
    yield "\n".join(f"- {line}" for line in short) if len(short) > 1 else "".join(short)
    yield from (line for line in lines if "\n" in line)
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


def _created(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    title = result.get("title", arguments.get("title", ""))
    level = f" with {arguments['priority']} priority" if arguments.get("priority") else ""
    return f"Created the task “{title}”{level}{_place(arguments, context)}."


def _created_all(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    titles = result.get("titles") or []
    lines = []
    for number, (title, item) in enumerate(zip(titles, arguments["tasks"], strict=False), 1):
        before = [titles[index] for index in item.get("after", [])]
        after = f", depends on {_quoted(before)}" if before else ""
        lines.append(f"{number}. {title}{_place(item, context)}{after}")
    return f"Created {_count(titles)}:\n\n" + "\n".join(lines)


def _place(arguments: dict[str, Any], context: Context) -> str:
    parent = _titles([arguments.get("parent")], context)
    needed = _titles(arguments.get("depends_on", []), context)
    within = f" as a part of {_quoted(parent)}" if parent else ""
    return within + (f", depends on {_quoted(needed)}" if needed else "")


def _titles(references: Sequence[Any], context: Context) -> list[str]:
    """Returns the titles of the tasks with these ids; those of this plan have no title here."""
    known = (*context.tasks, *context.completed, *context.recent_tasks)
    titles = {task.id: task.title for task in known}
    return [titles[one] for one in references if isinstance(one, str) and one in titles]


def _quoted(titles: Sequence[str]) -> str:
    return " and ".join(f"“{title}”" for title in titles)


def _count(titles: Sequence[str]) -> str:
    return "1 task" if len(titles) == 1 else f"{len(titles)} tasks"


def _status(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    status = STATUS_NAMES.get(result.get("status", ""), arguments.get("status", ""))
    return f"“{result.get('title', '')}” is now {status}.{_still_open(result)}"


def _still_open(result: dict[str, Any]) -> str:
    titles = result.get("still_open") or []
    more = f" and {len(titles) - _NAMED} more" if len(titles) > _NAMED else ""
    named = ", ".join(f"“{title}”" for title in titles[:_NAMED])
    return f" Still open, though it has to do with that: {named}{more}." if titles else ""


def _changed_all(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    titles = result.get("titles") or []
    if not titles:
        return "That is so already; no task was changed."
    done = f"Changed {_count(titles)}"
    if "status" in arguments:
        done = f"Marked {_count(titles)} as {STATUS_NAMES[arguments['status']]}"
    elif "priority" in arguments:
        done = f"Set {_count(titles)} to {arguments['priority']} priority"
    return f"{done}: {', '.join(f'“{title}”' for title in titles)}.{_still_open(result)}"


def _deleted_all(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    return _changed_all(arguments, result, context).replace("Changed", "Deleted", 1)


def _moved(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    where = "before" if arguments.get("before") else "after"
    other = _titles([arguments.get(where)], context)
    place = f"{where} {_quoted(other)}" if other else "to its new place"
    return f"Moved “{result.get('title', '')}” {place}."


def _updated(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    title = f"“{result.get('title', '')}”"
    match arguments:
        case {"title": _}:
            return f"The task is now called {title}."
        case {"priority": priority}:
            return f"{title} has {priority} priority now."
        case {"depends_on": []}:
            return f"{title} depends on no other task now."
        case {"depends_on": needed}:
            names = _quoted(_titles(needed, context)) or "what you named"
            return f"{title} depends on {names} now."
        case {"parent": ""}:
            return f"{title} is a task of its own now."
        case {"parent": _}:
            return f"{title} has its new place under its parent task."
    return f"Described {title}."


def _listed(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    tasks, statuses = result.get("tasks", []), tuple(arguments.get("status", ()))
    kind = f"{STATUS_NAMES[statuses[0]]} " if len(statuses) == 1 else ""
    kind = "open " if statuses == LISTED["open"] else kind
    query = f" about “{arguments['query']}”" if arguments.get("query") else ""
    if not tasks:
        return f"There are no {kind}tasks{query}."
    total = max(int(result.get("total", 0)), len(tasks))
    lines = [f"- {task['title']} ({_state(task)})" for task in tasks]
    lines += [f"- … and {total - len(tasks)} more"] if total > len(tasks) else []
    head = (
        f"There is 1 {kind}task{query}:" if total == 1 else f"There are {total} {kind}tasks{query}:"
    )
    return head + "\n\n" + "\n".join(lines)


def _state(task: dict[str, Any]) -> str:
    more = f", {task['priority']} priority" if task.get("priority") in ("high", "low") else ""
    return f"{STATUS_NAMES[task['status']]}{more}"


def _memories(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    found = result.get("memories", [])
    lines = "\n".join(f"- {memory['content']}" for memory in found)
    return f"In memory:\n\n{lines}" if found else "I find nothing about that in memory."


def _revised(arguments: dict[str, Any], result: dict[str, Any], context: Context) -> str:
    said = f": {arguments['content']}" if arguments.get("content") else "."
    return f"Updated the memory “{result.get('title', '')}”{said}"


def _title(text: str) -> Callable[[dict[str, Any], dict[str, Any], Context], str]:
    """Writes `text` with the title of what was changed, and the arguments, in its gaps."""
    return lambda arguments, result, _: text.format_map({**arguments, **result})


_WRITERS: dict[str, Callable[[dict[str, Any], dict[str, Any], Context], str]] = {
    "create_task": _created,
    "create_tasks": _created_all,
    "change_task_status": _status,
    "update_task": _updated,
    "delete_task": _title("Deleted the task “{title}”."),
    "change_tasks_status": _changed_all,
    "update_tasks": _changed_all,
    "delete_tasks": _deleted_all,
    "move_task": _moved,
    "search_tasks": _listed,
    "create_memory": _title("Remembered the {kind} “{title}”."),
    "update_memory": _revised,
    "delete_memory": _title("Forgot “{title}”."),
    "search_memories": _memories,
}
