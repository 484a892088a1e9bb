"""Invitations to projects: the owner makes and withdraws them, the person accepts or declines."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError as InvalidMember
from django.http import Http404
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from agent.accounts import members
from agent.models import Invitation
from agent.models.projects import Role
from chat import access
from chat.api.authentication import user_of
from chat.api.idempotency import once
from chat.api.projects import RoleInput
from chat.api.schema import operation
from chat.api.serializers import InvitationSerializer, MemberSerializer
from chat.api.text_fields import TextField
from chat.api.views import ApiView, PageQuery


class InvitationInput(RoleInput):
    user = TextField(max_length=150, help_text="The user name. It need not exist.")


class ProjectInvitations(ApiView):
    @operation(InvitationSerializer, query=PageQuery, many=True)
    def get(self, request: Request, project_id: UUID) -> Response:
        """Lists the open invitations; for the owner."""
        self.query(PageQuery)
        project = access.get_project(user_of(request), project_id, Role.OWNER)
        rows = project.invitations.select_related("project", "invited_by")
        return self.page(rows, InvitationSerializer, "created_at")

    @operation({201: InvitationSerializer}, body=InvitationInput, once=True)
    @once()
    def post(self, request: Request, project_id: UUID) -> Response:
        """Invites a person; for the owner. The person becomes a member by accepting."""
        user = user_of(request)
        project = access.get_project(user, project_id, Role.OWNER)
        fields = self.read(InvitationInput)
        try:
            invitation = members.invite(project, fields["user"], Role(fields["role"]), by=user)
        except InvalidMember as error:
            raise ValidationError({"user": error.messages}) from None
        return Response(self.show(InvitationSerializer, invitation), 201)


class ProjectInvitation(ApiView):
    @operation()
    def delete(self, request: Request, project_id: UUID, invitation_id: UUID) -> Response:
        """Withdraws an invitation; for the owner."""
        project = access.get_project(user_of(request), project_id, Role.OWNER)
        if not project.invitations.filter(pk=invitation_id).delete()[0]:
            raise Http404("Invitation not found.")
        return Response(status=204)


class Invitations(ApiView):
    @operation(InvitationSerializer, query=PageQuery, many=True)
    def get(self, request: Request) -> Response:
        """Lists the invitations that you may accept."""
        self.query(PageQuery)
        rows = access.invitations(user_of(request))
        return self.page(rows, InvitationSerializer, "created_at")


class AcceptInvitation(ApiView):
    @operation(MemberSerializer)
    def post(self, request: Request, invitation_id: UUID) -> Response:
        """Makes you a member of the project."""
        user = user_of(request)
        invitation = access.get_invitation(user, invitation_id)
        try:
            member = members.accept(invitation, user)
        except Invitation.DoesNotExist:
            raise Http404("Invitation not found.") from None
        return Response(self.show(MemberSerializer, member))


class DeclineInvitation(ApiView):
    @operation()
    def post(self, request: Request, invitation_id: UUID) -> Response:
        """Deletes the invitation."""
        access.get_invitation(user_of(request), invitation_id).delete()
        return Response(status=204)
