"""The tools for the project, for new projects and for the session.

Docstrings and field descriptions are written for the model.
"""

from __future__ import annotations

from typing import Annotated, Self

from django.contrib.auth.models import User
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from agent.accounts.access import may_create_project, owner_decides
from agent.board import projects
from agent.event_log.times import stamp
from agent.exceptions import ToolFailed
from agent.llm.schema_texts import SHORT
from agent.models import Project
from agent.tools import references
from agent.tools.edits import Edits, edited
from agent.tools.references import EDITS, REPLACES
from agent.tools.registry import Arguments, Result, ToolCall, tool

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=projects.MAX_NAME),
    AfterValidator(references.name),
]
Brief = Annotated[
    str,
    StringConstraints(max_length=projects.MAX_DESCRIPTION),
    Field(description="What is built, for whom, and what always holds; in complete sentences."),
]
NewBrief = Annotated[Brief, Field(json_schema_extra={REPLACES: ""})]
BriefEdits = Annotated[Edits, Field(json_schema_extra={EDITS: "", SHORT: "list of edit"})]


class ProjectRead(Result):
    name: str
    project_description: str
    owner: str
    created_at: str
    sessions: int


@tool("reads")
def get_project(call: ToolCall) -> ProjectRead:
    """Reads the project: its name, its whole description, its owner. Changes nothing."""
    project = Project.objects.select_related("owner").get(pk=call.project_id)
    return ProjectRead(
        name=project.name,
        project_description=project.description,
        owner=project.owner.get_username(),
        created_at=stamp(project.created_at),
        sessions=project.sessions.count(),
    )


class ProjectMade(Result):
    project_id: str
    name: str


class UpdateProject(Arguments):
    name: Name | None = None
    description: NewBrief | None = None
    edits: BriefEdits = []

    @model_validator(mode="after")
    def _something_to_change(self) -> Self:
        if self.name is None and self.description is None and not self.edits:
            raise ValueError("give at least one of name, description, edits")
        if self.description is not None and self.edits:
            raise ValueError("give either description or edits")
        return self


@tool("writes", alters=1)
def update_project(call: ToolCall, arguments: UpdateProject) -> ProjectMade:
    """Changes the name of this project or its description, which every message is planned with. Only
    its owner may."""
    project = Project.objects.select_for_update().get(pk=call.project_id)
    if not owner_decides(project, call.user_id, call.run_id):
        raise ToolFailed(projects.ONLY_OWNER)
    text, edits = arguments.description, arguments.edits
    change = projects.update_project(
        project_id=call.project_id,
        title=arguments.name,
        description=edited(project.description, edits) if edits else text,
    )
    if change is not None:
        call.changes.append(change)
    return ProjectMade(project_id=str(project.pk), name=arguments.name or project.name)


@tool("outgoing")
def create_project(call: ToolCall, name: Name, description: Brief = "") -> ProjectMade:
    """Creates another, empty project, which belongs to the person. Only if the message asks for one."""
    owner = _user(call)
    if not may_create_project(owner.pk, call.run_id):
        raise ToolFailed(projects.ONLY_ALONE)
    project = projects.create_project(owner=owner, name=name, description=description.strip())
    return ProjectMade(project_id=str(project.pk), name=project.name)


class SessionRenamed(Result):
    title: str


@tool("writes", alters=1)
def rename_session(call: ToolCall, title: Name) -> SessionRenamed:
    """Gives this session, the conversation, another title."""
    change = projects.rename_session(session_id=call.session_id, title=title)
    if change is not None:
        call.changes.append(change)
    return SessionRenamed(title=title)


def _user(call: ToolCall) -> User:
    user = User.objects.filter(pk=call.user_id or 0).first()
    if user is None:
        raise ToolFailed("This needs a person who is signed in.")
    return user
