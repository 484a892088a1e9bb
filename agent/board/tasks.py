"""The only module that writes tasks. The caller opens the transaction and emits the events."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Min, Q
from django.utils import timezone

from agent.board import task_rules as rules
from agent.change import Change
from agent.exceptions import ToolFailed
from agent.models import SearchEntry, Task
from agent.support import raw_sql
from agent.support.words import storable
from agent.text import search_index
from agent.text.references import as_id, by_title

# The fields that are a value of the task alone, which a person edits and a model reads as it is.
PLAIN_FIELDS = ("title", "description", "status", "priority")

_edges: Any = Task.depends_on.through


class Keep(Enum):
    """The default of an argument for which None means "no parent": leave the value unchanged."""

    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be created. `after`: 0-based indexes of earlier items of the same list."""

    title: str
    description: str = ""
    priority: str = Task.Priority.MEDIUM
    parent: Task | None = None
    depends_on: tuple[Task, ...] = ()
    after: tuple[int, ...] = ()


# -- reading ---------------------------------------------------------------------------------------


def find_task(project_id: UUID, reference: str) -> Task:
    """Returns the task with the id or title `reference`. Raises ToolFailed if there is none."""
    return find_tasks(project_id, [reference])[0]


def find_tasks(project_id: UUID, references: Iterable[str]) -> list[Task]:
    """Returns the tasks with these ids or titles, each once. Raises ToolFailed if one is missing."""
    tasks = Task.objects.filter(project_id=project_id)
    keys = [
        as_id(reference) or by_title("task", reference, project_id, tasks)
        for reference in dict.fromkeys(references)
    ]
    placeholders = ", ".join(["%s"] * len(keys))
    query = f"project_id = %s AND deleted_at IS NULL AND id IN ({placeholders})"
    by_id = {
        task.pk: task for task in (raw_sql.select(Task, query, project_id, *keys) if keys else ())
    }
    for key in keys:
        if key not in by_id:
            raise ToolFailed(f"There is no task with the id {key} in this project.")
    return [by_id[key] for key in dict.fromkeys(keys)]


def still_open_titles(tasks: Collection[Task]) -> list[str]:
    """Returns the titles of tasks whose open status contradicts the status of `tasks`: open subtasks
    of completed tasks, and open dependencies of tasks that are completed or in progress.

    Such a status is accepted, because people may know more than the board. The caller reports the
    contradiction.
    """
    keys = [task.pk for task in tasks]
    subtasks = Q(parent__in=keys, parent__status=Task.Status.COMPLETED)
    started = (Task.Status.COMPLETED, Task.Status.IN_PROGRESS)
    dependencies = Q(dependants__in=keys, dependants__status__in=started)
    rows = Task.objects.filter(subtasks | dependencies, status__in=Task.OPEN).distinct()
    return [task.title for task in rows]


def task_json(task: Task) -> dict[str, Any]:
    return tasks_json([task])[0]


