"""Users' roles in projects. `chat/access.py` fetches a user's objects by these rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Q, QuerySet

from agent.models import Approval, ChatSession, Membership, Project, Run, Steering
from agent.models.projects import Role
from agent.support import raw_sql

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# Each role includes the roles before it.
ORDER = (Role.VIEWER, Role.EDITOR, Role.OWNER)


def limit(user: User, project: UUID | None) -> None:
    """Lets `user`, as this object, see no project but this one: of a request with a token for one project."""
    user._only_project = project  # type: ignore[attr-defined]


def only_project(user: User | AnonymousUser | None) -> UUID | None:
    """Returns the only project that `user` may see by the token of the request; None for all of theirs."""
    return getattr(user, "_only_project", None)


def projects_of(user: User | AnonymousUser) -> QuerySet[Project]:
    """Returns the projects that `user` may view: their own, and those they are a member of."""
    if not user.is_authenticated or not user.is_active:
        return Project.objects.none()
    member = Membership.objects.filter(user=user).values("project")
    projects = Project.objects.filter(Q(owner=user) | Q(pk__in=member))
    only = only_project(user)
    return projects if only is None else projects.filter(pk=only)


_PROJECTS = """
SELECT owner_id, id, name, created_at FROM agent_project WHERE owner_id IN ({people})
UNION
SELECT membership.user_id, project.id, project.name, project.created_at
FROM agent_membership membership JOIN agent_project project ON project.id = membership.project_id
WHERE membership.user_id IN ({people})
ORDER BY 4 DESC, 2
"""


def projects_of_each(users: Iterable[int]) -> dict[int, list[tuple[UUID, str]]]:
    """Returns the ids and names of the projects that each of `users` may view, the newest first; one query
    for all. Applies the rule of `projects_of`. Does not check that users are active.
    """
    people = list(users)
    found: dict[int, list[tuple[UUID, str]]] = {person: [] for person in people}
    if people:
        query = _PROJECTS.format(people=", ".join(["%s"] * len(people)))
        for person, project, name, _ in raw_sql.rows(query, *people, *people):
            found[person].append((UUID(str(project)), name))
    return found


def role_in(user: User | AnonymousUser, project: Project) -> Role | None:
    """Returns the role of `user` in `project`; None if the user has none."""
    if not user.is_authenticated or not user.is_active:
        return None
    if only_project(user) not in (None, project.pk):
        return None
    if project.owner_id == user.pk:
        return Role.OWNER
    roles = Membership.objects.filter(user=user, project=project).values_list("role", flat=True)
    return Role(roles[0]) if roles else None


def owner_decides(project: Project, user_id: int | None, run_id: UUID | None) -> bool:
    """Tells whether `user_id` is the owner of `project`, and nobody else has a say in the run, if any."""
    is_owner = user_id == project.owner_id and project.owner.is_active
    return is_owner and (run_id is None or decides_alone(user_id, run_id))


def decides_alone(user_id: int | None, run_id: UUID) -> bool:
    """Tells whether nobody but `user_id` has a say in what the run does.

    Who wrote its message, sent something into it or into a run that it retries, or decided on its plan,
    has a say.
    """
    runs = _with_retried(run_id)
    decided = (Approval.Status.APPROVED, Approval.Status.REJECTED)
    approvals = Approval.objects.filter(run__in=runs, status__in=decided)
    sent = Steering.objects.filter(run__in=runs).exclude(status=Steering.Status.NEXT)
    people = {
        *Run.objects.filter(pk__in=runs).values_list("message__author_id", flat=True),
        *approvals.values_list("decided_by_id", flat=True),
        *sent.values_list("message__author_id", flat=True),
    }
    return people <= {user_id}


def may_create_project(user_id: int, run_id: UUID) -> bool:
    """Tells whether the run may create a project for `user_id`: nobody else has a say in it, and nobody who
    used a token for one project.
    """
    limited = Run.objects.filter(pk__in=_with_retried(run_id), within_project=True)
    return decides_alone(user_id, run_id) and not limited.exists()


def _with_retried(run_id: UUID) -> list[UUID]:
    """Returns the run and those that it retries, directly or indirectly."""
    chain: list[UUID] = []
    key: UUID | None = run_id
    while key is not None:
        chain.append(key)
        key = Run.objects.values_list("retry_of_id", flat=True).filter(pk=key).first()
    return chain


_ROLE_IN_SESSION = """
SELECT project.id, CASE WHEN project.owner_id = person.id THEN 'owner' ELSE membership.role END,
    person.id, person.username, person.is_active
FROM agent_chatsession session
JOIN agent_project project ON project.id = session.project_id
JOIN auth_user person ON person.id = %s
LEFT JOIN agent_membership membership
ON membership.project_id = project.id AND membership.user_id = person.id
WHERE session.id = %s AND (project.owner_id = person.id OR membership.id IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Access:
    """What a user may do in a session. `user`: only with the columns that nearly all code needs."""

    project: UUID
    role: Role
    user: User


def access_to_session(user_id: int, session_id: UUID) -> Access | None:
    """Returns the user's access to a session; None if there is none. One statement, compiled once.

    Applies the rules of `projects_of` and `role_in`. Does not check that the user is active.
    """
    found = raw_sql.rows(_ROLE_IN_SESSION, user_id, session_id)
    if not found:
        return None
    project, role, *columns = found[0]
    user = get_user_model().from_db(DEFAULT_DB_ALIAS, ["id", "username", "is_active"], columns)
    return Access(UUID(str(project)), Role(role), user)


def viewable(pairs: Iterable[tuple[int, UUID]]) -> set[tuple[int, UUID]]:
    """Returns the pairs of user id and session id in which the user may view the session.

    Applies the rule of `projects_of` to many pairs with two queries. Does not check that users are
    active.
    """
    candidates = set(pairs)
    rows = ChatSession.objects.filter(pk__in={session for _, session in candidates})
    projects = {
        session: (project, owner)
        for session, project, owner in rows.values_list("pk", "project_id", "project__owner_id")
    }
    members = set(
        Membership.objects.filter(
            project__in={project for project, _ in projects.values()}
        ).values_list("user_id", "project_id")
    )
    return {
        (user, session)
        for user, session in candidates
        if session in projects
        and (user == projects[session][1] or (user, projects[session][0]) in members)
    }


def includes(role: Role | None, needed: Role) -> bool:
    return role is not None and ORDER.index(role) >= ORDER.index(needed)
