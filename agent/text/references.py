"""Finds the task or memory that an id or a title refers to, without reading all titles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from agent.exceptions import AmbiguousReference, ToolFailed
from agent.models import Task
from agent.support.words import text_key
from agent.text import lookup, search_index

# Candidates that are compared with a reference, and those that an error message names.
_MAX_COMPARED, _MAX_NAMED = 1000, 5
# As prompts name a task, people too, and models with the brackets of the prompt's lists.
_NUMBER = re.compile(r"#([0-9]{1,9})|\[#([0-9]{1,9})\]")


def as_id(reference: str) -> UUID | None:
    try:
        return UUID(reference.strip())
    except ValueError:
        return None


def as_number(reference: str) -> int | None:
    """Returns 12 for "#12" and "[#12]", the number of a task; None for any other text."""
    match = _NUMBER.fullmatch(reference.strip())
    return int(match[1] or match[2]) if match else None


def by_title(noun: str, reference: str, project_id: UUID, rows: Any) -> UUID:
    """Returns the id of the object that `reference` refers to, as `lookup.fitting` finds it.

    `noun`: "task" or "memory"; `rows`: a query of the project's objects of this kind.
    Raises AmbiguousReference for several objects, ToolFailed for none.
    """
    titles: dict[UUID, str] = dict(
        rows.filter(title_key=text_key(reference)).values_list("pk", "title")[:_MAX_COMPARED]
    )
    matches = lookup.fitting(reference, titles)
    words = lookup.search_terms(reference, search_index.MAX_TERMS)
    # With any word, since the index has other stems than titles are compared by.
    for find in (search_index.with_all_words, search_index.with_any_word):
        if not matches:
            titles = _titles(rows, find(project_id, noun, words, _MAX_COMPARED))
            matches = lookup.fitting(reference, titles)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise AmbiguousReference(
            f"“{reference}” matches several: {_list(matches, titles, rows)}. Use the "
            f"{'number' if noun == 'task' else 'id'} of one of them."
        )
    near = _titles(rows, search_index.search(project_id, noun, reference, 4 * _MAX_NAMED))
    similar = [key for key, title in near.items() if lookup.has_a_word_of(reference, title)]
    hint = f" Similar titles: {_list(similar, near, rows)}." if similar else ""
    if noun == "task" and (number := reference.strip()).isdecimal():
        hint = f" The number of a task is written “#{number}”.{hint}"
    raise ToolFailed(f"There is no {noun} “{reference}” in this project.{hint}")


def missing(noun: str, project_id: UUID, key: UUID | int, rows: Any) -> ToolFailed:
    """Returns the error that `rows` have no object with this id or number. Of one that was deleted it has
    the number and the title: an id says nothing to a person.
    """
    if isinstance(key, int):
        return ToolFailed(f"There is no {noun} #{key} in this project.")
    deleted = rows.model.all_objects.filter(project_id=project_id, pk=key).first()
    if deleted is None:
        return ToolFailed(f"The {noun} is gone, or was never in this project.")
    number = f"#{deleted.number} " if noun == "task" else ""
    return ToolFailed(f"The {noun} {number}“{deleted.title}” was deleted.")


def _titles(rows: Any, keys: list[UUID]) -> dict[UUID, str]:
    return dict(rows.filter(pk__in=keys).values_list("pk", "title")) if keys else {}


def _list(keys: Sequence[UUID], titles: Mapping[UUID, str], rows: Any) -> str:
    named, rest = keys[:_MAX_NAMED], len(keys) - _MAX_NAMED
    numbers: dict[UUID, int] = {}
    if rows.model is Task:
        numbers = dict(rows.filter(pk__in=named).values_list("pk", "number"))
    names = [f"“{titles[key]}” ({_reference(key, numbers)})" for key in named]
    return ", ".join(names) + (f" and {rest} more" if rest > 0 else "")


def _reference(key: UUID, numbers: Mapping[UUID, int]) -> str:
    return f"#{numbers[key]}" if key in numbers else str(key)
