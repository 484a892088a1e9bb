"""The rules for the fields of a task.

Each function raises ToolFailed for a value that the rule forbids. `set_dependencies` also writes, everything
else only checks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from operator import or_
from typing import Any, TypedDict
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat, Trim

from agent.exceptions import AmbiguousReference, ToolFailed
from agent.models import Task
from agent.support import raw_sql
from agent.support.counts import too_long
from agent.support.words import name_of, same_text, storable

MAX_TITLE = 200
MAX_DESCRIPTION = 100_000
# A due date outside of these years is a slip of the keyboard.
FIRST_DUE, LAST_DUE = date(2000, 1, 1), date(2200, 12, 31)
MAX_HOURS = 10_000
MAX_LABELS = 10
LABEL = re.compile(r"[^\s,;#\"]{1,30}")
LABEL_RULE = "A label is one word of at most 30 characters, without commas"
MAX_MEMBERS = 100  # of a list of members
_MAX_NAMED = 20  # members that an error names
# Levels of nested tasks. People do not read deeper boards.
MAX_DEPTH = 4
MAX_DEPENDENCIES = 100  # of one task
# Distance between the positions of neighbours. It leaves room for 24 moves into the same place before the
# tasks around it are spread out, and for half a billion tasks before positions exceed JavaScript's integers.
GAP = 2**24
LAST_POSITION = 2**53 - 1

_edges: Any = Task.depends_on.through


class Fields(TypedDict, total=False):
    """Values of a task's fields beside its title and its links, as the rules below take them."""

    description: str
    status: str
    priority: str
    due: date | str | None
    estimate: float | None  # hours
    labels: Sequence[str]
    criteria: Sequence[str | Mapping[str, Any]]
    assignee: str | None  # a user name


def title(text: str) -> str:
    title = name_of(text)
    if not title:
        raise ToolFailed("The title is empty, or shows nothing.")
    if len(title) > MAX_TITLE:
        raise ToolFailed(f"{too_long('The title', len(title), MAX_TITLE)}.")
    return title


