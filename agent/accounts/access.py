"""Who may do what in a project. Roles only; `chat/access.py` fetches objects through it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q, QuerySet

from agent.models import ChatSession, Membership, Project
from agent.models.projects import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# A role includes those before it.
ORDER = (Role.VIEWER, Role.EDITOR, Role.OWNER)


def projects_of(user: User | AnonymousUser) -> QuerySet[Project]:
    """Returns the projects that `user` may at least watch: own ones and memberships, nothing else."""
    if not user.is_authenticated or not user.is_active:
        return Project.objects.none()
    member = Membership.objects.filter(user=user).values("project")
    return Project.objects.filter(Q(owner=user) | Q(pk__in=member))


def role_in(user: User | AnonymousUser, project: Project) -> Role | None:
    """Returns the role of `user` in `project`, or None for a stranger."""
    if not user.is_authenticated or not user.is_active:
        return None
    if project.owner_id == user.pk:
        return Role.OWNER
    found = Membership.objects.filter(user=user, project=project).values_list("role", flat=True)
    return Role(found[0]) if found else None


def readable(pairs: Iterable[tuple[int, UUID]]) -> set[tuple[int, UUID]]:
    """Returns those pairs of a user's and a session's key where the user may at least watch.

    The same rule as `projects_of`, for many at once; users are taken to be active.
    """
    wanted = set(pairs)
    rows = ChatSession.objects.filter(pk__in={session for _, session in wanted})
    places = {
        session: (project, owner)
        for session, project, owner in rows.values_list("pk", "project_id", "project__owner_id")
    }
    members = set(
        Membership.objects.filter(
            project__in={project for project, _ in places.values()}
        ).values_list("user_id", "project_id")
    )
    return {
        (user, session)
        for user, session in wanted
        if session in places
        and (user == places[session][1] or (user, places[session][0]) in members)
    }


def includes(role: Role | None, needed: Role) -> bool:
    return role is not None and ORDER.index(role) >= ORDER.index(needed)
