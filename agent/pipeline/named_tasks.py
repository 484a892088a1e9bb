"""Finds the tasks that a message names by number or by the whole title, on a board of any size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from agent.llm.base import Context, TaskBrief
from agent.support import raw_sql
from agent.support.words import text_key
from agent.text import lookup

MAX_NAMED = 20  # tasks of each kind of name
_ASKED_ABOUT = 5  # messages before: this one may answer a question about one of them
_COMPARED, _TITLE_WORDS = 100, 12  # words of the messages that are compared, and of a title
_AROUND = " .,;:!?()"

# Each by an index.
_BY = f"""
SELECT id FROM agent_task WHERE project_id = %s AND deleted_at IS NULL AND {{}} IN ({{}}) LIMIT {MAX_NAMED}
"""


def told(context: Context) -> str:
    """Returns the texts that may name a task."""
    before = [one.content for one in context.history if one.role == "user"][-_ASKED_ABOUT:]
    return "\n".join((context.message, *context.added, *reversed(before)))


def ids(project: UUID, text: str, known: Iterable[TaskBrief], is_cut: bool) -> list[Any]:
    """Returns the ids, as the database has them, of tasks that `text` names by number and that are not
    `known`, and of those named by title, if `is_cut`: if the board may have more than the known ones.
    """
    numbers = dict.fromkeys(lookup.numbers(text, MAX_NAMED))
    for task in known:
        numbers.pop(int(task.id[1:]), None)
    return _find(project, "number", list(numbers)) + (
        _find(project, "title_key", _title_keys(text)) if is_cut else []
    )


def _title_keys(text: str) -> list[str]:
    words = text.split()[:_COMPARED]
    spans = (words[a : a + size] for a in range(len(words)) for size in range(1, _TITLE_WORDS + 1))
    titles = dict.fromkeys(" ".join(span).strip(_AROUND) for span in spans)
    return [text_key(title) for title in titles if title]


def _find(project: UUID, column: str, values: list[Any]) -> list[Any]:
    if not values:
        return []
    places = ",".join(["%s"] * len(values))
    return [key for (key,) in raw_sql.rows(_BY.format(column, places), project, *values)]
