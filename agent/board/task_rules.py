"""What a task may be, and where it may stand: titles, parents, dependencies, places. Writes only edges.

Each raises ToolFailed, in words, for what may not be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Max

from agent.exceptions import ToolFailed
from agent.models import Task
from agent.text.words import storable

MAX_TITLE = 200
# Levels of tasks within tasks. Deeper than this nobody reads a board.
MAX_DEPTH = 4
# Between the positions of neighbours: so many moves into one place that nobody makes them, and still
# half a billion tasks in a row before JavaScript's numbers end.
GAP = 2**24
LAST_POSITION = 2**53 - 1

_edges: Any = Task.depends_on.through


def title(text: str) -> str:
    title = storable(text)
    if not 1 <= len(title) <= MAX_TITLE:
        raise ToolFailed(f"A title has 1 to {MAX_TITLE} characters, not {len(title)}.")
    return title


def one_of(allowed: Collection[str], value: str, name: str) -> str:
    if value not in allowed:
        raise ToolFailed(f"The {name} is one of {', '.join(allowed)}, not {value!r}.")
    return value


def same_project(task: Task, others: Iterable[Task]) -> None:
    for other in others:
        if other.project_id != task.project_id:
            raise ToolFailed(f"The task “{other.title}” is not in this project.")


def check_parent(task: Task, parent: Task | None) -> Task | None:
    if parent is None:
        return None
    same_project(task, [parent])
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


def set_dependencies(task: Task, needed: Sequence[Task]) -> None:
    same_project(task, needed)
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


def others(task: Task) -> Any:
    """Returns the other tasks of the project; the deleted keep their places."""
    return Task.all_objects.filter(project=task.project_id).exclude(pk=task.pk)


def place(task: Task, position: int) -> int:
    """Returns `position` when no task has it, else one directly before the task that has it."""
    if abs(position) > LAST_POSITION:
        raise ToolFailed(f"A position is a number up to {LAST_POSITION}.")
    rest = others(task)
    if not rest.filter(position=position).exists():
        return position
    before = rest.filter(position__lt=position).aggregate(last=Max("position"))["last"]
    if before is None:
        return position - GAP
    if before < task.position < position:
        return task.position  # it stands there already
    if before + 1 < position:
        return int(before + position) // 2
    # So many moves into this place that no number is left in it: all get room anew, in their order.
    rank = rest.filter(position__lt=position).count()
    rows = list(rest.order_by("position", "created_at", "id"))
    for number, row in enumerate(rows):
        row.position = number * GAP
    Task.all_objects.bulk_update(rows, ["position"])
    return int(rank * GAP - GAP // 2)
