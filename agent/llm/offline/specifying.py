"""A requirement as tasks, each with goal, acceptance criteria and constraints in the words that were said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.llm.offline.titles import clean, sentence
from agent.llm.offline.wishes import CreateTask, Requirement

_PIECE = re.compile(
    r"(?:,| but)? ?\b(?P<limit>(?:within|without|unless|until|at (?:most|least)"
    r"|no (?:more|less|later|fewer) than"
    r"|up to|only (?:if|when|after|once|for|by|on|in)|except|but not|even (?:if|when)"
    r"|as long as|not (?:more|later) than) [^,;]+)",
    re.I,
)


def tasks_of(found: Requirement) -> Iterator[CreateTask]:
    if found.parts:
        for part in found.parts:
            own = replace(found, title=part, criteria=(part, *found.criteria[len(found.parts) :]))
            yield _task(replace(own, parts=(), others=()), "")
    else:
        yield _task(found, "")
    for other in found.others:
        yield _task(other, found.title)


def _task(found: Requirement, before: str) -> CreateTask:
    title = clean(found.title)
    description = "\n".join(_lines(found)).strip()
    needed = f"“{clean(before)}”" if before else ""
    return CreateTask(title, description, depends_on=needed, action=False)


def _lines(found: Requirement) -> Iterator[str]:
    if not (found.criteria or found.limits or found.why):
        yield found.said
        return
    yield f"Goal: {sentence(clean(found.title))}"
    if found.who and found.who.lower() not in found.title.lower():
        yield f"For: {found.who}"
    if found.why:
        yield f"Why: {sentence(clean(found.why))}"
    yield from _list("Acceptance criteria", found.criteria)
    yield from _list("Constraints", (*_limits(found), *found.limits))
    if found.said:
        yield ""
        yield f"As it was said: “{found.said}”"


def _limits(found: Requirement) -> Iterator[str]:
    """Yields the limits that stand within the sentence: “within two seconds”."""
    for match in _PIECE.finditer(found.title):
        yield match["limit"]


def _list(heading: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{heading}:"
        yield from (f"- {sentence(clean(line))}" for line in lines)
