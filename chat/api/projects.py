"""Projects and their members."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import transaction
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agent.accounts.audit import Deed, record
from agent.accounts.members import change_role
from agent.board import projects
from agent.board.projects import MAX_DESCRIPTION, MAX_NAME
from agent.edits.manual_changes import remove_member
from agent.models import Membership, Project
from agent.models.projects import Role
from agent.tools import registry, switches
from agent.tools.registry import Tool
from chat import access
from chat.api.authentication import user_of
from chat.api.etags import require_match, tagged
from chat.api.idempotency import once
from chat.api.schema import operation
from chat.api.serializers import (
    MemberSerializer,
    ProjectSerializer,
    ProjectToolSerializer,
    project_tool,
)
from chat.api.text_fields import NameField, TextField
from chat.api.views import ApiView, PageQuery, location

logger = logging.getLogger(__name__)


class ProjectInput(serializers.Serializer[Project]):
    name = NameField(max_length=MAX_NAME)
    description = TextField(
        max_length=MAX_DESCRIPTION,
        allow_blank=True,
        required=False,
        help_text="The agent reads it before every plan.",
    )


class Projects(ApiView):
    @operation(ProjectSerializer, query=PageQuery, many=True)
    def get(self, request: Request) -> Response:
        """Lists the projects that you own or are a member of."""
        self.query(PageQuery)
        rows = access.projects(user_of(request)).select_related("owner")
        return self.page(rows, ProjectSerializer, "created_at")

    @operation({201: ProjectSerializer}, body=ProjectInput, once=True)
    @once()
    def post(self, request: Request) -> Response:
        """Creates a project, which you own."""
        user = user_of(request)
        access.require_all_projects(user)
        project = projects.create_project(owner=user, **self.read(ProjectInput))
        return tagged(
            self.show(ProjectSerializer, project), 201, Location=location("projects", project.pk)
        )


class ProjectDetail(ApiView):
    @operation(ProjectSerializer)
    def get(self, request: Request, project_id: UUID) -> Response:
        """Returns a project, with your role in it."""
        project = access.get_project(user_of(request), project_id)
        return tagged(self.show(ProjectSerializer, project))

    @operation(ProjectSerializer, body=ProjectInput, match=True)
    def patch(self, request: Request, project_id: UUID) -> Response:
        """Changes the given fields; for the owner."""
        fields = self.read(ProjectInput, partial=True)
        with transaction.atomic():
            now = self._now(project_id)
            for name, value in fields.items():
                setattr(now, name, value)
            now.save(update_fields=list(fields))
        return tagged(self.show(ProjectSerializer, now))

    @operation(match=True)
    def delete(self, request: Request, project_id: UUID) -> Response:
        """Deletes the project and everything in it for good; for the owner."""
        with transaction.atomic():
            project = self._now(project_id)
            record(Deed.PROJECT_DELETED, project, by=user_of(request), project=project.pk)
            project.delete()
        logger.info("%s deleted the project %s", request.user, project_id)
        return Response(status=204)

    def _now(self, project_id: UUID) -> Project:
        """Returns the current project, locked. Raises StaleMatch when `If-Match` names another state."""
        project = access.get_project(user_of(self.request), project_id, Role.OWNER)
        now = Project.objects.select_for_update().filter(pk=project.pk).first()
        if now is None:
            raise Http404("Project not found.")
        require_match(self.request, self.show(ProjectSerializer, now))
        return now


class RoleInput(serializers.Serializer[Membership]):
    role = serializers.ChoiceField(Role.choices)


class ProjectMembers(ApiView):
    @operation(MemberSerializer, query=PageQuery, many=True)
    def get(self, request: Request, project_id: UUID) -> Response:
        """Lists the members, without the owner."""
        self.query(PageQuery)
        project = access.get_project(user_of(request), project_id)
        rows = project.memberships.select_related("user")
        return self.page(rows, MemberSerializer, "created_at")


class ProjectMember(ApiView):
    @operation(MemberSerializer)
    def get(self, request: Request, project_id: UUID, username: str) -> Response:
        """Returns a member and their role."""
        access.get_project(user_of(request), project_id)
        return tagged(self.show(MemberSerializer, self._member(project_id, username)))

    @operation(MemberSerializer, body=RoleInput, match=True)
    def patch(self, request: Request, project_id: UUID, username: str) -> Response:
        """Gives another role; the owner may."""
        user = user_of(request)
        access.get_project(user, project_id, Role.OWNER)
        role = self.read(RoleInput)["role"]
        with transaction.atomic():
            member = self._member(project_id, username)
            require_match(request, self.show(MemberSerializer, member))
            change_role(member, role, by=user)
        return tagged(self.show(MemberSerializer, member))

    @operation(match=True)
    def delete(self, request: Request, project_id: UUID, username: str) -> Response:
        """Removes a member, also as the assignee of tasks; for the owner, and for members who leave."""
        user = user_of(request)
        needed = Role.VIEWER if username == user.get_username() else Role.OWNER
        access.get_project(user, project_id, needed)
        with transaction.atomic():
            member = self._member(project_id, username)
            require_match(request, self.show(MemberSerializer, member))
            remove_member(member, by=user)
        return Response(status=204)

    def _member(self, project_id: UUID, username: str) -> Membership:
        rows = Membership.objects.select_for_update(of=("self",)).select_related("user")
        member = rows.filter(project=project_id, user__username=username).first()
        if member is None:
            raise Http404("Member not found.")
        return member


class ToolInput(serializers.Serializer[None]):
    enabled = serializers.BooleanField(help_text="Whether plans of the project may use it.")


class ProjectTools(ApiView):
    @operation(ProjectToolSerializer(many=True))
    def get(self, request: Request, project_id: UUID) -> Response:
        """Lists all tools, with whether they are switched on in the project."""
        project = access.get_project(user_of(request), project_id)
        off = switches.switched_off(project.pk)
        rows = [project_tool(tool, off) for tool in registry.all_tools()]
        return Response(ProjectToolSerializer(rows, many=True).data)


class ProjectTool(ApiView):
    @operation(ProjectToolSerializer)
    def get(self, request: Request, project_id: UUID, name: str) -> Response:
        """Returns a tool, with whether it is switched on in the project."""
        return self._shown(access.get_tool(user_of(request), project_id, name), project_id)

    @operation(ProjectToolSerializer, body=ToolInput)
    def patch(self, request: Request, project_id: UUID, name: str) -> Response:
        """Switches a tool on or off in the project; for the owner."""
        user = user_of(request)
        tool = access.get_tool(user, project_id, name, Role.OWNER)
        enabled = self.read(ToolInput)["enabled"]
        switches.switch(project_id, tool.name, on=enabled, by=user)
        return self._shown(tool, project_id)

    def _shown(self, tool: Tool, project_id: UUID) -> Response:
        off = switches.switched_off(project_id)
        return Response(self.show(ProjectToolSerializer, project_tool(tool, off)))
