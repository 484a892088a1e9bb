"""Free positions on the board: before a task, after a task, at the top.

Where two neighbours have no free number left between them, the nearest tasks are spread out: their
positions change and their order does not.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Max, Min

from agent.board.locking import lock_board
from agent.board.task_rules import GAP, LAST_POSITION
from agent.exceptions import ToolFailed
from agent.models import Task

_ORDER = ("position", "created_at", "id")
# Tasks on each side that are spread out at first. Twice as many, as long as they stand too close to each
# other: so the cost of an insertion grows with the logarithm of the board's size, on average.
_NEAREST = 8


def places(
    project_id: UUID, number: int, *, before: Task | None = None, after: Task | None = None
) -> list[int]:
    """Returns `number` ascending positions directly before or after a task, without one at the top."""
    for task in filter(None, (before, after)):
        if task.project_id != project_id:
            raise ToolFailed(f"The task “{task.title}” is not in this project.")
    lock_board(project_id)
    rows = _tasks(project_id)
    if after is not None:
        low: int = rows.values_list("position", flat=True).get(pk=after.pk)
        return _between(rows, low, _next(rows, low), number)
    if before is not None:
        high: int = rows.values_list("position", flat=True).get(pk=before.pk)
        return _between(rows, _last(rows, high), high, number)
    return _between(rows, None, rows.aggregate(first=Min("position"))["first"], number)


def place(task: Task, position: int) -> int:
    """Returns `position` if it is free, else a position directly before the task that has it."""
    if abs(position) > LAST_POSITION:
        raise ToolFailed(f"A position must be a number up to {LAST_POSITION}.")
    others = _tasks(task.project_id).exclude(pk=task.pk)
    if not others.filter(position=position).exists():
        return position
    low = _last(others, position)
    if low is not None and low < task.position < position:
        return task.position  # the task is already there
    return _between(others, low, position, 1)[0]


def following(task: Task, position: int) -> int:
    """Returns the position of the first other task after `position`, or one at the end of the board."""
    found = _next(_tasks(task.project_id).exclude(pk=task.pk), position)
    return position + GAP if found is None else found


def _tasks(project_id: UUID) -> Any:
    """Returns the tasks of the project, and the deleted ones, which keep their positions."""
    return Task.all_objects.filter(project=project_id)


def _next(rows: Any, position: int) -> int | None:
    found: int | None = rows.filter(position__gt=position).aggregate(found=Min("position"))["found"]
    return found


def _last(rows: Any, position: int) -> int | None:
    found: int | None = rows.filter(position__lt=position).aggregate(found=Max("position"))["found"]
    return found


def _between(rows: Any, low: int | None, high: int | None, number: int) -> list[int]:
    """Returns `number` ascending positions between two neighbours; None: there is none on this side."""
    if high is None:
        start = -GAP if low is None else low
        return [start + GAP * place for place in range(1, number + 1)]
    if low is None:
        return [high - GAP * (number - place) for place in range(number)]
    step = (high - low) // (number + 1)
    if not step:
        return _made_room(rows, low, high, number)
    return [low + step * place for place in range(1, number + 1)]


def _made_room(rows: Any, low: int, high: int, number: int) -> list[int]:
    """Spreads out the tasks around a place and returns `number` free positions there."""
    lower = rows.filter(position__lte=low).order_by(*(f"-{name}" for name in _ORDER))
    upper = rows.filter(position__gte=high).order_by(*_ORDER)
    size, step, moved = _NEAREST, 0, 1
    while step < moved:
        (before, bottom), (after, top) = _nearest(lower, size), _nearest(upper, size)
        moved = len(before) + number + len(after)
        start = before[-1].position - GAP * moved if bottom is None else bottom
        end = after[-1].position + GAP * moved if top is None else top
        step, size = (end - start) // (moved + 1), size * 2
    found = [start + step * place for place in range(1, moved + 1)]
    free = slice(len(before), len(before) + number)
    spread = [*reversed(before), *after]
    for row, position in zip(spread, [*found[: free.start], *found[free.stop :]], strict=True):
        row.position = position
    Task.all_objects.bulk_update(spread, ["position"])
    return found[free]


def _nearest(rows: Any, size: int) -> tuple[list[Task], int | None]:
    """Returns the first `size` of `rows`, and the position of the next one."""
    found = list(rows.only("position")[: size + 1])
    return found[:size], found[size].position if len(found) > size else None
