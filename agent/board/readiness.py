"""Which tasks are ready, overdue, and wait for others: computed from the board, never stored. Only reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from agent.models import Task
from agent.text import dates

MAX_STILL_OPEN = 20  # titles that are told: a person reads no more, and the event has them

_edges: Any = Task.depends_on.through


def filtered(
    tasks: Any,
    *,
    assignee: str | None = None,
    label: str | None = None,
    due_until: date | str | None = None,
    ready: bool = False,
) -> Any:
    """Returns those of the query `tasks` that fit what is given. `assignee`: a user name, in any case.

    A task is ready if it is pending and depends on no open task.
    """
    if assignee:
        tasks = tasks.filter(assignee__username__iexact=assignee)
    if label:
        tasks = tasks.filter(labels__contains=f" {label.lower()} ")
    if due_until:
        tasks = tasks.filter(due__lte=due_until, status__in=Task.OPEN)
    if ready:
        open_tasks = Task.objects.filter(status__in=Task.OPEN)
        waiting = _edges.objects.filter(from_task=OuterRef("pk"), to_task__in=open_tasks)
        tasks = tasks.filter(~Exists(waiting), status=Task.Status.PENDING)
    return tasks


def is_overdue(status: str, due: date | str | None) -> bool:
    """Tells whether an open task was due before today, the day in `SAMURAI_TIME_ZONE`."""
    return status in Task.OPEN and due is not None and str(due) < str(dates.today())


def waits_for(tasks: Sequence[Task]) -> dict[UUID, list[int]]:
    """Returns for each of `tasks` the numbers of the open tasks that it depends on."""
    waiting: dict[UUID, list[int]] = {task.pk: [] for task in tasks}
    pairs = _edges.objects.filter(
        from_task__in=waiting, to_task__deleted_at=None, to_task__status__in=Task.OPEN
    )
    for key, number in sorted(pairs.values_list("from_task_id", "to_task__number")):
        waiting[key].append(number)
    return waiting


def still_open_titles(tasks: Collection[Task]) -> list[str]:
    """Returns the titles of tasks whose open status contradicts the status of `tasks`: open subtasks
    of completed tasks, and open dependencies of tasks that are completed or in progress. The first
    `MAX_STILL_OPEN` on the board.

    Such a status is accepted, because people may know more than the board. The caller reports the
    contradiction.
    """
    keys = [task.pk for task in tasks]
    subtasks = Q(parent__in=keys, parent__status=Task.Status.COMPLETED)
    started = (Task.Status.COMPLETED, Task.Status.IN_PROGRESS)
    dependencies = Q(dependants__in=keys, dependants__status__in=started)
    rows = Task.objects.filter(subtasks | dependencies, status__in=Task.OPEN).distinct()
    return [task.title for task in rows[:MAX_STILL_OPEN]]