def one_of(allowed: Collection[str], value: str, name: str) -> str:
    if value not in allowed:
        raise ToolFailed(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def description(text: str) -> str:
    text = storable(text)
    if len(text) > MAX_DESCRIPTION:
        raise ToolFailed(f"{too_long('The description', len(text), MAX_DESCRIPTION)}.")
    return text


def due(value: date | str | None) -> date | None:
    """Returns the date of an ISO text ("2026-12-04"), or of none."""
    if not value:
        return None
    try:
        day = value if isinstance(value, date) else date.fromisoformat(value)
    except ValueError:
        raise ToolFailed(f"The due date must be like 2026-12-04, not {value!r}.") from None
    if not FIRST_DUE <= day <= LAST_DUE:
        raise ToolFailed(f"The due date must be from {FIRST_DUE} to {LAST_DUE}, not {day}.")
    return day


def estimate(value: float | None) -> float | None:
    """Returns hours; None for 0 too."""
    if value is not None and not 0 <= value <= MAX_HOURS:
        raise ToolFailed(f"The estimate must be 0 to {MAX_HOURS} hours, not {value:g}.")
    return round(float(value), 2) if value else None


def labels(values: Iterable[str]) -> list[str]:
    """Returns the labels in lower case, each once. Their order is kept."""
    words = list(dict.fromkeys(name_of(value).lower() for value in values))
    for word in words:
        if not LABEL.fullmatch(word):
            raise ToolFailed(f"{LABEL_RULE}; “{word}” is none.")
    if len(words) > MAX_LABELS:
        raise ToolFailed(f"A task has at most {MAX_LABELS} labels, not {len(words)}.")
    return words


# The rules of the fields whose value needs nothing but itself.
VALUES: Mapping[str, Callable[[Any], Any]] = {
    "description": description,
    "status": lambda value: one_of(Task.Status.values, value, "status"),
    "priority": lambda value: one_of(Task.Priority.values, value, "priority"),
    "due": due,
    "estimate": estimate,
    "labels": labels,
}


def member(project_id: UUID, name: str | None) -> User | None:
    """Returns the owner or member of the project that `name` names; None for no name.

    `name`: a user name, ignoring case, or else a first or full name that only one of them has. Raises
    AmbiguousReference for several, ToolFailed for none.
    """
    if not name or not name.strip():
        return None
    people = _people(project_id)
    full_name = Trim(Concat("first_name", Value(" "), "last_name"))
    named = people.annotate(full_name=full_name).order_by("username")
    for fields in (["username"], ["first_name", "full_name"]):
        matches = list(named.filter(_is_named(name, fields))[: _MAX_NAMED + 1])
        exact = [person for person in matches if person.get_username() == name.strip()]
        if len(exact or matches) == 1:
            return (exact or matches)[0]
        if matches:
            raise AmbiguousReference(
                f"“{name}” matches several members: {_listed(matches)}. Use the user name of one."
            )
    known = list(people.order_by("username")[: _MAX_NAMED + 1])
    raise ToolFailed(f"“{name}” is no member of this project. Its members: {_listed(known)}.")


def _is_named(name: str, fields: Iterable[str]) -> Q:
    """Returns the condition that one of `fields` is `name`, ignoring case.

    SQLite ignores the case of ASCII letters only, hence the three ways to write it.
    """
    said = {" ".join(name.split()), same_text(name)}
    ways = {way for one in said for way in (one, one.lower(), one.upper(), one.title())}
    return reduce(or_, (Q(**{f"{field}__iexact": way}) for field in fields for way in ways))


def _listed(people: Sequence[User]) -> str:
    """Returns the user names, with the real name of who has one."""
    names = [
        f"{one.get_username()} ({full})" if (full := one.get_full_name()) else one.get_username()
        for one in people[:_MAX_NAMED]
    ]
    return ", ".join(names) + (" and more" if len(people) > _MAX_NAMED else "")


# SQL that selects the active owner and members of a project among the users, by user name. Takes the
# project twice.
MEMBERS = f"""
is_active AND id IN (
    SELECT owner_id FROM agent_project WHERE id = %s
    UNION SELECT user_id FROM agent_membership WHERE project_id = %s
) ORDER BY username LIMIT {MAX_MEMBERS}
"""


def members(project_id: UUID) -> list[User]:
    """Returns the active owner and members of the project by user name, at most `MAX_MEMBERS`."""
    return raw_sql.select(User, MEMBERS, project_id, project_id)


def _people(project_id: UUID) -> QuerySet[User]:
    """As `MEMBERS`, to be filtered."""
    mine = Q(owned_projects=project_id) | Q(memberships__project=project_id)
    return User.objects.filter(mine, is_active=True).distinct()


def same_project(task: Task, others: Iterable[Task]) -> None:
    for other in others:
        if other.project_id != task.project_id:
            raise ToolFailed(f"The task “{other.title}” is not in this project.")


def check_parent(parent: Task | None, tasks: Sequence[Task]) -> None:
    """Checks whether all `tasks` may be parts of `parent`, with as many queries as for one of them."""
    if parent is None or not tasks:
        return
    ancestors = _ancestors(parent)
    for task in tasks:
        same_project(task, [parent])
        if task.pk in ancestors:
            raise ToolFailed(f"“{task.title}” cannot be part of itself or of one of its subtasks.")
    if len(ancestors) + _height(tasks) > MAX_DEPTH:
        raise ToolFailed(f"Tasks can be nested at most {MAX_DEPTH} levels deep.")


def check_number(task: Task, needed: int) -> None:
    if needed > MAX_DEPENDENCIES:
        raise ToolFailed(
            f"“{task.title}” cannot depend on {needed} tasks; {MAX_DEPENDENCIES} at most."
        )


# Deleted tasks count, since they may be restored.


def _ancestors(task: Task) -> list[UUID]:
    """Returns the task and all its ancestors."""
    chain: list[UUID] = []
    key: UUID | None = task.pk
    while key is not None and key not in chain:
        chain.append(key)
        key = Task.all_objects.values_list("parent_id", flat=True).get(pk=key)
    return chain


# One statement, however many subtasks there are.
_HEIGHT = """
WITH RECURSIVE part(id, level) AS (
    SELECT id, 1 FROM agent_task WHERE id IN ({})
    UNION ALL SELECT task.id, part.level + 1 FROM part
    JOIN agent_task task ON task.parent_id = part.id WHERE part.level < %s
)
SELECT max(level) FROM part
"""


def _height(tasks: Collection[Task]) -> int:
    """Returns the number of levels from the tasks to their deepest subtask, as far as `MAX_DEPTH`; 1
    without subtasks.
    """
    keys = [task.pk for task in tasks]
    (height,) = raw_sql.column(_HEIGHT.format(",".join(["%s"] * len(keys))), *keys, MAX_DEPTH)
    return int(height or 1)  # none: the tasks are new


def set_dependencies(task: Task, needed: Sequence[Task]) -> None:
    check_number(task, len(needed))
    same_project(task, needed)
    tasks = {other.pk: other for other in needed}
    circular = _with_dependants(task.pk, tasks)
    for key in tasks.keys() & circular:
        raise ToolFailed(
            f"“{task.title}” cannot depend on “{tasks[key].title}”: the dependencies form a circle."
        )
    existing = set(_edges.objects.filter(from_task=task).values_list("to_task_id", flat=True))
    _edges.objects.filter(from_task=task).exclude(to_task__in=tasks).delete()
    _edges.objects.bulk_create(
        [
            _edges(from_task=task, to_task=other)
            for key, other in tasks.items()
            if key not in existing
        ]
    )


# One statement, however long the chains of dependencies are.
_DEPENDANTS = """
WITH RECURSIVE dependant(id) AS (
    SELECT id FROM agent_task WHERE id = %s
    UNION SELECT edge.from_task_id FROM dependant
    JOIN agent_task_depends_on edge ON edge.to_task_id = dependant.id
)
SELECT id FROM dependant WHERE id IN ({})
"""


def _with_dependants(task: UUID, among: Collection[UUID]) -> set[UUID]:
    """Returns those of `among` that are the task or depend on it, directly or indirectly."""
    if not among:
        return set()
    places = ",".join(["%s"] * len(among))
    found = raw_sql.column(_DEPENDANTS.format(places), task, *among)
    return {UUID(str(key)) for key in found}
