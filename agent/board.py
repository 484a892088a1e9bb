"""The only writer of tasks. Called inside its caller's transaction; emits no events itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from agent import naming, search
from agent.changes import Change
from agent.exceptions import ToolFailed
from agent.models import SearchEntry, Task
from agent.words import storable

MAX_TITLE = 200
# Levels of tasks within tasks. Deeper than this nobody reads a board.
MAX_DEPTH = 4

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
    tasks = Task.objects.filter(project_id=project_id)
    if (task_id := naming.as_id(reference)) is not None:
        found: Task | None = tasks.filter(pk=task_id).first()
        if found is None:
            raise ToolFailed(f"There is no task with the id {task_id} in this project.")
        return found
    titles = dict(tasks.values_list("pk", "title"))
    task: Task = Task.objects.get(pk=naming.by_title("task", reference, titles))
    return task


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
    tasks = [_new(project_id, item, end + index) for index, item in enumerate(items)]
    edges = [
        _edges(from_task=tasks[index], to_task=needed)
        for index, item in enumerate(items)
        for needed in _dependencies(item, index, tasks)
    ]
    Task.objects.bulk_create(tasks)
    _edges.objects.bulk_create(edges)
    search.put(map(_entry, tasks))
    made = zip(tasks, tasks_json(tasks), strict=True)
    return tasks, [Change("task", task.pk, "created", None, after) for task, after in made]


def update_task(
    *,
    task: Task,
    title: str | None = None,
    description: str | None = None,
    priority: str | None = None,
    status: str | None = None,
    parent: Task | Keep | None = Keep.KEEP,
    depends_on: Sequence[Task] | None = None,
) -> tuple[Task, Change | None]:
    """Changes what is given; no change when all of it is so already."""
    task = _locked(task)
    before = task_json(task)
    if title is not None:
        task.title = _title(title)
    if description is not None:
        task.description = storable(description)
    if priority is not None:
        task.priority = _one_of(Task.Priority.values, priority, "priority")
    if status is not None:
        task.status = _one_of(Task.Status.values, status, "status")
    if not isinstance(parent, Keep):
        task.parent = _allowed_parent(task, parent)
    if depends_on is not None:
        _depend_on(task, depends_on)
    return task, _save(task, before)


def change_status(*, task: Task, status: str) -> tuple[Task, Change | None]:
    return update_task(task=task, status=status)


def delete_task(*, task: Task) -> tuple[Task, Change]:
    """Marks the task as deleted. Its subtasks and the tasks that depend on it stay."""
    task = _locked(task)
    if task.deleted_at is not None:
        raise ToolFailed(f"The task “{task.title}” is deleted already.")
    before = task_json(task)
    task.deleted_at = timezone.now()
    task.save(update_fields=["deleted_at", "updated_at"])
    search.remove(task.pk)
    return task, Change("task", task.pk, "deleted", before, None)


def restore_task(*, task: Task) -> tuple[Task, Change]:
    """Brings a deleted task back as it was."""
    task = _locked(task)
    if task.deleted_at is None:
        raise ToolFailed(f"The task “{task.title}” is not deleted.")
    task.deleted_at = None
    task.save(update_fields=["deleted_at", "updated_at"])
    search.put([_entry(task)])
    return task, Change("task", task.pk, "restored", None, task_json(task))


def _locked(task: Task) -> Task:
    """Returns the task as it is now, kept from others until the transaction ends."""
    found: Task = Task.all_objects.select_for_update().get(pk=task.pk)
    return found


def _save(task: Task, before: Mapping[str, Any]) -> Change | None:
    after = task_json(task)
    if after == before:
        return None
    task.save(update_fields=["title", "description", "priority", "status", "parent", "updated_at"])
    if task.deleted_at is None:
        search.put([_entry(task)])
    return Change("task", task.pk, "updated", before, after)


def _new(project_id: UUID, item: NewTask, position: int) -> Task:
    task = Task(
        project_id=project_id,
        title=_title(item.title),
        description=storable(item.description),
        priority=_one_of(Task.Priority.values, item.priority, "priority"),
        position=position,
    )
    task.parent = _allowed_parent(task, item.parent)
    return task


def _end(project_id: UUID) -> int:
    """Returns the first position behind the list's end; a deleted task keeps its place."""
    last = Task.all_objects.filter(project_id=project_id).aggregate(last=Max("position"))["last"]
    return 0 if last is None else last + 1


