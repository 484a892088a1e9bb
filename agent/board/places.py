"""Free positions on the board: before a task, after a task, at the top."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Max, Min

from agent.board.locking import lock_board
from agent.board.task_rules import GAP
from agent.exceptions import ToolFailed
from agent.models import Task


def places(
    project_id: UUID, number: int, *, before: Task | None = None, after: Task | None = None
) -> list[int]:
    """Returns `number` ascending positions directly before or after a task, without one at the top.

    Renumbers the board if there are too few between the two neighbours.
    """
    for task in filter(None, (before, after)):
        if task.project_id != project_id:
            raise ToolFailed(f"The task “{task.title}” is not in this project.")
    lock_board(project_id)
    low, high = _neighbours(project_id, before, after)
    if low is not None and high is not None and high - low <= number:
        _renumber(project_id)
        low, high = _neighbours(project_id, before, after)
    if high is None:
        start = -GAP if low is None else low
        return [start + GAP * place for place in range(1, number + 1)]
    if low is None:
        return [high - GAP * (number - place) for place in range(number)]
    step = (high - low) // (number + 1)
    return [low + step * place for place in range(1, number + 1)]


def _neighbours(
    project_id: UUID, before: Task | None, after: Task | None
) -> tuple[int | None, int | None]:
    # Deleted tasks keep their positions.
    rows = Task.all_objects.filter(project=project_id)
    if after is not None:
        low: int = rows.values_list("position", flat=True).get(pk=after.pk)
        return low, rows.filter(position__gt=low).aggregate(first=Min("position"))["first"]
    if before is not None:
        high: int = rows.values_list("position", flat=True).get(pk=before.pk)
        return rows.filter(position__lt=high).aggregate(last=Max("position"))["last"], high
    return None, rows.aggregate(first=Min("position"))["first"]


def _renumber(project_id: UUID) -> None:
    rows = list(
        Task.all_objects.filter(project=project_id).order_by("position", "created_at", "id")
    )
    for number, row in enumerate(rows):
        row.position = number * GAP
    Task.all_objects.bulk_update(rows, ["position"])