def tasks_json(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Returns the tasks as JSON for `change` events. Dependencies on deleted tasks are included:
    deleting a task changes no other task.
    """
    needed = _needed(tasks)
    return [_json(task, needed[task.pk]) for task in tasks]


def _needed(tasks: Sequence[Task]) -> dict[UUID, list[str]]:
    needed: dict[UUID, list[str]] = {task.pk: [] for task in tasks}
    if needed:
        where = f"from_task_id IN ({','.join(['%s'] * len(needed))})"
        # Sorted here: to save itself the sorting, SQLite would read the whole table in order.
        edges = raw_sql.select(_edges, where, *needed)
        for edge in sorted(edges, key=attrgetter("pk")):
            needed[edge.from_task_id].append(str(edge.to_task_id))
    return needed


def _json(task: Task, depends_on: list[str]) -> dict[str, Any]:
    return {
        "id": str(task.pk),
        "title": task.title,
        "description": task.description,
        "status": str(task.status),
        "priority": str(task.priority),
        "parent": None if task.parent_id is None else str(task.parent_id),
        "depends_on": depends_on,
        "position": task.position,
    }


# -- writing ---------------------------------------------------------------------------------------


def create_task(
    *,
    project_id: UUID,
    title: str,
    description: str = "",
    priority: str = Task.Priority.MEDIUM,
    parent: Task | None = None,
    depends_on: Sequence[Task] = (),
    positions: Sequence[int] | None = None,
) -> tuple[Task, Change]:
    item = NewTask(title, description, priority, parent, tuple(depends_on))
    tasks, changes = create_tasks(project_id=project_id, items=[item], positions=positions)
    return tasks[0], changes[0]


def create_tasks(
    *, project_id: UUID, items: Sequence[NewTask], positions: Sequence[int] | None = None
) -> tuple[list[Task], list[Change]]:
    """Creates the tasks in this order, at `positions` or at the end of the board."""
    if positions is None:
        end = _end(project_id)
        positions = [end + index * rules.GAP for index in range(len(items))]
    tasks = [
        _new(project_id, item, position) for item, position in zip(items, positions, strict=True)
    ]
    edges = [
        _edges(from_task=tasks[index], to_task=needed)
        for index, item in enumerate(items)
        for needed in _dependencies(item, index, tasks)
    ]
    raw_sql.insert(*tasks)
    raw_sql.insert(*edges)
    search_index.put(map(_entry, tasks))
    needed: dict[UUID, list[str]] = {task.pk: [] for task in tasks}
    for edge in edges:
        needed[edge.from_task_id].append(str(edge.to_task_id))
    return tasks, [
        Change("task", task.pk, "created", None, _json(task, needed[task.pk])) for task in tasks
    ]


def update_task(
    *,
    task: Task,
    title: str | None = None,
    description: str | None = None,
    priority: str | None = None,
    status: str | None = None,
    parent: Task | Keep | None = Keep.KEEP,
    depends_on: Sequence[Task] | None = None,
    position: int | None = None,
) -> tuple[Task, Change | None]:
    """Sets the given fields. Returns None as the change if all of them have these values already.

    If another task has the given `position`, the task is placed directly before it.
    """
    task = _locked(task)
    before = task_json(task)
    if title is not None:
        task.title = rules.title(title)
    if description is not None:
        task.description = storable(description)
    if priority is not None:
        task.priority = rules.one_of(Task.Priority.values, priority, "priority")
    if status is not None:
        task.status = rules.one_of(Task.Status.values, status, "status")
    if not isinstance(parent, Keep):
        task.parent = rules.check_parent(task, parent)
    if depends_on is not None:
        rules.set_dependencies(task, depends_on)
    if position is not None:
        task.position = rules.place(task, position)
    needed = before["depends_on"] if depends_on is None else _needed([task])[task.pk]
    return task, _save(task, before, _json(task, needed))


def move_task(
    *, task: Task, before: Task | None = None, after: Task | None = None
) -> tuple[Task, Change | None]:
    """Places the task directly before or after another task. Exactly one of the two is given."""
    other = before or after
    assert other is not None, "exactly one of before and after is given"
    if other.pk == task.pk:
        raise ToolFailed(f"“{task.title}” cannot be placed before or after itself.")
    rules.same_project(task, [other])
    position = other.position
    if before is None:
        later = rules.others(task).filter(position__gt=position).aggregate(next=Min("position"))
        position = position + rules.GAP if later["next"] is None else later["next"]
    return update_task(task=task, position=position)


def update_tasks(
    *,
    tasks: Sequence[Task],
    status: str | None = None,
    priority: str | None = None,
    parent: Task | Keep | None = Keep.KEEP,
) -> list[Change]:
    """Sets the same fields of several tasks. Returns a change for each task that differed."""
    rows: list[Task] = list(
        Task.all_objects.select_for_update().filter(pk__in=[task.pk for task in tasks])
    )
    before = tasks_json(rows)
    for row in rows:
        if status is not None:
            row.status = rules.one_of(Task.Status.values, status, "status")
        if priority is not None:
            row.priority = rules.one_of(Task.Priority.values, priority, "priority")
        if not isinstance(parent, Keep):
            row.parent = rules.check_parent(row, parent)
        row.updated_at = timezone.now()
    pairs = zip(rows, before, tasks_json(rows), strict=True)
    changed = [(row, was, now) for row, was, now in pairs if was != now]
    Task.all_objects.bulk_update(
        [row for row, _, _ in changed], ["status", "priority", "parent", "updated_at"]
    )
    return [Change("task", row.pk, "updated", was, now) for row, was, now in changed]


def delete_task(*, task: Task) -> tuple[Task, Change]:
    """Marks the task as deleted. Its subtasks and the tasks that depend on it stay."""
    return task, delete_tasks(tasks=[task])[0]


def delete_tasks(*, tasks: Sequence[Task]) -> list[Change]:
    """Marks the tasks as deleted. Their subtasks and the tasks that depend on them stay."""
    keys = [task.pk for task in tasks]
    rows: list[Task] = list(Task.all_objects.select_for_update().filter(pk__in=keys))
    for row in rows:
        if row.deleted_at is not None:
            raise ToolFailed(f"The task “{row.title}” is already deleted.")
    before = tasks_json(rows)
    now = timezone.now()
    Task.all_objects.filter(pk__in=keys).update(deleted_at=now, updated_at=now)
    search_index.remove(*keys)
    pairs = zip(rows, before, strict=True)
    return [Change("task", row.pk, "deleted", was, None) for row, was in pairs]


def restore_task(*, task: Task) -> tuple[Task, Change]:
    """Restores a deleted task as it was."""
    task = _locked(task)
    if task.deleted_at is None:
        raise ToolFailed(f"The task “{task.title}” is not deleted.")
    task.deleted_at = None
    task.save(update_fields=["deleted_at", "updated_at"])
    search_index.put([_entry(task)])
    return task, Change("task", task.pk, "restored", None, task_json(task))


def _locked(task: Task) -> Task:
    """Returns the task read again, with its row locked until the transaction ends."""
    return raw_sql.get(Task, task.pk, lock=True)


def _save(task: Task, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change | None:
    if after == before:
        return None
    raw_sql.save(task, *PLAIN_FIELDS, "title_key", "parent", "position", "updated_at")
    if task.deleted_at is None:
        search_index.put([_entry(task)])
    return Change("task", task.pk, "updated", before, after)


def _new(project_id: UUID, item: NewTask, position: int) -> Task:
    task = Task(
        project_id=project_id,
        title=rules.title(item.title),
        description=storable(item.description),
        priority=rules.one_of(Task.Priority.values, item.priority, "priority"),
        position=position,
    )
    task.parent = rules.check_parent(task, item.parent)
    return task


def _end(project_id: UUID) -> int:
    """Returns the position after the last task, deleted tasks included."""
    query = "SELECT max(position) FROM agent_task WHERE project_id = %s"
    (last,) = raw_sql.column(query, project_id)
    return 0 if last is None else last + rules.GAP


def _entry(task: Task) -> SearchEntry:
    return search_index.entry(
        project_id=task.project_id,
        kind="task",
        object_id=task.pk,
        body=f"{task.title}\n{task.description}",
    )


def _dependencies(item: NewTask, index: int, tasks: Sequence[Task]) -> Iterable[Task]:
    for other in item.after:
        if not 0 <= other < index:
            raise ToolFailed(f"“{item.title}” is item {index} and cannot come after item {other}.")
    rules.same_project(tasks[index], item.depends_on)
    earlier = [tasks[other] for other in item.after]
    return {task.pk: task for task in [*item.depends_on, *earlier]}.values()
