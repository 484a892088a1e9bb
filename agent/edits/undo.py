"""Takes changes of the board and the memory back, as changes of their own. Erases nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from agent.board import tasks
from agent.change import Change
from agent.edits import manual_changes
from agent.event_log import events
from agent.exceptions import Refused, ToolFailed
from agent.memory import memories
from agent.models import ChatSession, Event, Memory, MemoryRevision, Task

if TYPE_CHECKING:
    from django.contrib.auth.models import User


async def undo(session: UUID, user: User, seqs: Sequence[int]) -> None:
    """Takes back the changes that the events at `seqs` of the session's log tell: all or none.

    Raises `Refused`: `not_found` when there is no such change, `stale_change` when an object was
    changed since.
    """
    await manual_changes.apply_in_session(session, user, partial(_undo_told, session, user, seqs))


def change_seqs(session: UUID, run: UUID) -> list[int]:
    """Returns the numbers of the changes that the run made."""
    changes = Event.objects.filter(session=session, run=run, type=events.EventType.CHANGE)
    return list(changes.order_by("seq").values_list("seq", flat=True))


def _undo_told(session_id: UUID, user: User, seqs: Sequence[int]) -> tuple[None, Sequence[Change]]:
    session = ChatSession.objects.get(pk=session_id)
    bodies = Event.objects.filter(session=session, type=events.EventType.CHANGE, seq__in=seqs)
    told = [_as_change(body) for body in bodies.order_by("seq").values_list("body", flat=True)]
    if not told or len(told) != len(set(seqs)):
        raise Refused("not_found", "There is no such change.")
    return None, undo_changes(session.project_id, told, by_id=user.pk)


def _as_change(body: str) -> Change:
    told = json.loads(body)["change"]
    return Change(told["object"], UUID(told["id"]), told["action"], told["before"], told["after"])


@dataclass(frozen=True, slots=True)
class By:
    """Who undoes, for the revisions of memories."""

    run_id: UUID | None
    by_id: int | None


def undo_change(
    project_id: UUID, change: Change, *, run_id: UUID | None = None, by_id: int | None = None
) -> Change:
    """Takes `change` back and returns what that changed.

    Raises Refused: `not_found` for an object that is not (any more) in the project, `stale_change`
    when what the change wrote was changed since.
    """
    verbs = _TASK if change.object == "task" else _MEMORY
    found = verbs.model.all_objects.filter(pk=change.id, project_id=project_id).first()
    if found is None:
        raise Refused("not_found", f"This {change.object} is not there any more.")
    try:
        done = _undo(verbs, found, change, By(run_id, by_id))
    except ToolFailed as error:
        raise _stale(found, str(error)) from None
    if done is None:
        raise _stale(found, "Nothing is left to undo.")
    return done


def undo_changes(
    project_id: UUID,
    changes: Sequence[Change],
    *,
    run_id: UUID | None = None,
    by_id: int | None = None,
) -> list[Change]:
    """Takes `changes`, given oldest first, back from the last to the first: all or none."""
    with transaction.atomic():
        return [
            undo_change(project_id, change, run_id=run_id, by_id=by_id)
            for change in reversed(changes)
        ]


@dataclass(frozen=True, slots=True)
class _Verbs:
    """How one kind of object is read and written."""

    model: type[Task] | type[Memory]
    json: Callable[[Any], Mapping[str, Any]]
    delete: Callable[[Any, By], Change]
    restore: Callable[[Any, By], Change]
    update: Callable[[Any, Mapping[str, Any], By], Change | None]


def _undo(verbs: _Verbs, found: Task | Memory, change: Change, by: By) -> Change | None:
    match change.action:
        case "created" | "restored":
            return verbs.delete(found, by)
        case "deleted":
            return verbs.restore(found, by)
        case _:
            return verbs.update(found, _former(found, verbs.json(found), change), by)


def _former(found: Task | Memory, now: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Returns what the changed fields were, if they still are what the change made of them."""
    before, after = change.before or {}, change.after or {}
    changed = [name for name in after if not _equal(before.get(name), after[name])]
    if found.deleted_at is not None:
        raise _stale(found, "It is deleted.")
    for name in changed:
        if not _equal(now[name], after[name]):
            raise _stale(found, f"Its {name.replace('_', ' ')} is another one now.")
    return {name: before[name] for name in changed}


def _equal(one: Any, other: Any) -> bool:
    """Lists here are sets of ids: their order says nothing."""
    if isinstance(one, list) and isinstance(other, list):
        return sorted(one) == sorted(other)
    return bool(one == other)


def _stale(found: Task | Memory, why: str) -> Refused:
    return Refused("stale_change", f"“{found.title}” was changed since. {why}")


def _update_task(task: Task, fields: Mapping[str, Any], by: By) -> Change | None:
    values = dict(fields)
    if values.get("parent") is not None:
        values["parent"] = _tasks(task, [values["parent"]])[0]
    if "depends_on" in values:
        values["depends_on"] = _tasks(task, values["depends_on"])
    return tasks.update_task(task=task, **values)[1]


def _tasks(task: Task, ids: Sequence[str]) -> list[Task]:
    """Returns the tasks with these ids; deleted ones too, a link to one is a link."""
    found = Task.all_objects.filter(project_id=task.project_id).in_bulk(map(UUID, ids))
    if len(found) != len(ids):
        raise _stale(task, "A task that it was linked to is not there any more.")
    return [found[UUID(key)] for key in ids]


def _update_memory(one: Memory, fields: Mapping[str, Any], by: By) -> Change | None:
    return memories.revise(memory=one, **fields, run_id=by.run_id, by_id=by.by_id)[1]


def _forget(one: Memory, by: By) -> Change:
    return memories.forget(memory=one, run_id=by.run_id, by_id=by.by_id)[1]


def _restore(one: Memory, by: By) -> Change:
    return memories.restore(memory=one, run_id=by.run_id, by_id=by.by_id)[1]


_TASK = _Verbs(
    model=Task,
    json=tasks.task_json,
    delete=lambda task, by: tasks.delete_task(task=task)[1],
    restore=lambda task, by: tasks.restore_task(task=task)[1],
    update=_update_task,
)
_MEMORY = _Verbs(
    model=Memory,
    json=memories.memory_json,
    delete=_forget,
    restore=_restore,
    update=_update_memory,
)


# -- from a memory's history -----------------------------------------------------------------------


def change_of_revision(one: Memory, number: int) -> Change | None:
    """Returns what the revision with this number did; None when there is none."""
    rows = list(one.revisions.filter(number__lte=number).order_by("-number")[:2])
    if not rows or rows[0].number != number:
        return None
    former = _said(one, rows[1]) if len(rows) > 1 else None
    action = str(rows[0].action)
    after = None if action == "deleted" else _said(one, rows[0])
    return Change("memory", one.pk, action, former if action != "restored" else None, after)


def _said(one: Memory, revision: MemoryRevision) -> dict[str, Any]:
    names = ("title", "content", "kind", "category")
    return {"id": str(one.pk)} | {name: getattr(revision, name) for name in names}
