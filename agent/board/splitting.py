"""Splits a task into several. The caller opens the transaction and emits the events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.board import tasks
from agent.board.locking import lock_board
from agent.board.places import places
from agent.board.tasks import NewTask
from agent.change import Change
from agent.exceptions import ToolFailed
from agent.models import Task

MAX_DEPENDANTS = 100  # each of them is changed


def split_task(*, task: Task, parts: Sequence[NewTask]) -> tuple[list[Task], list[Change]]:
    """Makes `task` the first of the parts and creates the others directly after it, with its parent.

    `after` of a part: 0-based indexes of earlier parts. A part without it depends on what the task
    depends on. Tasks that depend on the task depend on the parts that no other part comes after.
    The task keeps its subtasks.
    """
    lock_board(task.project_id)
    needed = list(task.depends_on.filter(deleted_at=None))
    dependants = list(task.dependants.filter(deleted_at=None)[: MAX_DEPENDANTS + 1])
    if len(dependants) > MAX_DEPENDANTS:
        raise ToolFailed(
            f"More than {MAX_DEPENDANTS} tasks depend on “{task.title}”, so that it cannot be split."
        )
    first, *others = parts
    task, renamed = tasks.update_task(task=task, title=first.title, **first.more)
    items = [_item(part, task, needed) for part in others]
    created, changes = tasks.create_tasks(
        project_id=task.project_id,
        items=items,
        positions=places(task.project_id, len(items), after=task),
    )
    made = [task, *created]
    last = [made[place] for place in _ends(parts)]
    handed = [_hand_over(dependant, task, last) for dependant in dependants]
    return made, [change for change in (renamed, *changes, *handed) if change is not None]


def _item(part: NewTask, task: Task, needed: Sequence[Task]) -> NewTask:
    """Returns the part as a new task. `after` counts without the first part, which exists."""
    earlier = [task] if 0 in part.after else []
    return replace(
        part,
        parent=task.parent,
        depends_on=(*earlier, *(needed if not part.after else ())),
        after=tuple(place - 1 for place in part.after if place > 0),
    )


def _ends(parts: Sequence[NewTask]) -> list[int]:
    followed = {place for part in parts for place in part.after}
    return [place for place in range(len(parts)) if place not in followed]


def _hand_over(dependant: Task, task: Task, last: Sequence[Task]) -> Change | None:
    kept = [other for other in dependant.depends_on.all() if other.pk != task.pk]
    return tasks.update_task(task=dependant, depends_on=[*kept, *last])[1]
