"""Sentences that an answer offers: each works as it stands, in this project, and can be clicked.

An offer is a link to `#say`; the page puts its text into the field. Elsewhere it is only a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.llm.base import Context, TaskBrief
from agent.llm.offline.grammar import FORMS, Form

_MARKDOWN = re.compile(r"([\\`*_\[\]<>&#|~])")
_UNQUOTABLE = re.compile(r"[“”\"\n]")
_UNLISTED = frozenset(("talk", "reason", "help", "project", "refuse"))


def plain(text: str) -> str:
    """Returns `text` so that Markdown leaves it as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def offer(text: str) -> str:
    return f"[{plain(text)}](#say)"


def quoted_offer(text: str) -> str:
    return f"“{offer(text)}”"


def listed_forms() -> Iterator[Form]:
    """Yields the forms that the help lists: the first of each intent."""
    seen: set[str] = set(_UNLISTED)
    for form in FORMS:
        if form.intent not in seen:
            seen.add(form.intent)
            yield form


def example(form: Form, context: Context) -> str | None:
    """Returns the form's example with names of this project; None when it has no such names."""
    names: dict[str, str] = {}
    pair = _pair(context.tasks)
    if pair:
        names = {"task": f"“{pair[0].title}”", "other": f"“{pair[1].title}”"}
    elif tasks := _quotable(context.tasks):
        names = {"task": f"“{tasks[0].title}”"}
    for memory in context.memories:
        if not _UNQUOTABLE.search(memory.title):
            names["memory"] = f"“{memory.title}”"
            break
    try:
        return form.example.format_map(names)
    except KeyError:
        return None


def _quotable(tasks: tuple[TaskBrief, ...]) -> list[TaskBrief]:
    """Returns the tasks that a quotation of their title means, and nothing else."""
    titles = [task.title.casefold() for task in tasks]
    return [
        task
        for task in tasks
        if not _UNQUOTABLE.search(task.title) and titles.count(task.title.casefold()) == 1
    ]


def _pair(tasks: tuple[TaskBrief, ...]) -> tuple[TaskBrief, TaskBrief] | None:
    """Returns two tasks of which the first may come to depend on the second, and to be a part of it."""
    free = [task for task in _quotable(tasks) if not task.parent and not task.depends_on]
    parents = {task.parent for task in tasks}
    for task in _quotable(tasks):
        for other in free:
            if other is not task and task.id not in parents and other.id not in task.depends_on:
                return task, other
    return None
