"""The only module that writes tasks. The caller opens the transaction and emits the events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, Unpack
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from agent.accounts.quotas import TASKS
from agent.board import criteria, places
from agent.board import task_rules as rules
from agent.board.locking import lock_board
from agent.board.task_rules import Fields
from agent.change import Change
from agent.exceptions import ToolFailed
from agent.models import SearchEntry, Task
from agent.support import raw_sql
from agent.text import search_index

# The fields that are a value of the task alone, which a person edits and a model reads as it is.
PLAIN_FIELDS = ("title", *rules.VALUES, "criteria")

_edges: Any = Task.depends_on.through


class Keep(Enum):
    """The default of an argument for which None means "no parent": leave the value unchanged."""

    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be created. `after`: 0-based indexes of earlier items of the same list."""

    title: str
    parent: Task | None = None
    depends_on: tuple[Task, ...] = ()
    after: tuple[int, ...] = ()
    more: Fields = field(default_factory=Fields)


# -- reading ---------------------------------------------------------------------------------------


def task_json(task: Task) -> dict[str, Any]:
    return tasks_json([task])[0]


def tasks_json(tasks: Sequence[Task], fields: Iterable[str] = PLAIN_FIELDS) -> list[dict[str, Any]]:
    """Returns the tasks as JSON for `change` events, or with some of the plain fields only. Dependencies on
    deleted tasks are included: deleting a task changes no other task.
    """
    needed, names = _needed(tasks), user_names(tasks)
    return [_json(task, needed[task.pk], names, fields) for task in tasks]


def _needed(tasks: Sequence[Task]) -> dict[UUID, list[str]]:
    needed: dict[UUID, list[str]] = {task.pk: [] for task in tasks}
    if needed:
        where = f"from_task_id IN ({','.join(['%s'] * len(needed))})"
        # Sorted here: to save itself the sorting, SQLite would read the whole table in order.
        edges = raw_sql.select(_edges, where, *needed)
        for edge in sorted(edges, key=attrgetter("pk")):
            needed[edge.from_task_id].append(str(edge.to_task_id))
    return needed


def user_names(tasks: Iterable[Task]) -> dict[int | None, str]:
    """Returns the names of the tasks' assignees by id. No query if there are none."""
    keys = {task.assignee_id for task in tasks if task.assignee_id is not None}
    people = User.objects.filter(pk__in=keys).values_list("pk", "username") if keys else ()
    return dict(people)


def plain_json(task: Task, fields: Iterable[str] = PLAIN_FIELDS) -> dict[str, Any]:
    """Returns the plain fields as JSON."""
    return {name: _value(getattr(task, name)) for name in fields}


