"""Finds the tasks that a person or a plan names: by number, id or title."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from agent.board.locking import lock_board
from agent.models import Task
from agent.support import raw_sql
from agent.text.references import as_id, as_number, by_title, missing


def find_task(project_id: UUID, reference: str) -> Task:
    """Returns the task with the number ("#12"), id or title `reference`. Raises ToolFailed if there is
    none.
    """
    return find_tasks(project_id, [reference])[0]


def find_tasks(project_id: UUID, references: Iterable[str]) -> list[Task]:
    """Returns the tasks with these numbers, ids or titles, each once. Raises ToolFailed if one is
    missing.
    """
    found = tasks_by_reference(project_id, references).values()
    return list({task.pk: task for task in found}.values())


def find_locked(project_id: UUID, reference: str) -> Task:
    """As `find_task`, with the board and the task's row locked until the transaction ends."""
    lock_board(project_id)
    (task,) = tasks_by_reference(project_id, [reference], lock=True).values()
    return task


def tasks_by_reference(
    project_id: UUID, references: Iterable[str], *, lock: bool = False
) -> dict[str, Task]:
    """As `find_tasks`, by what each was referred to with. `lock`: their rows, until the transaction ends."""
    tasks = Task.objects.filter(project_id=project_id)
    keys = {
        reference: _key(project_id, reference, tasks) for reference in dict.fromkeys(references)
    }
    found = _by_key(project_id, list(keys.values()), lock=lock)
    for key in keys.values():
        if key not in found:
            raise missing("task", project_id, key, tasks)
    return {reference: found[key] for reference, key in keys.items()}


def _key(project_id: UUID, reference: str, tasks: Any) -> UUID | int:
    """Returns the number or the id of the task that `reference` names."""
    number = as_number(reference)
    if number is not None:
        return number
    return as_id(reference) or by_title("task", reference, project_id, tasks)


def _by_key(project_id: UUID, keys: Sequence[UUID | int], *, lock: bool) -> dict[UUID | int, Task]:
    """Returns the tasks with these numbers and ids, by both, in one statement for each kind of key."""
    found: dict[UUID | int, Task] = {}
    for column, kind in (("id", UUID), ("number", int)):
        of_kind = [key for key in keys if isinstance(key, kind)]
        if of_kind:
            places = ", ".join(["%s"] * len(of_kind))
            query = f"project_id = %s AND deleted_at IS NULL AND {column} IN ({places})"
            for task in raw_sql.select(Task, query, project_id, *of_kind, lock=lock):
                found[task.pk] = found[task.number] = task
    return found
