"""Undoes changes of tasks and memories by further changes. Deletes no history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from agent.accounts.access import owner_decides
from agent.board import projects, tasks
from agent.board.locking import lock_board
from agent.change import Change
from agent.edits import manual_changes
from agent.event_log import events, parsing
from agent.exceptions import QuotaReached, Refused, ToolFailed
from agent.memory import memories
from agent.models import ChatSession, Event, Memory, MemoryRevision, Project, Run, Task
from agent.models.base import literals


async def undo(session: UUID, user: User, seqs: Sequence[int]) -> None:
    """Undoes the changes in the events `seqs` of the session's log: all or none.

    Raises `Refused`: `not_found` if one of the events is no change, `stale_change` if an object was
    changed afterwards.
    """
    await manual_changes.apply_in_session(session, user, partial(_undo_events, session, user, seqs))


def change_seqs(session: UUID, run: UUID) -> list[int]:
    """Returns the `seq` of each change that the run made. Raises `Refused`: `pruned`."""
    if Run.objects.filter(Run.PRUNED, pk=run, session=session).exists():
        raise _pruned()
    is_change = {"type__in": literals(events.EventType.CHANGE)}  # by the index of changes
    changes = Event.objects.filter(session=session, run=run, **is_change)
    return list(changes.order_by("seq").values_list("seq", flat=True))


def _undo_events(
    session_id: UUID, user: User, seqs: Sequence[int]
) -> tuple[None, Sequence[Change]]:
    session = ChatSession.objects.get(pk=session_id)
    return None, undo_changes(session.project_id, changes_at(session_id, seqs), by_id=user.pk)


def changes_at(session: UUID, seqs: Sequence[int]) -> list[Change]:
    """Returns the changes in the events `seqs` of the session's log, oldest first. Raises `Refused`."""
    first = ChatSession.objects.values_list("first_seq", flat=True).get(pk=session)
    if any(seq < first for seq in seqs):
        raise _pruned()
    bodies = Event.objects.filter(session=session, type=events.EventType.CHANGE, seq__in=seqs)
    changes = [_as_change(body) for body in bodies.order_by("seq").values_list("body", flat=True)]
    if not changes or len(changes) != len(set(seqs)):
        raise Refused("not_found", "There is no such change.")
    return changes


def _pruned() -> Refused:
    return Refused(
        "pruned",
        "The events of this run were deleted, so that its changes can't be undone any more.",
    )


def _as_change(body: str) -> Change:
    event = parsing.read(body)
    if not isinstance(event, events.Change):
        raise Refused("not_found", "There is no such change.")
    return Change(event.object, event.id, event.action, event.before, event.after)


@dataclass(frozen=True, slots=True)
class _Author:
    """The run and the person that a memory's revision names."""

    run_id: UUID | None
    by_id: int | None


def undo_change(
    project_id: UUID, change: Change, *, run_id: UUID | None = None, by_id: int | None = None
) -> Change:
    """Undoes `change` and returns the new change.

    Raises Refused: `not_found` if the object is not in the project, `stale_change` if a field that
    the change wrote was changed afterwards; `forbidden` if only the owner may.
    """
    lock_board(project_id)  # nobody changes what is compared with the change before it is undone
    if change.object in _UPDATES:
        return _undo_update(project_id, change, _Author(run_id, by_id))
    operations = _TASK if change.object == "task" else _MEMORY
    rows = operations.model.all_objects.select_for_update()
    row = rows.filter(pk=change.id, project_id=project_id).first()
    if row is None:
        raise Refused("not_found", f"This {change.object} no longer exists.")
    try:
        inverse = _undo(operations, row, change, _Author(run_id, by_id))
    except QuotaReached:
        raise
    except ToolFailed as error:
        raise _stale(row.title, str(error)) from None
    if inverse is None:
        raise _stale(row.title, "There is nothing left to undo.")
    return inverse


def undo_changes(
    project_id: UUID,
    changes: Sequence[Change],
    *,
    run_id: UUID | None = None,
    by_id: int | None = None,
) -> list[Change]:
    """Undoes `changes`, given oldest first, from the last to the first: all or none."""
    with transaction.atomic():
        return [
            undo_change(project_id, change, run_id=run_id, by_id=by_id)
            for change in reversed(changes)
        ]


def undo_latest(memory: Memory, *, by_id: int | None) -> Change:
    """Undoes the last change of a memory, which may be deleted. Raises Refused."""
    now = Memory.all_objects.select_for_update().get(pk=memory.pk)
    change = change_of_revision(now, now.revisions.latest("number").number)
    assert change is not None, "the latest revision exists"
    return undo_change(memory.project_id, change, by_id=by_id)


@dataclass(frozen=True, slots=True)
class _Operations:
    """The functions that read and write one kind of object."""

    model: type[Task] | type[Memory]
    json: Callable[[Any], Mapping[str, Any]]
    delete: Callable[[Any, _Author], Change]
    restore: Callable[[Any, _Author], Change]
    update: Callable[[Any, Mapping[str, Any], _Author], Change | None]


