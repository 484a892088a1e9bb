"""Finds the tasks that a message names by number or by the whole title, on a board of any size."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection

from agent.llm.base import Context, TaskBrief
from agent.support import raw_sql
from agent.support.words import text_key
from agent.text import lookup

MAX_NAMED = 20  # tasks of each kind of name
_ASKED_ABOUT = 5  # messages before: this one may answer a question about one of them
_COMPARED, _TITLE_WORDS = 100, 12  # words of the messages that are compared, and of a title
_AROUND = " .,;:!?()"

_PRESENT = "project_id = %s AND deleted_at IS NULL"
_BY_NUMBER = f"SELECT id FROM agent_task WHERE {_PRESENT} AND number IN ({{}}) LIMIT {MAX_NAMED}"
# Each title by the index: of many in one list, PostgreSQL would read all tasks of the project.
_BY_TITLE = {
    "sqlite": f"""SELECT agent_task.id FROM json_each(%s) wanted
        CROSS JOIN agent_task ON title_key = wanted.value AND {_PRESENT} LIMIT {MAX_NAMED}""",
    "postgresql": f"""SELECT found.id FROM json_array_elements_text(%s) AS wanted(key)
        CROSS JOIN LATERAL (SELECT id FROM agent_task WHERE {_PRESENT} AND title_key = wanted.key
        LIMIT {MAX_NAMED}) found LIMIT {MAX_NAMED}""",
}


def told(context: Context) -> str:
    """Returns the texts that may name a task. After steps, the numbers of the tasks that were found in them
    before are enough, unless something was sent into the run meanwhile.
    """
    if context.after_steps and not context.added:
        return " ".join(task.id for task in context.named)
    before = [one.content for one in context.history if one.role == "user"][-_ASKED_ABOUT:]
    return "\n".join((context.message, *context.added, *reversed(before)))


def ids(project: UUID, text: str, known: Iterable[TaskBrief], is_cut: bool) -> list[Any]:
    """Returns the ids, as the database has them, of tasks that `text` names by number and that are not
    `known`, and of those named by title, if `is_cut`: if the board may have more than the known ones.
    """
    numbers = dict.fromkeys(lookup.numbers(text, MAX_NAMED))
    for task in known:
        numbers.pop(int(task.id[1:]), None)
    found: list[Any] = []
    if numbers:
        found = raw_sql.rows(_BY_NUMBER.format(_places(len(numbers))), project, *numbers)
    if is_cut and (keys := _title_keys(text)):
        found += raw_sql.rows(_BY_TITLE[connection.vendor], json.dumps(keys), project)
    return [key for (key,) in found]


def _title_keys(text: str) -> list[str]:
    words = text.split()[:_COMPARED]
    spans = (words[a : a + size] for a in range(len(words)) for size in range(1, _TITLE_WORDS + 1))
    titles = dict.fromkeys(" ".join(span).strip(_AROUND) for span in spans)
    return [text_key(title) for title in titles if title]


def _places(number: int) -> str:
    return ",".join(["%s"] * number)
