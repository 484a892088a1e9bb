"""Sentences that an answer offers: each works as it stands, in this project, and can be clicked.

An offer is a link to `#say`; the page puts its text into the field. Elsewhere it is only a link.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice, permutations

from agent.llm.base import Context
from agent.llm.offline.grammar import FORMS

_MARKDOWN = re.compile(r"([\\`*_\[\]<>&#|~])")
_UNQUOTABLE = re.compile(r"[“”\"\n]")
_UNLISTED = frozenset(("talk", "reason", "help", "project"))
_TRIED = 5  # tasks whose titles are tried in an example


def plain(text: str) -> str:
    """Returns `text` so that Markdown leaves it as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def offer(text: str) -> str:
    return f"[{plain(text)}](#say)"


def help_lines(context: Context, works: Callable[[str], bool]) -> str:
    """Lists the first form of each intent with names of this project, where one works."""
    examples = {form.intent: form.example for form in reversed(FORMS)}
    lines = []
    for form in FORMS:
        if form.intent not in _UNLISTED and examples.get(form.intent) == form.example:
            texts = (text for text in _with_names(form.example, context) if works(text))
            lines += [f"- {offer(text)}" for text in islice(texts, 1)]
    return "\n".join(lines)


def _with_names(example: str, context: Context) -> Iterator[str]:
    tasks = [f"“{task.title}”" for task in context.tasks if not _UNQUOTABLE.search(task.title)]
    memories = [f"“{one.title}”" for one in context.memories if not _UNQUOTABLE.search(one.title)]
    for task, other in permutations([*tasks[:_TRIED], "", ""], 2):
        names = {"task": task, "other": other, "memory": (memories or [""])[0]}
        if all(name for key, name in names.items() if f"{{{key}}}" in example):
            yield example.format_map(names)
