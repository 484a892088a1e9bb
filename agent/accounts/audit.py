"""Writes the audit log, in the transaction of the deed, and tells it to the logger `audit` after the commit.

The deeds are named in `agent.models.audit.Deed`. No entry has a secret or what somebody wrote, but for the
names of users, groups, tokens and projects.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Model

from agent.models import ApiToken, AuditEntry, ChatSession, Project, Run, Task
from agent.models.audit import Deed as Deed
from agent.support import log_context, origin, raw_sql
from agent.support.origin import Via

if TYPE_CHECKING:
    from agent.change import Change

logger = logging.getLogger("audit")

_LABELS: dict[type[Model], Callable[[Any], str]] = {
    User: lambda user: user.get_username(),
    Group: lambda group: group.name,
    Project: lambda project: project.name,
    ApiToken: lambda token: token.name,
    Run: lambda run: f"Run {run.number}",
    Task: lambda task: f"#{task.number}",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The object of a deed."""

    kind: str
    id: str
    label: str = ""

    @classmethod
    def of(cls, row: Model) -> Subject:
        label = _LABELS.get(row._meta.model, lambda row: "")(row)  # not `type`: it may be lazy
        return cls(str(row._meta.verbose_name), str(row.pk), label[:200])


def record(
    deed: Deed,
    *objects: Model | Subject,
    by: User | None,
    project: UUID | None = None,
    **details: Any,
) -> None:
    """Adds an entry for each of `objects`. The caller opens the transaction in which the deed is done."""
    at = origin.current.get()
    if at.token is not None:
        details["token"] = str(at.token)
    of_all: dict[str, Any] = {
        "deed": deed,
        "actor_id": by.pk if by else None,
        "actor": by.get_username() if by else "",
        "project": project,
        "details": details,
        "via": at.via.value,
        "address": at.address,
        "request_id": log_context.request_id.get(),
    }
    subjects = [one if isinstance(one, Subject) else Subject.of(one) for one in objects]
    entries = [
        AuditEntry(kind=subject.kind, object_id=subject.id, label=subject.label, **of_all)
        for subject in subjects or [Subject("", "")]
    ]
    raw_sql.insert(*entries)
    # In this context, so that the lines have the id of the request.
    transaction.on_commit(partial(contextvars.copy_context().run, _tell, entries))


def unless_by_command(user: User) -> User | None:
    """Returns the user, or None in a command: who starts it is not known."""
    return None if origin.current.get().via is Via.COMMAND else user


def set_approval_mode(session: ChatSession, mode: str, *, by: User) -> None:
    """Sets the mode, which the caller saves in the same transaction."""
    before, session.approval = session.approval, mode
    if before != mode:
        modes = {"mode": str(mode), "before": str(before)}
        record(Deed.APPROVAL_MODE_CHANGED, session, by=by, project=session.project_id, **modes)


def deletions(changes: Sequence[Change], *, by: User | None, project: UUID) -> None:
    """Records the tasks and memories that `changes` delete."""
    for kind, deed in DELETIONS.items():
        gone = [one for one in changes if (one.object, one.action) == (kind, "deleted")]
        if gone:
            record(deed, *(Subject(kind, str(one.id)) for one in gone), by=by, project=project)


DELETIONS = {"task": Deed.TASK_DELETED, "memory": Deed.MEMORY_DELETED}


def _tell(entries: Iterable[AuditEntry]) -> None:
    for entry in entries:
        told = shown(entry)
        text = f"{entry.deed} by {entry.actor or '-'}"
        if entry.kind:
            text += f": {entry.kind} {entry.object_id}"
        logger.info("%s, %s %s", text, entry.via, entry.address or "-", extra={"audit": told})


def shown(entry: AuditEntry) -> dict[str, Any]:
    """Returns the entry as JSON, for lines of the log and for exports."""
    return {
        "id": entry.pk,
        "time": entry.at.isoformat(),
        "deed": str(entry.deed),
        "actor_id": entry.actor_id,
        "actor": entry.actor,
        "kind": entry.kind,
        "object_id": entry.object_id,
        "label": entry.label,
        "project": str(entry.project) if entry.project else None,
        "details": entry.details,
        "via": entry.via,
        "address": entry.address,
        "request": entry.request_id,
    }
