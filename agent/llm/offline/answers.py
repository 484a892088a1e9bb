"""Writes the answer: what really happened, step by step, then whatever else there is to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from agent.llm.base import Analysis, Context, MemoryBrief, Outcome, StepOutcome
from agent.llm.offline.steps import STATUS_WORDS, Draft
from agent.llm.offline.titles import clean, cut
from agent.llm.offline.wishes import Recall
from agent.llm.offline.words import about, words

_WORDS_OF_QUESTIONS = (
    "which what who whom whose when where why how do does did can could should shall will would "
    "must may have has had use used using go going still again ever"
)
_ASKING = frozenset(_WORDS_OF_QUESTIONS.split())
SAY = "Say: "  # begins the description of the step that holds what the answer tells besides
HONEST = (
    "I can't do that: I am the built-in offline planner, a set of rules for English and not a language "
    "model. "
    "For example you can say “Create a task to test the login flow” or "
    "“Remember that we test on Firefox”."
)
HELP = """I am the built-in offline planner: a set of rules, not a language model. You can say:

- “Create a task to test the login flow”, or “I need: 1. sign-up 2. login”
- “Users should be able to reset their password by email”, “Break sign-up down into: form, email”
- “Mark the login task as done”, “Set it to high priority”, “Rename it to …”, “Delete it”
- “Mark all login tasks as done”, “Delete all completed tasks”
- “The reminder depends on booking”, “Make it a subtask of booking”, “Move it to the top”
- “What is open?”, “What should I do next?”, “What depends on booking?”, “Find tasks about login”
- “We decided to use PostgreSQL”, “Remember that we test on Firefox”
- “What did we decide about the database?”, “Forget …”
"""
_UNDO = "You can undo that beside the change."


def answer(context: Context, analysis: Analysis, outcome: Outcome, draft: Draft) -> Iterator[str]:
    """Yields the answer in lines, each with its line end."""
    blocks = list(_blocks(context, analysis, outcome, draft))
    for number, block in enumerate(blocks):
        lines = block.strip("\n").split("\n")
        yield from (f"{line}\n" for line in lines[:-1])
        yield lines[-1] + ("\n\n" if number < len(blocks) - 1 else "\n")


def _blocks(context: Context, analysis: Analysis, outcome: Outcome, draft: Draft) -> Iterator[str]:
    if question := outcome.question or analysis.question:
        yield question
        return
    tools = [step for step in outcome.steps if step.type == "tool"]
    said = [
        step.description.removeprefix(SAY)
        for step in outcome.steps
        if step.description.startswith(SAY)
    ]
    yield from _asides(draft, alone=not tools)
    yield from _done(tools, context)
    yield from (recalled(recall, context) for recall in draft.recalls)
    yield from draft.facts
    if tools or said:
        yield from said or not_understood(draft.not_understood)
    elif analysis.needs_tools:
        yield "I found no way to do that, so nothing was changed. Please say it in other words."
    else:
        yield from _told(draft)


def _told(draft: Draft) -> Iterator[str]:
    """What there is to tell when no tool was used."""
    yield from draft.questions
    yield from draft.notes
    if draft.not_understood:
        alone = not (draft.questions or draft.notes or _says_something(draft))
        yield HONEST if alone else not_understood(draft.not_understood)[0]
    elif not (draft.questions or draft.notes or _says_something(draft)):
        yield HONEST


def _says_something(draft: Draft) -> bool:
    return bool(draft.recalls or draft.facts or draft.asides)


def not_understood(texts: list[str]) -> list[str]:
    """Returns one paragraph that names every part that was not understood, or nothing."""
    if not texts:
        return []
    quoted = ", ".join(f"“{cut(clean(text), 120)}”" for text in texts[:5])
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return [
        f"I did not understand {quoted}{more}: I work by rules. To keep something, say “Remember "
        f"that …”; "
        "for the board, say for example “Create a task to …”."
    ]


def _asides(draft: Draft, *, alone: bool) -> Iterator[str]:
    kinds = {aside.kind for aside in draft.asides}
    if "help" in kinds:
        yield HELP
    elif "greeting" in kinds and alone:
        yield (
            "Hello! Tell me what you are building, what is to be done and what you have decided; "
            "I keep the board and the memory."
        )
    elif "thanks" in kinds and alone:
        yield "You're welcome!"
    if "project" in kinds:
        quiet = alone and not (draft.recalls or draft.facts or draft.questions)
        more = (
            " What is to be done? Say for example “I need: 1. sign-up 2. login”." if quiet else ""
        )
        yield f"Good to know what you are building.{more}"


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
    line = f"“{result.get('title', '')}” is now {STATUS_WORDS.get(status, status)}."
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
        words = STATUS_WORDS.get(arguments.get("status", ""), "")
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
        else f"{STATUS_WORDS.get(statuses[0], '')} "
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
    status = str(STATUS_WORDS.get(task["status"], task["status"]))
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


# -- what is in memory -----------------------------------------------------------------------------


def recalled(recall: Recall, context: Context) -> str:
    """Answers a question to the memory by quoting it, or says that it holds nothing."""
    every = tuple(
        {memory.id: memory for memory in (*context.memories, *context.recent_memories)}.values()
    )
    if recall.kind == "?":
        found = matching(_asked_about(recall.topic), every)[:3]
        return f"In memory I find:\n\n{_quotes(found)}" if found else HONEST
    kinds = [memory for memory in every if recall.kind in ("", memory.kind)]
    if not recall.topic:
        words = f"{recall.kind}s" if recall.kind else "memories"
        return (
            f"The {words} that I find:\n\n{_quotes(kinds[:10])}"
            if kinds
            else f"I find no {words} for that."
        )
    found = matching(recall.topic, tuple(kinds)) or matching(recall.topic, every)
    if found:
        head = f"What I remember about “{recall.topic}”:"
        return f"{head}\n\n{_quotes(found[:5])}"
    nothing = f"I find nothing about “{recall.topic}” in memory."
    near = [memory for memory in kinds if recall.kind][:3]
    return f"{nothing} The nearest that I have:\n\n{_quotes(near)}" if near else nothing


def _asked_about(question: str) -> str:
    """Returns the words of `question` that name what it is about."""
    return " ".join(word for word in words(question) if word not in _ASKING)


def matching(topic: str, memories: tuple[MemoryBrief, ...]) -> list[MemoryBrief]:
    """Returns the memories about `topic`, best first."""
    scores = [(about(topic, f"{memory.title} {memory.content}"), memory) for memory in memories]
    scores = [(score, memory) for score, memory in scores if score >= 0.34]
    return [memory for _, memory in sorted(scores, key=lambda pair: -pair[0])]


def _quotes(memories: list[MemoryBrief]) -> str:
    return "\n>\n".join(
        "> " + memory.content.strip().replace("\n", "\n> ") + f" *({memory.kind})*"
        for memory in memories
    )
