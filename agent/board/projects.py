"""Creates projects and opens sessions; changes the name and the description of a project, and the title of
a session.

The caller opens the transaction, checks the role and emits the events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from agent.accounts import quotas
from agent.change import Change
from agent.exceptions import ToolFailed
from agent.models import ChatSession, Project
from agent.support.counts import too_long
from agent.support.words import name_of, storable

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_NAME = 200
MAX_DESCRIPTION = 100_000
ONLY_OWNER = (
    "Only the owner of the project may change its name and description, in a run that nobody else "
    "sent a message into or decided on."
)
ONLY_ALONE = (
    "A project is created for the person whose run it is, and only in a run that nobody else, and no "
    "program with a token for one project, sent a message into or decided on."
)


def create_project(*, owner: User, name: str, description: str = "") -> Project:
    """Creates an empty project. Raises `QuotaReached`."""
    with transaction.atomic():
        quotas.PROJECTS.check(owner.pk)
        return Project.objects.create(owner=owner, name=name, description=description)


def open_session(project: Project, user: User, **fields: Any) -> ChatSession:
    """Opens an empty session of the project for `user`. Raises `QuotaReached`."""
    with transaction.atomic():
        quotas.SESSIONS.check(project.pk)
        return ChatSession.objects.create(project=project, created_by=user, **fields)


def project_json(project: Project) -> dict[str, Any]:
    """Returns the project as JSON for `change` events. `title`: its name."""
    return {"id": str(project.pk), "title": project.name, "description": project.description}


def session_json(session: ChatSession) -> dict[str, Any]:
    return {"id": str(session.pk), "title": session.title}


def update_project(
    *, project_id: UUID, title: str | None = None, description: str | None = None
) -> Change | None:
    """Sets the given fields. Returns None if they have these values already."""
    project = Project.objects.select_for_update().get(pk=project_id)
    before = project_json(project)
    if title is not None:
        project.name = _name("name", title)
    if description is not None:
        project.description = _text("description", storable(description), MAX_DESCRIPTION)
    after = project_json(project)
    if after == before:
        return None
    project.save(update_fields=["name", "description"])
    return Change("project", project.pk, "updated", before, after)


def rename_session(*, session_id: UUID, title: str) -> Change | None:
    """Sets the title. Returns None if the session has it already."""
    session = ChatSession.objects.select_for_update().get(pk=session_id)
    before = session_json(session)
    session.title = _name("title", title)
    if session_json(session) == before:
        return None
    session.save(update_fields=["title"])
    return Change("session", session.pk, "updated", before, session_json(session))


def _name(what: str, text: str) -> str:
    name = name_of(text)
    if not name:
        raise ToolFailed(f"The {what} is empty, or shows nothing.")
    return _text(what, name, MAX_NAME)


def _text(what: str, text: str, maximum: int) -> str:
    if len(text) > maximum:
        raise ToolFailed(f"{too_long(f'The {what}', len(text), maximum)}.")
    return text
