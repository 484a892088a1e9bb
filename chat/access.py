"""The only way to a user's objects, for pages, the API and sockets.

A missing object and one without access raise the same `Http404`. A role that is too low for the action
raises `RoleTooLow`.

A user is an account, or a guest, who has a shared link: a viewer of one session, of nothing else. With a
token for one project, an account has this project and nothing else: see `agent.accounts.access.limit`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Manager, QuerySet
from django.http import Http404

from agent.accounts import access as agent_access
from agent.accounts import shared_links as links
from agent.accounts.access import includes, limit, only_project, projects_of, role_in
from agent.accounts.shared_links import MAY_SHARE, Guest
from agent.accounts.tokens import active as active_tokens
from agent.models import (
    ApiToken,
    ChatSession,
    Invitation,
    Memory,
    Message,
    Project,
    Run,
    SharedLink,
    Task,
)
from agent.models.projects import Role
from agent.runs import waiting
from agent.runs.waiting import WaitingSession
from agent.support import raw_sql
from agent.tools import registry
from agent.tools.registry import Tool

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    AnyUser = User | AnonymousUser

Row = TypeVar("Row", Task, Memory)


class RoleTooLow(PermissionDenied):
    """The user's role in the project does not allow it."""


def projects(user: AnyUser) -> QuerySet[Project]:
    return projects_of(user)


def projects_of_each(users: Iterable[int]) -> dict[int, list[tuple[UUID, str]]]:
    """Returns the ids and names of the projects that each user may view, the newest first; one query."""
    return agent_access.projects_of_each(users)


def waiting_sessions(users: Iterable[int]) -> dict[int, tuple[int, list[WaitingSession]]]:
    """Returns how many runs wait for each user, and the sessions of the longest waiting; one query."""
    return waiting.sessions(users)


def get_project(user: AnyUser, project_id: UUID, needed: Role = Role.VIEWER) -> Project:
    project = projects_of(user).filter(pk=project_id).first()
    if project is None:
        raise Http404("Project not found.")
    _require(user, project, needed)
    return project


def get_tool(user: AnyUser, project_id: UUID, name: str, needed: Role = Role.VIEWER) -> Tool:
    """Returns a tool of a project that the user may view; it may be switched off."""
    get_project(user, project_id, needed)
    tool = registry.get(name)
    if tool is None:
        raise Http404("Tool not found.")
    return tool


def require_all_projects(user: AnyUser) -> None:
    """Raises `PermissionDenied` for a user who came with a token for one project."""
    if only_project(user) is not None:
        raise PermissionDenied("This token is for one project.")


def own_projects(user: AnyUser) -> QuerySet[Project]:
    """Returns the projects of which the user is the owner. Where somebody names no project, it is one of
    these: what is written must not go to other people unasked.
    """
    return projects_of(user).filter(owner=user.pk)


def invitations(user: AnyUser) -> QuerySet[Invitation]:
    """Returns the invitations that the user may accept, the oldest first."""
    if not user.is_authenticated or not user.is_active or only_project(user) is not None:
        return Invitation.objects.none()
    rows = Invitation.objects.filter(user=user)
    return rows.select_related("project", "invited_by").order_by("created_at")


def get_invitation(user: AnyUser, invitation_id: UUID) -> Invitation:
    """Returns one that the user may accept. Who got an account after the invitation has it by its address:
    nobody else with the name knows the id.
    """
    invitation = invitations(user).filter(pk=invitation_id).first()
    if invitation is None and user.is_active and only_project(user) is None:
        unclaimed = Invitation.objects.filter(pk=invitation_id, user=None)
        rows = unclaimed.select_related("project", "invited_by")
        invitation = rows.filter(username=user.get_username()).first()
    if invitation is None:
        raise Http404("Invitation not found.")
    return invitation


def sessions(user: AnyUser) -> QuerySet[ChatSession]:
    return ChatSession.objects.filter(project__in=projects_of(user)).select_related("project")


def messages(user: AnyUser) -> QuerySet[Message]:
    return Message.objects.filter(session__project__in=projects_of(user))


def tasks(user: AnyUser) -> QuerySet[Task]:
    rows: QuerySet[Task] = Task.objects.filter(project__in=projects_of(user))
    return rows


def memories(user: AnyUser) -> QuerySet[Memory]:
    rows: QuerySet[Memory] = Memory.objects.filter(project__in=projects_of(user))
    return rows


def get_session(user: AnyUser | Guest, session_id: UUID, needed: Role = Role.VIEWER) -> ChatSession:
    """Returns the session with its project: for most pages, so its statements are compiled once."""
    if isinstance(user, Guest):
        _require_link(user, session_id, needed)
    elif user.pk is None:
        raise Http404("Session not found.")
    else:
        get_person(user.pk, session_id, needed, only_project(user))
    for session in raw_sql.select_related(
        ChatSession, ("project",), "id = %s", session_id, order="id"
    ):
        return session
    raise Http404("Session not found.")


def project_of_session(user_id: int, session_id: UUID, only: UUID | None = None) -> UUID | None:
    """Returns the project of a session that the user, an active one, may view; None for any other session.
    `only`: the project of the token, if it is for one.

    For each connection of a viewer, so it is one statement that is compiled once.
    """
    found = agent_access.access_to_session(user_id, session_id)
    return found.project if found and only in (None, found.project) else None