def _value(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value  # a choice may still be an enum


def _json(
    task: Task,
    depends_on: list[str],
    names: Mapping[int | None, str],
    fields: Iterable[str] = PLAIN_FIELDS,
) -> dict[str, Any]:
    return {
        "id": str(task.pk),
        "number": task.number,
        **plain_json(task, fields),
        "assignee": names.get(task.assignee_id),
        "parent": None if task.parent_id is None else str(task.parent_id),
        "depends_on": depends_on,
        "position": task.position,
    }


# -- writing ---------------------------------------------------------------------------------------


def create_task(
    *,
    project_id: UUID,
    title: str,
    parent: Task | None = None,
    depends_on: Sequence[Task] = (),
    positions: Sequence[int] | None = None,
    **more: Unpack[Fields],
) -> tuple[Task, Change]:
    item = NewTask(title, parent, tuple(depends_on), more=more)
    tasks, changes = create_tasks(project_id=project_id, items=[item], positions=positions)
    return tasks[0], changes[0]


def create_tasks(
    *, project_id: UUID, items: Sequence[NewTask], positions: Sequence[int] | None = None
) -> tuple[list[Task], list[Change]]:
    """Creates the tasks in this order, at `positions` or at the end of the board. Raises `QuotaReached`."""
    lock_board(project_id)
    first, end = _next_places(project_id, len(items))
    if positions is None:
        positions = [end + index * rules.GAP for index in range(len(items))]
    find = cache(rules.member)
    tasks = [
        _new(project_id, item, first + index, position, find)
        for index, (item, position) in enumerate(zip(items, positions, strict=True))
    ]
    for key, parent in {task.parent_id: task.parent for task in tasks}.items():
        rules.check_parent(parent, [task for task in tasks if task.parent_id == key])
    needed = [list(_dependencies(item, index, tasks)) for index, item in enumerate(items)]
    edges = [
        _edges(from_task=task, to_task=other)
        for task, others in zip(tasks, needed, strict=True)
        for other in others
    ]
    raw_sql.insert(*tasks)
    raw_sql.insert(*edges)
    search_index.put(map(entry_of, tasks))
    return tasks, _created(tasks, needed)


def _created(tasks: Sequence[Task], needed: Sequence[Sequence[Task]]) -> list[Change]:
    """`needed`: the tasks that each depends on."""
    names = user_names(tasks)
    return [
        Change(
            "task", task.pk, "created", None, _json(task, [str(one.pk) for one in others], names)
        )
        for task, others in zip(tasks, needed, strict=True)
    ]


def update_task(
    *,
    task: Task,
    title: str | None = None,
    parent: Task | Keep | None = Keep.KEEP,
    depends_on: Sequence[Task] | None = None,
    position: int | None = None,
    is_locked: bool = False,
    **fields: Unpack[Fields],
) -> tuple[Task, Change | None]:
    """Sets the given fields. Returns None as the change if all of them have these values already.

    If another task has the given `position`, the task is placed directly before it. `is_locked`: the task
    is from `finding.find_locked` in this transaction, and is not read again.
    """
    task = task if is_locked else _locked(task)
    before = task_json(task)
    if title is not None:
        task.title = rules.title(title)
    _set(task, fields, rules.member)
    if not isinstance(parent, Keep):
        rules.check_parent(parent, [task])
        task.parent = parent
    if depends_on is not None:
        rules.set_dependencies(task, depends_on)
    if position is not None:
        task.position = places.place(task, position)
    needed = before["depends_on"] if depends_on is None else _needed([task])[task.pk]
    return task, _save(task, before, _json(task, needed, user_names([task])))


def tick(*, task: Task, criterion: str, done: bool) -> tuple[Task, Change | None]:
    """Ticks an acceptance criterion, given by its text or its place from 1, or removes its tick."""
    task = _locked(task)
    items = criteria.ticked(task.criteria, criterion, done)
    return update_task(task=task, is_locked=True, criteria=items)


def move_task(
    *, task: Task, before: Task | None = None, after: Task | None = None
) -> tuple[Task, Change | None]:
    """Places the task directly before or after another task. Exactly one of the two is given."""
    other = before or after
    assert other is not None, "exactly one of before and after is given"
    if other.pk == task.pk:
        raise ToolFailed(f"“{task.title}” cannot be placed before or after itself.")
    rules.same_project(task, [other])
    position = _locked(other).position
    if before is None:
        position = places.following(task, position)
    return update_task(task=task, position=position)


def update_tasks(
    *,
    tasks: Sequence[Task],
    parent: Task | Keep | None = Keep.KEEP,
    **fields: Unpack[Fields],
) -> list[Change]:
    """Sets the same fields of several tasks. Returns a change for each task that differed."""
    rows = _all_locked(tasks)
    before, find = tasks_json(rows), cache(rules.member)
    if not isinstance(parent, Keep):
        rules.check_parent(parent, rows)
    for row in rows:
        _set(row, fields, find)
        if not isinstance(parent, Keep):
            row.parent = parent
        row.updated_at = timezone.now()
    pairs = zip(rows, before, tasks_json(rows), strict=True)
    changed = [(row, was, now) for row, was, now in pairs if was != now]
    Task.all_objects.bulk_update([row for row, _, _ in changed], [*fields, "parent", "updated_at"])
    return [Change("task", row.pk, "updated", was, now) for row, was, now in changed]


def unassign(*, project_id: UUID, user_id: int) -> int:
    """Takes the tasks of a project from a person, who leaves it, by one statement. Returns their number."""
    lock_board(project_id)
    rows = Task.objects.filter(project=project_id, assignee=user_id)
    return int(rows.update(assignee=None, updated_at=timezone.now()))


def delete_task(*, task: Task) -> tuple[Task, Change]:
    """Marks the task as deleted. Its subtasks and the tasks that depend on it stay."""
    return task, delete_tasks(tasks=[task])[0]


def delete_tasks(*, tasks: Sequence[Task]) -> list[Change]:
    """Marks the tasks as deleted. Their subtasks and the tasks that depend on them stay."""
    keys, rows = [task.pk for task in tasks], _all_locked(tasks)
    for row in rows:
        if row.deleted_at is not None:
            raise ToolFailed(f"The task “{row.title}” is already deleted.")
    before = tasks_json(rows)
    now = timezone.now()
    Task.all_objects.filter(pk__in=keys).update(deleted_at=now, updated_at=now)
    for project, number in Counter(row.project_id for row in rows).items():
        TASKS.give_back(project, number)
    search_index.remove(*keys)
    pairs = zip(rows, before, strict=True)
    return [Change("task", row.pk, "deleted", was, None) for row, was in pairs]


def restore_task(*, task: Task) -> tuple[Task, Change]:
    """Restores a deleted task as it was."""
    task = _locked(task)
    if task.deleted_at is None:
        raise ToolFailed(f"The task “{task.title}” is not deleted.")
    TASKS.take(task.project_id)
    task.deleted_at = None
    task.save(update_fields=["deleted_at", "updated_at"])
    search_index.put([entry_of(task)])
    return task, Change("task", task.pk, "restored", None, task_json(task))


def _locked(task: Task) -> Task:
    """Returns the task read again, with the board and its row locked until the transaction ends."""
    lock_board(task.project_id)
    return raw_sql.get(Task, task.pk, lock=True)


def _all_locked(tasks: Sequence[Task]) -> list[Task]:
    """As `_locked`, in the order of the board."""
    for project in {task.project_id for task in tasks}:
        lock_board(project)
    return list(Task.all_objects.select_for_update().filter(pk__in=[task.pk for task in tasks]))


def _save(task: Task, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change | None:
    if after == before:
        return None
    raw_sql.save(task, *PLAIN_FIELDS, "title_key", "assignee", "parent", "position", "updated_at")
    if task.deleted_at is None:
        search_index.put([entry_of(task)])
    return Change("task", task.pk, "updated", before, after)


def _new(project_id: UUID, item: NewTask, number: int, position: int, find: FindMember) -> Task:
    task = Task(
        project_id=project_id,
        number=number,
        title=rules.title(item.title),
        position=position,
        parent=item.parent,
    )
    _set(task, item.more, find)
    return task


FindMember = Callable[
    [UUID, str | None], User | None
]  # `rules.member`, or what it has found before


def _set(task: Task, fields: Fields, find: FindMember) -> None:
    for name, value in fields.items():
        if name == "assignee":
            task.assignee = find(task.project_id, fields["assignee"])
        elif name == "criteria":
            task.criteria = criteria.revised(fields["criteria"], task.criteria)
        else:
            setattr(task, name, rules.VALUES[name](value))


_NEXT_PLACES = """
UPDATE agent_project SET last_task_number = last_task_number + %s, stored_tasks = stored_tasks + %s
WHERE id = %s AND stored_tasks <= %s
RETURNING last_task_number, (SELECT max(position) FROM agent_task WHERE project_id = agent_project.id)
"""


def _next_places(project_id: UUID, count: int) -> tuple[int, int]:
    """Takes the next `count` numbers of the project; returns the first, and the position after the last
    task, deleted tasks included. Counts the new tasks, or raises `QuotaReached`. Locks the project's row.
    """
    most = TASKS.quota - count
    found = raw_sql.rows(_NEXT_PLACES, count, count, project_id, most)
    if not found:
        raise TASKS.reached(project_id, count)
    ((number, position),) = found
    return int(number) - count + 1, 0 if position is None else position + rules.GAP


def entry_of(task: Task) -> SearchEntry:
    """Returns the task's entry in the search index, without saving it."""
    return search_index.entry(
        project_id=task.project_id,
        kind="task",
        object_id=task.pk,
        body="\n".join(
            [task.title, task.description, *task.labels, *(one["text"] for one in task.criteria)]
        ),
    )


def _dependencies(item: NewTask, index: int, tasks: Sequence[Task]) -> Iterable[Task]:
    for other in item.after:
        if not 0 <= other < index:
            raise ToolFailed(f"“{item.title}” is item {index} and cannot come after item {other}.")
    rules.check_number(tasks[index], len(item.depends_on) + len(item.after))
    rules.same_project(tasks[index], item.depends_on)
    earlier = [tasks[other] for other in item.after]
    return {task.pk: task for task in [*item.depends_on, *earlier]}.values()
