"""What a person changes on the board or in the memory outside of a run: done, and told to viewers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F

from agent.change import Change
from agent.event_log import events, log
from agent.models import Project

if TYPE_CHECKING:
    from django.contrib.auth.models import User

T = TypeVar("T")

# Database work, and the changes that it made. Like an effect it may be called again.
Work = Callable[[], tuple[T, Sequence[Change]]]


async def apply_in_session(session: UUID, user: User, work: Work[T]) -> T:
    """Does `work`; its changes are events of the session's log. Raises what it raises, and `Refused`."""

    def effect() -> log.Done[T]:
        value, changes = work()
        return log.Done(value, [_event(change, user) for change in changes])

    value: T = await log.append_for_user(session, effect, missing="Session")
    return value


def apply_to_project(project: UUID, work: Work[T]) -> T:
    """Does `work`; that something changed is told by the board's version alone."""
    with transaction.atomic():
        value, changes = work()
        if changes:
            increment_board_version(project)
    return value


def increment_board_version(project: UUID) -> None:
    """Tells whoever compares versions to fetch the project's board again."""
    Project.objects.filter(pk=project).update(board_version=F("board_version") + 1)


def _event(change: Change, user: User) -> events.Event:
    return events.change(
        None,
        object=change.object,
        id=change.id,
        action=change.action,
        before=change.before,
        after=change.after,
        by=user.get_username(),
    )