def _entry(task: Task) -> SearchEntry:
    return search.entry(
        project_id=task.project_id,
        kind="task",
        object_id=task.pk,
        body=f"{task.title}\n{task.description}",
    )


# -- rules -----------------------------------------------------------------------------------------


def _title(text: str) -> str:
    title = storable(text)
    if not 1 <= len(title) <= MAX_TITLE:
        raise ToolFailed(f"A title has 1 to {MAX_TITLE} characters, not {len(title)}.")
    return title


def _one_of(allowed: Collection[str], value: str, name: str) -> str:
    if value not in allowed:
        raise ToolFailed(f"The {name} is one of {', '.join(allowed)}, not {value!r}.")
    return value


def _dependencies(item: NewTask, index: int, tasks: Sequence[Task]) -> Iterable[Task]:
    for place in item.after:
        if not 0 <= place < index:
            raise ToolFailed(f"“{item.title}” is item {index} and cannot come after {place}.")
    _same_project(tasks[index], item.depends_on)
    earlier = [tasks[place] for place in item.after]
    return {task.pk: task for task in [*item.depends_on, *earlier]}.values()


def _same_project(task: Task, others: Iterable[Task]) -> None:
    for other in others:
        if other.project_id != task.project_id:
            raise ToolFailed(f"The task “{other.title}” is not in this project.")


def _allowed_parent(task: Task, parent: Task | None) -> Task | None:
    if parent is None:
        return None
    _same_project(task, [parent])
    parents = _parents(task.project_id)
    above = _chain(parent.pk, parents)
    if task.pk in above:
        raise ToolFailed(f"“{task.title}” cannot be within itself or a subtask of it.")
    if len(above) + _height(task.pk, parents) > MAX_DEPTH:
        raise ToolFailed(f"Tasks go at most {MAX_DEPTH} levels deep.")
    return parent


def _parents(project_id: UUID) -> dict[UUID, UUID | None]:
    """Returns each task's parent, of deleted ones too: they may be restored."""
    return dict(Task.all_objects.filter(project_id=project_id).values_list("pk", "parent_id"))


def _chain(task_id: UUID | None, parents: Mapping[UUID, UUID | None]) -> list[UUID]:
    """Returns the task and all tasks above it."""
    chain: list[UUID] = []
    while task_id is not None and task_id not in chain:
        chain.append(task_id)
        task_id = parents.get(task_id)
    return chain


def _height(task_id: UUID, parents: Mapping[UUID, UUID | None]) -> int:
    """Returns the number of levels from the task down, itself included."""
    below = (chain.index(task_id) for key in parents if task_id in (chain := _chain(key, parents)))
    return 1 + max(below, default=0)


def _depend_on(task: Task, needed: Sequence[Task]) -> None:
    _same_project(task, needed)
    wanted = {other.pk: other for other in needed}
    edges = _edges.objects.filter(from_task__project_id=task.project_id)
    pairs: list[tuple[UUID, UUID]] = list(edges.values_list("from_task_id", "to_task_id"))
    kept = {to_id for from_id, to_id in pairs if from_id == task.pk}
    for other in wanted.values():
        if task.pk in _reached(other.pk, pairs):
            raise ToolFailed(f"“{task.title}” cannot depend on “{other.title}”: that is a circle.")
    edges.filter(from_task=task).exclude(to_task__in=wanted).delete()
    _edges.objects.bulk_create(
        [_edges(from_task=task, to_task=other) for key, other in wanted.items() if key not in kept]
    )


def _reached(start: UUID, pairs: Iterable[tuple[UUID, UUID]]) -> set[UUID]:
    """Returns `start` and all tasks that it depends on, directly or not."""
    needs: dict[UUID, list[UUID]] = {}
    for from_id, to_id in pairs:
        needs.setdefault(from_id, []).append(to_id)
    reached, left = {start}, [start]
    while left:
        fresh = set(needs.get(left.pop(), ())) - reached
        reached |= fresh
        left += fresh
    return reached