def get_person(
    user_id: int | Guest, session_id: UUID, needed: Role, only: UUID | None = None
) -> User:
    """Returns the user, who has the role in the session: for each frame of a client, so it is one statement
    that is compiled once. Raises like `get_session`, and always for a guest, who is no person. `only`: the
    project of the token, if it is for one.
    """
    if isinstance(user_id, Guest):
        _require_link(user_id, session_id, needed)
        raise _too_low(Role.EDITOR)
    found = agent_access.access_to_session(user_id, session_id)
    if found is None or not found.user.is_active or only not in (None, found.project):
        raise Http404("Session not found.")
    if not includes(found.role, needed):
        raise _too_low(needed)
    limit(found.user, only)
    return found.user


def get_guest(link_id: UUID) -> Guest:
    """Returns who uses a shared link that works: for each request and connection by it."""
    guest = links.guests([link_id]).get(link_id)
    if guest is None:
        raise Http404("Link not found.")
    return guest


def redeem_link(link_id: UUID, secret: str) -> Guest:
    """Returns who has shown the secret of a shared link that works."""
    guest = links.redeem(link_id, secret)
    if guest is None:
        raise Http404("Link not found.")
    return guest


def still_guests(guests: Iterable[Guest]) -> set[Guest]:
    """Returns the guests whose links still work and show the same; one query for many."""
    asked = set(guests)
    return asked & set(links.guests(guest.link for guest in asked).values()) if asked else set()


def _require_link(guest: Guest, session_id: UUID, needed: Role) -> None:
    if guest.session != session_id or not still_guests([guest]):
        raise Http404("Session not found.")
    if not includes(Role.VIEWER, needed):
        raise _too_low(needed)


def shared_links(user: AnyUser, session_id: UUID) -> QuerySet[SharedLink]:
    """Returns the links to the session, or to runs of it, that work, the newest first."""
    session = get_session(user, session_id, MAY_SHARE)
    return links.active().filter(session=session).select_related("created_by", "run")


def get_shared_link(user: AnyUser, link_id: UUID) -> SharedLink:
    """Returns a link that works, to a session that the user may share."""
    link = links.active().filter(pk=link_id, session__project__in=projects_of(user)).first()
    if link is None:
        raise Http404("Link not found.")
    get_session(user, link.session_id, MAY_SHARE)
    return link


def may_analyse_all(user: AnyUser) -> bool:
    """Tells whether the user sees the analytics of all projects: the staff who may view runs in the admin."""
    may_view = user.is_active and user.is_staff and user.has_perm("agent.view_run")
    return may_view and only_project(user) is None


def require_analyse_all(user: AnyUser) -> None:
    if not may_analyse_all(user):
        raise PermissionDenied(
            "Only the staff who may view all runs see the analytics of all projects."
        )


def project_to_analyse(user: AnyUser, project_id: UUID) -> Project:
    """Returns a project whose analytics the user may see: as its owner, or as one who sees those of all."""
    if may_analyse_all(user):
        project = Project.objects.filter(pk=project_id).first()
        if project is None:
            raise Http404("Project not found.")
        return project
    return get_project(user, project_id, Role.OWNER)


def viewable(pairs: Iterable[tuple[int, UUID]]) -> set[tuple[int, UUID]]:
    """Returns the (user, session) pairs that still have read access; one query for many."""
    return agent_access.viewable(pairs)


def get_run(user: AnyUser, run_id: UUID, needed: Role = Role.VIEWER) -> Run:
    run = (
        Run.objects.filter(pk=run_id, session__project__in=projects_of(user))
        .select_related("session__project", "message", "answer", "retry_of")
        .first()
    )
    if run is None:
        raise Http404("Run not found.")
    _require(user, run.session.project, needed)
    return run


def runs_waiting_for(user: AnyUser) -> QuerySet[Run]:
    """Returns the runs on which `user` is to act, the longest waiting first: see `agent.runs.waiting`."""
    return waiting.runs_for(user)


def tokens(user: AnyUser) -> QuerySet[ApiToken]:
    """Returns the user's active access tokens, nobody else's; none to a token for one project."""
    rows = active_tokens().filter(user=user.pk).select_related("project")
    return rows if only_project(user) is None else rows.none()


def get_token(user: AnyUser, token_id: UUID) -> ApiToken:
    token = tokens(user).filter(pk=token_id).first()
    if token is None:
        raise Http404("Token not found.")
    return token


def get_task(user: AnyUser, task_id: UUID, needed: Role = Role.VIEWER) -> Task:
    task: Task = _get_of_project(Task.objects, "task", user, task_id, needed)
    return task


def get_memory(user: AnyUser, memory_id: UUID, needed: Role = Role.VIEWER) -> Memory:
    memory: Memory = _get_of_project(Memory.objects, "memory", user, memory_id, needed)
    return memory


def get_memory_or_forgotten(user: AnyUser, memory_id: UUID, needed: Role = Role.VIEWER) -> Memory:
    """Like `get_memory`, but also returns a deleted memory, for its history and its undo."""
    memory: Memory = _get_of_project(Memory.all_objects, "memory", user, memory_id, needed)
    return memory


def _get_of_project(rows: Manager[Row], kind: str, user: AnyUser, key: UUID, needed: Role) -> Row:
    row = rows.filter(pk=key, project__in=projects_of(user)).select_related("project").first()
    if row is None:
        raise Http404(f"{kind.capitalize()} not found.")
    _require(user, row.project, needed)
    return row


def _require(user: AnyUser, project: Project, needed: Role) -> None:
    # Whoever may view the project has passed the query for it.
    if needed is not Role.VIEWER and not includes(role_in(user, project), needed):
        raise _too_low(needed)


def _too_low(needed: Role) -> RoleTooLow:
    return RoleTooLow(f"This needs the role {needed.label.lower()} in the project.")
