"""The only writer of tasks. Called inside its caller's transaction; emits no events itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import Min, Q
from django.utils import timezone

from agent.board import task_rules as rules
from agent.change import Change
from agent.exceptions import ToolFailed
from agent.models import SearchEntry, Task
from agent.support import raw_sql
from agent.text import lookup, search_index
from agent.text.words import storable

_edges: Any = Task.depends_on.through


class Keep(Enum):
    """Leaves a value as it is where None already means "none"."""

    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be made. `after`: 0-based indexes of earlier items of the same list."""

    title: str
    description: str = ""
    priority: str = Task.Priority.MEDIUM
    parent: Task | None = None
    depends_on: tuple[Task, ...] = ()
    after: tuple[int, ...] = ()


# -- reading ---------------------------------------------------------------------------------------


def find_task(project_id: UUID, reference: str) -> Task:
    """Returns the task that `reference`, an id or a title, means. Raises ToolFailed, in words."""
    return find_tasks(project_id, [reference])[0]


def find_tasks(project_id: UUID, references: Iterable[str]) -> list[Task]:
    """The same for several; each task comes once."""
    ids = {reference: lookup.as_id(reference) for reference in references}
    titles: Mapping[UUID, str] = {}
    if None in ids.values():
        tasks = Task.objects.filter(project_id=project_id)
        titles = dict(tasks.values_list("pk", "title"))
    wanted = [
        task_id or lookup.by_title("task", reference, titles) for reference, task_id in ids.items()
    ]
    places = ", ".join(["%s"] * len(wanted))
    query = f"project_id = %s AND deleted_at IS NULL AND id IN ({places})"
    found = {
        task.pk: task
        for task in (raw_sql.select(Task, query, project_id, *wanted) if wanted else ())
    }
    for key in wanted:
        if key not in found:
            raise ToolFailed(f"There is no task with the id {key} in this project.")
    return [found[key] for key in dict.fromkeys(wanted)]


def still_open_titles(tasks: Collection[Task]) -> list[str]:
    """Returns what does not fit the status of `tasks`: the titles of open subtasks of completed ones,
    and of open tasks that completed ones, and those in progress, depend on.

    No status is refused for it. The board follows what people say, who may know more than it; but
    whoever sets such a status is told.
    """
    keys = [task.pk for task in tasks]
    done = Q(parent__in=keys, parent__status=Task.Status.COMPLETED)
    begun = (Task.Status.COMPLETED, Task.Status.IN_PROGRESS)
    needed = Q(dependants__in=keys, dependants__status__in=begun)
    found = Task.objects.filter(done | needed, status__in=Task.OPEN).distinct()
    return [other.title for other in found]


def task_json(task: Task) -> dict[str, Any]:
    return tasks_json([task])[0]


def tasks_json(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Returns the tasks as `change` events tell them. Dependencies on deleted tasks are told too:
    deleting a task changes no other one."""
    needed: dict[UUID, list[str]] = {task.pk: [] for task in tasks}
    pairs = _edges.objects.filter(from_task__in=needed).order_by("pk")
    for from_id, to_id in pairs.values_list("from_task_id", "to_task_id"):
        needed[from_id].append(str(to_id))
    return [_json(task, needed[task.pk]) for task in tasks]


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
) -> tuple[Task, Change]:
    item = NewTask(title, description, priority, parent, tuple(depends_on))
    tasks, changes = create_tasks(project_id=project_id, items=[item])
    return tasks[0], changes[0]


def create_tasks(*, project_id: UUID, items: Sequence[NewTask]) -> tuple[list[Task], list[Change]]:
    """Makes the tasks in this order at the end of the board."""
    end = _end(project_id)
    tasks = [_new(project_id, item, end + index * rules.GAP) for index, item in enumerate(items)]
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
    made = [(task.pk, _json(task, needed[task.pk])) for task in tasks]
    return tasks, [Change("task", key, "created", None, after) for key, after in made]


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
    """Changes what is given; no change when all of it is so already.

    With the `position` of another task it comes directly before that one; no other task changes.
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
    return task, _save(task, before)


def move_task(
    *, task: Task, before: Task | None = None, after: Task | None = None
) -> tuple[Task, Change | None]:
    """Puts the task directly before or after another one; give one of the two."""
    other = before or after
    assert other is not None, "one of the two is given"
    if other.pk == task.pk:
        raise ToolFailed(f"“{task.title}” cannot stand before or after itself.")
    rules.same_project(task, [other])
    position = other.position
    if before is None:
        behind = rules.others(task).filter(position__gt=position).aggregate(next=Min("position"))
        position = position + rules.GAP if behind["next"] is None else behind["next"]
    return update_task(task=task, position=position)


def update_tasks(
    *,
    tasks: Sequence[Task],
    status: str | None = None,
    priority: str | None = None,
    parent: Task | Keep | None = Keep.KEEP,
) -> list[Change]:
    """Changes the same of several tasks; a change for each that was not so already."""
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


def change_status(*, task: Task, status: str) -> tuple[Task, Change | None]:
    return update_task(task=task, status=status)


def delete_task(*, task: Task) -> tuple[Task, Change]:
    """Marks the task as deleted. Its subtasks and the tasks that depend on it stay."""
    return task, delete_tasks(tasks=[task])[0]


def delete_tasks(*, tasks: Sequence[Task]) -> list[Change]:
    """Marks the tasks as deleted. Their subtasks and the tasks that depend on them stay."""
    keys = [task.pk for task in tasks]
    rows: list[Task] = list(Task.all_objects.select_for_update().filter(pk__in=keys))
    for row in rows:
        if row.deleted_at is not None:
            raise ToolFailed(f"The task “{row.title}” is deleted already.")
    before = tasks_json(rows)
    now = timezone.now()
    Task.all_objects.filter(pk__in=keys).update(deleted_at=now, updated_at=now)
    search_index.remove(*keys)
    pairs = zip(rows, before, strict=True)
    return [Change("task", row.pk, "deleted", was, None) for row, was in pairs]


def restore_task(*, task: Task) -> tuple[Task, Change]:
    """Brings a deleted task back as it was."""
    task = _locked(task)
    if task.deleted_at is None:
        raise ToolFailed(f"The task “{task.title}” is not deleted.")
    task.deleted_at = None
    task.save(update_fields=["deleted_at", "updated_at"])
    search_index.put([_entry(task)])
    return task, Change("task", task.pk, "restored", None, task_json(task))


def _locked(task: Task) -> Task:
    """Returns the task as it is now, kept from others until the transaction ends."""
    found: Task = Task.all_objects.select_for_update().get(pk=task.pk)
    return found


def _save(task: Task, before: Mapping[str, Any]) -> Change | None:
    after = task_json(task)
    if after == before:
        return None
    changed = ["title", "description", "priority", "status", "parent", "position"]
    task.save(update_fields=[*changed, "updated_at"])
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
    """Returns the first position behind the list's end; a deleted task keeps its place."""
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
    for place in item.after:
        if not 0 <= place < index:
            raise ToolFailed(f"“{item.title}” is item {index} and cannot come after {place}.")
    rules.same_project(tasks[index], item.depends_on)
    earlier = [tasks[place] for place in item.after]
    return {task.pk: task for task in [*item.depends_on, *earlier]}.values()