def _undo(
    operations: _Operations, row: Task | Memory, change: Change, by: _Author
) -> Change | None:
    match change.action:
        case "created" | "restored":
            return operations.delete(row, by)
        case "deleted":
            return operations.restore(row, by)
        case _:
            return operations.update(row, _old_values(row, operations.json(row), change), by)


def _old_values(row: Task | Memory, now: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Returns the changed fields with their values before the change. Raises Refused."""
    if row.deleted_at is not None:
        raise _stale(row.title, "It is deleted.")
    return _values_before(row.title, now, change)


def _values_before(title: str, now: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Raises Refused if a changed field no longer has the value that the change gave it."""
    before, after = change.before or {}, change.after or {}
    changed = [name for name in after if not _equal(before.get(name), after[name])]
    for name in changed:
        if not _equal(now[name], after[name]):
            raise _stale(title, f"Its {name.replace('_', ' ')} has a new value.")
    return {name: before[name] for name in changed}


def _undo_update(project_id: UUID, change: Change, by: _Author) -> Change:
    """Undoes a change of the project, which only its owner may, or of the title of a session."""
    row: Any
    if change.object == "project":
        row = Project.objects.filter(pk=project_id, id=change.id).first()
    else:
        row = ChatSession.objects.filter(pk=change.id, project=project_id).first()
    if row is None:
        raise Refused("not_found", f"This {change.object} no longer exists.")
    if isinstance(row, Project) and not owner_decides(row, by.by_id, by.run_id):
        raise Refused("forbidden", projects.ONLY_OWNER)
    json, update = _UPDATES[change.object]
    now = json(row)
    inverse = update(row.pk, _values_before(now["title"], now, change))
    if inverse is None:
        raise _stale(now["title"], "There is nothing left to undo.")
    return inverse


def _equal(left: Any, right: Any) -> bool:
    """Compares two JSON values. Lists of texts are sets here, so that their order does not count."""
    if isinstance(left, list) and isinstance(right, list) and _is_set(left) and _is_set(right):
        return sorted(left) == sorted(right)
    return bool(left == right)


def _is_set(items: list[Any]) -> bool:
    return all(isinstance(item, str) for item in items)


def _stale(title: str, reason: str) -> Refused:
    return Refused("stale_change", f"“{title}” has changed since. {reason}")


def _update_task(task: Task, fields: Mapping[str, Any], by: _Author) -> Change | None:
    values = dict(fields)
    if values.get("parent") is not None:
        values["parent"] = _tasks(task, [values["parent"]])[0]
    if "depends_on" in values:
        values["depends_on"] = _tasks(task, values["depends_on"])
    return tasks.update_task(task=task, **values)[1]


def _tasks(task: Task, ids: Sequence[str]) -> list[Task]:
    """Returns the tasks with these ids. A task may also be linked to deleted tasks."""
    rows = Task.all_objects.filter(project_id=task.project_id).in_bulk(map(UUID, ids))
    if len(rows) != len(ids):
        raise _stale(task.title, "A task that it was linked to no longer exists.")
    return [rows[UUID(key)] for key in ids]


def _update_memory(memory: Memory, fields: Mapping[str, Any], by: _Author) -> Change | None:
    return memories.revise(memory=memory, **fields, run_id=by.run_id, by_id=by.by_id)[1]


def _forget(memory: Memory, by: _Author) -> Change:
    return memories.forget(memory=memory, run_id=by.run_id, by_id=by.by_id)[1]


def _restore(memory: Memory, by: _Author) -> Change:
    return memories.restore(memory=memory, run_id=by.run_id, by_id=by.by_id)[1]


_TASK = _Operations(
    model=Task,
    json=tasks.task_json,
    delete=lambda task, by: tasks.delete_task(task=task)[1],
    restore=lambda task, by: tasks.restore_task(task=task)[1],
    update=_update_task,
)
_MEMORY = _Operations(
    model=Memory,
    json=memories.memory_json,
    delete=_forget,
    restore=_restore,
    update=_update_memory,
)


_UPDATES: Mapping[str, tuple[Callable[[Any], Mapping[str, Any]], Callable[..., Change | None]]] = {
    "project": (
        projects.project_json,
        lambda key, values: projects.update_project(project_id=key, **values),
    ),
    "session": (
        projects.session_json,
        lambda key, values: projects.rename_session(session_id=key, **values),
    ),
}


# -- from a memory's history -----------------------------------------------------------------------


def change_of_revision(memory: Memory, number: int) -> Change | None:
    """Returns the change of the memory's revision `number`; None if there is no such revision."""
    rows = list(memory.revisions.filter(number__lte=number).order_by("-number")[:2])
    if not rows or rows[0].number != number:
        return None
    before = _revision_json(memory, rows[1]) if len(rows) > 1 else None
    action = str(rows[0].action)
    after = None if action == "deleted" else _revision_json(memory, rows[0])
    return Change("memory", memory.pk, action, before if action != "restored" else None, after)


def _revision_json(memory: Memory, revision: MemoryRevision) -> dict[str, Any]:
    names = ("title", "content", "kind", "category")
    return {"id": str(memory.pk)} | {name: getattr(revision, name) for name in names}
