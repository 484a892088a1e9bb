"""Deletes accounts: closes one at once, in one transaction, and deletes what belongs to it in small parts.

The parts are deleted by whoever calls `go_on`: the command until all is done, and the sweep, which so
continues after a restart. Each part is a transaction of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from agent.accounts import shared_links
from agent.accounts.audit import Deed, record
from agent.accounts.tokens import revoke
from agent.board import tasks
from agent.edits.manual_changes import increment_board_version, remove_member
from agent.exceptions import Refused
from agent.models import (
    AccountDeletion,
    ApiToken,
    Batch,
    ChatSession,
    Event,
    Invitation,
    Membership,
    Memory,
    Message,
    Project,
    Run,
    SharedLink,
    Task,
)
from agent.runs import ending
from agent.support import database

logger = logging.getLogger(__name__)

EVENTS, ROWS = 500, 100  # that one part deletes or changes
# For which one part deletes runs, with all that they did: the database looks through all events for each.
SECONDS = 0.2
LOGINS = 500  # that are looked at, at a time
REASON = "The account of the person who sent this message, or who owned the project, was deleted."

# Of each project with members: who is its owner from now on, or None if it is deleted.
Heirs = Mapping[UUID, User | None]


class Undecided(Exception):
    """Projects that others are members of would be deleted with the account, and nobody has said so."""

    def __init__(self, projects: list[Project]) -> None:
        super().__init__("It is not decided what happens to projects that have members.")
        self.projects = projects


def shared_projects(user: User) -> QuerySet[Project]:
    """Returns the projects of the user that have members: they are handed over, or deleted."""
    members = Membership.objects.filter(project=OuterRef("pk"))
    return Project.objects.filter(Exists(members), owner=user).order_by("created_at", "id")


def heirs_of(project: Project) -> QuerySet[User]:
    """Returns the members to whom the project may be handed over."""
    return User.objects.filter(memberships__project=project, is_active=True).order_by("username")


def begin(user: User, heirs: Heirs, *, by: User | None) -> None:
    """Closes the account: nobody signs in with it, and its tokens, links and connections end.

    Projects are handed over. Raises `Undecided` if a project with members is not in `heirs`, and `Refused`
    if an heir is no member, or if nobody else could administer the site. Then nothing has changed.
    """
    with transaction.atomic():
        _check_admins(user)
        person = User.objects.select_for_update().get(pk=user.pk)
        projects = list(shared_projects(person).select_for_update(of=("self",)))
        if missing := [project for project in projects if project.pk not in heirs]:
            raise Undecided(missing)
        for project in projects:
            if (heir := heirs[project.pk]) is not None:
                _hand_over(project, heir, by)
        _close(person, by)


def _check_admins(user: User) -> None:
    """Locks all administrators, so that the last two of them do not go at the same time."""
    admins = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    if list(admins.select_for_update()) == [user]:
        raise Refused("forbidden", "This is the only administrator. Make somebody else one first.")


def _hand_over(project: Project, heir: User, by: User | None) -> None:
    if not heirs_of(project).filter(pk=heir.pk).exists():
        raise Refused(
            "forbidden", f"{heir.get_username()} is no active member of “{project.name}”."
        )
    Project.objects.filter(pk=project.pk).update(owner=heir)
    Membership.objects.filter(project=project, user=heir).delete()
    owner = project.owner_id
    if tasks.unassign(project_id=project.pk, user_id=owner):
        increment_board_version(project.pk)
    record(Deed.PROJECT_HANDED_OVER, project, by=by, project=project.pk, to=heir.get_username())


def _close(person: User, by: User | None) -> None:
    person.is_active = False
    person.set_unusable_password()
    person.save(update_fields=["is_active", "password"])
    revoke(ApiToken.objects.filter(user=person), by=by)
    shared_links.revoke(SharedLink.objects.filter(created_by=person), by=by)
    owned = Project.objects.filter(owner=person)
    if projects := list(owned.only("name")):
        record(Deed.PROJECT_DELETED, *projects, by=by)
    # So that nobody joins or writes there any more.
    Invitation.objects.filter(project__in=owned).delete()
    Membership.objects.filter(project__in=owned).delete()
    AccountDeletion.objects.get_or_create(user=person)
    record(Deed.USER_DELETED, person, by=by)


async def go_on(user_id: int, parts: int | None = None, pause: float = 0.0) -> bool:
    """Deletes what is left of a closed account, at most so many `parts`; returns whether all is gone."""
    for session, run in await database.call(_unfinished, user_id):
        try:
            await ending.cancel(session, run, None, REASON)
        except Refused:  # it has ended meanwhile
            continue
    return await database.call(delete_parts, user_id, parts, pause)


async def go_on_with_all(parts: int, pause: float) -> None:
    """Deletes some parts of each account that is being deleted."""
    for user_id in await database.call(_begun):
        if await go_on(user_id, parts, pause):
            logger.info("Deleted the user %d", user_id)


def _begun() -> list[int]:
    return list(AccountDeletion.objects.order_by("began_at").values_list("user", flat=True))


def _unfinished(user_id: int) -> list[tuple[UUID, UUID]]:
    theirs = Q(created_by=user_id) | Q(session__project__owner=user_id)
    return list(Run.unfinished.filter(theirs).values_list("session", "pk"))


def delete_parts(user_id: int, parts: int | None = None, pause: float = 0.0) -> bool:
    """As `go_on`, when no run is at work any more."""
    done = 0
    while AccountDeletion.objects.filter(user=user_id).exists():
        if parts is not None and done >= parts:
            return False
        _delete_part(user_id)
        done += 1
        time.sleep(pause)
    return True


def _delete_part(user_id: int) -> None:
    """Deletes the next part, in a transaction; at last the user."""
    for part in (_delete_projects, _end_memberships, _delete_rows):
        with transaction.atomic():
            if part(user_id):
                return
    _end_logins(user_id)
    User.objects.filter(pk=user_id).delete()


# -- projects --------------------------------------------------------------------------------------


def _delete_projects(user_id: int) -> int:
    project = Project.objects.filter(owner=user_id).order_by("pk").first()
    return delete_part_of(project) if project else 0


def delete_part_of(project: Project) -> int:
    """Deletes a part of a project, at last its own row; returns how much."""
    session = ChatSession.objects.filter(project=project).order_by("pk").first()
    if session is not None:
        return _delete_part_of_session(session)
    rows: tuple[QuerySet[Any], ...] = (
        Task.all_objects.filter(project=project),
        Memory.all_objects.filter(project=project),
        Batch.objects.filter(project=project),
    )
    for part in rows:
        if deleted := _delete_some(part, ROWS):
            return deleted
    return project.delete()[0]


def _delete_part_of_session(session: ChatSession) -> int:
    return (
        _delete_some(Event.objects.filter(session=session), EVENTS, "seq")
        or _delete_runs(session)
        or _delete_some(Message.objects.filter(session=session), ROWS)
        or session.delete()[0]
    )


def _delete_runs(session: ChatSession) -> int:
    """Deletes at least one run, if there is one."""
    runs, until, deleted = Run.objects.filter(session=session), time.monotonic() + SECONDS, 0
    while number := _delete_some(runs, 1, "number"):
        deleted += number
        if time.monotonic() >= until:
            break
    return deleted


def _delete_some(rows: QuerySet[Any], most: int, order: str = "pk") -> int:
    keys = list(rows.order_by(order).values_list("pk", flat=True)[:most])
    return int(rows.model._base_manager.filter(pk__in=keys).delete()[0]) if keys else 0


# -- the rest --------------------------------------------------------------------------------------


def _end_memberships(user_id: int) -> int:
    member = Membership.objects.filter(user=user_id).select_related("user").first()
    if member is None:
        return 0
    remove_member(member)  # and the boards show that tasks have no assignee
    return 1


def _delete_rows(user_id: int) -> int:
    """Deletes the user's rows, and has those stay that others need, as of nobody: messages, for example."""
    for field in _references():
        rows = field.model._base_manager.filter(**{field.name: user_id})
        is_needed = field.remote_field.on_delete is models.SET_NULL
        if done := _forget_user(rows, field.name) if is_needed else _delete_some(rows, ROWS):
            return done
    return 0


def _references() -> list[Any]:
    """Returns the foreign keys to users, of all applications."""
    relations = User._meta.get_fields(include_hidden=True)
    keys = (one for one in relations if isinstance(one, models.ManyToOneRel))
    return [one.field for one in keys if one.related_model is not AccountDeletion]


def _forget_user(rows: QuerySet[Any], name: str) -> int:
    keys = list(rows.values_list("pk", flat=True)[:ROWS])
    return rows.model._base_manager.filter(pk__in=keys).update(**{name: None}) if keys else 0


def _end_logins(user_id: int) -> None:
    """Deletes the sign-ins of the user. Their rows name nobody, so each of them is read."""
    last = ""
    while rows := list(Session.objects.filter(session_key__gt=last).order_by("pk")[:LOGINS]):
        last = rows[-1].session_key
        theirs = [row.pk for row in rows if row.get_decoded().get(SESSION_KEY) == str(user_id)]
        Session.objects.filter(pk__in=theirs).delete()
