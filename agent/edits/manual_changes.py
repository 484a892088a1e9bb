"""Applies a person's changes of tasks and memories outside of runs, and notifies viewers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F

from agent.accounts import audit, quotas
from agent.accounts.audit import Deed
from agent.board import tasks
from agent.change import Change
from agent.event_log import events, log
from agent.models import ChatSession, Membership, Project
from agent.support import raw_sql

if TYPE_CHECKING:
    from django.contrib.auth.models import User

T = TypeVar("T")

# Database work that returns a value and the changes it made. It may be called again, like an effect.
Work = Callable[[], tuple[T, Sequence[Change]]]


async def apply_in_session(session: UUID, user: User, work: Work[T]) -> T:
    """Does `work` and appends its changes to the session's log as events.

    Raises the errors of `work`, `Refused` if the session does not exist, and `QuotaReached` if the project
    may store no more than it has.
    """

    def effect() -> log.Done[T]:
        value, changes = work()
        if _added(changes):
            _check_bytes("(SELECT project_id FROM agent_chatsession WHERE id = %s)", session)
        if any(change.action == "deleted" for change in changes):
            project = ChatSession.objects.values_list("project", flat=True).get(pk=session)
            audit.deletions(changes, by=user, project=project)
        return log.Done(value, [_event(change, user) for change in changes])

    value: T = await log.append_for_user(session, effect, missing="Session", person=user.pk)
    return value


def apply_to_project(project: UUID, work: Work[T], *, by: User | None) -> T:
    """Does `work` of a person without a session: viewers learn of the changes by the board's version.

    Raises the errors of `work`, and `QuotaReached`.
    """
    with transaction.atomic():
        value, changes = work()
        if changes:
            added = _added(changes)
            if added:
                _check_bytes("%s", project)
            increment_board_version(project, added=added)
            audit.deletions(changes, by=by, project=project)
    return value


def _added(changes: Sequence[Change]) -> int:
    """Returns the characters of what the changes store, 0 if they only delete."""
    return sum(len(json.dumps(dict(one.after))) for one in changes if one.after is not None)


def _check_bytes(project: str, key: UUID) -> None:
    """Raises `QuotaReached` if a project may store no more. `project`: SQL for its id, to be filled."""
    for stored in raw_sql.column(
        f"SELECT stored_bytes FROM agent_project WHERE id = {project}", key
    ):
        quotas.check_bytes(int(stored))


def remove_member(member: Membership, *, by: User | None = None) -> None:
    """Ends a membership. The person's tasks in the project have no assignee then."""
    project, user = member.project_id, member.user_id
    with transaction.atomic():
        audit.record(Deed.MEMBER_REMOVED, member.user, by=by, project=project)
        member.delete()
        if tasks.unassign(project_id=project, user_id=user):
            increment_board_version(project)


def increment_board_version(project: UUID, *, added: int = 0) -> None:
    """Makes viewers fetch the project's board again: they compare versions. `added`: bytes that it stores."""
    Project.objects.filter(pk=project).update(
        board_version=F("board_version") + 1, stored_bytes=F("stored_bytes") + added
    )


def _event(change: Change, user: User) -> events.Event:
    return events.Change(
        None,
        object=change.object,
        id=change.id,
        action=change.action,
        before=change.before,
        after=change.after,
        by=user.get_username(),
    )
