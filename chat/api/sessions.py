"""Sessions, their messages and runs, and the undo of their changes."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from agent.accounts.audit import Deed, record, set_approval_mode
from agent.board import projects
from agent.edits import undo
from agent.exceptions import Refused
from agent.models import ApprovalMode, ChatSession, Run, Task
from agent.models.projects import Role
from agent.runs import runs
from agent.runs.runs import MessageRequest
from chat import access
from chat.api.authentication import user_of
from chat.api.etags import require_match, tagged
from chat.api.idempotency import client_id_of, once
from chat.api.run_serializers import MessageSerializer, RunSerializer
from chat.api.runs import show_run
from chat.api.schema import operation
from chat.api.serializers import SessionSerializer
from chat.api.text_fields import NameField
from chat.api.views import ApiView, PageQuery, location, on_loop

logger = logging.getLogger(__name__)


class SessionInput(serializers.Serializer[ChatSession]):
    title = NameField(max_length=200, allow_blank=True, required=False)
    approval = serializers.ChoiceField(ApprovalMode.choices, required=False)
    task = serializers.UUIDField(
        allow_null=True,
        required=False,
        help_text="The task that messages are about when they name none.",
    )


class ProjectSessions(ApiView):
    @operation(SessionSerializer, query=PageQuery, many=True)
    def get(self, request: Request, project_id: UUID) -> Response:
        """Lists the sessions, latest first."""
        self.query(PageQuery)
        project = access.get_project(user_of(request), project_id)
        rows = project.sessions.select_related("created_by")
        return self.page(rows, SessionSerializer, "-updated_at")

    @operation({201: SessionSerializer}, body=SessionInput, once=True)
    @once()
    def post(self, request: Request, project_id: UUID) -> Response:
        """Opens a session in the project."""
        user = user_of(request)
        project = access.get_project(user, project_id, Role.EDITOR)
        fields = _linked(project.pk, self.read(SessionInput))
        session = projects.open_session(project, user, **fields)
        return tagged(
            self.show(SessionSerializer, session), 201, Location=location("sessions", session.pk)
        )


class SessionDetail(ApiView):
    @operation(SessionSerializer)
    def get(self, request: Request, session_id: UUID) -> Response:
        """Returns a session with its `ETag`."""
        session = access.get_session(user_of(request), session_id)
        return tagged(self.show(SessionSerializer, session))

    @operation(SessionSerializer, body=SessionInput, match=True)
    def patch(self, request: Request, session_id: UUID) -> Response:
        """Changes the given fields."""
        session = access.get_session(user_of(request), session_id, Role.EDITOR)
        fields = self.read(SessionInput, partial=True)
        with transaction.atomic():
            current = ChatSession.objects.select_for_update().get(pk=session.pk)
            require_match(request, self.show(SessionSerializer, current))
            if "approval" in fields:
                set_approval_mode(current, fields["approval"], by=user_of(request))
            for name, value in _linked(current.project_id, fields).items():
                setattr(current, name, value)
            current.save(update_fields=list(fields))
        return tagged(self.show(SessionSerializer, current))

    @operation(match=True)
    def delete(self, request: Request, session_id: UUID) -> Response:
        """Deletes the session and its event log for good. The project's tasks and memories stay."""
        session = access.get_session(user_of(request), session_id, Role.OWNER)
        with transaction.atomic():
            current = ChatSession.objects.select_for_update().get(pk=session.pk)
            require_match(request, self.show(SessionSerializer, current))
            project = current.project_id
            record(Deed.SESSION_DELETED, current, by=user_of(request), project=project)
            current.delete()
        logger.info("%s deleted the session %s", request.user, session_id)
        return Response(status=204)


def _linked(project: UUID, fields: dict[str, Any]) -> dict[str, Any]:
    """Returns `fields` with the task instead of its id."""
    if fields.get("task") is None:
        return fields
    task = Task.objects.filter(pk=fields["task"], project=project).first()
    if task is None:
        raise ValidationError({"task": ["Task not found in this project."]})
    return {**fields, "task": task}


class MessageInput(serializers.Serializer[None]):
    content = serializers.CharField(trim_whitespace=False, allow_blank=True)
    client_id = serializers.UUIDField(required=False, allow_null=True)
    approval = serializers.ChoiceField(ApprovalMode.choices, default=ApprovalMode.AUTO)
    task = serializers.UUIDField(required=False, allow_null=True)


class SessionMessages(ApiView):
    @operation(MessageSerializer, query=PageQuery, many=True)
    def get(self, request: Request, session_id: UUID) -> Response:
        """Lists the messages, oldest first."""
        self.query(PageQuery)
        session = access.get_session(user_of(request), session_id)
        return self.page(session.messages.select_related("author"), MessageSerializer, "created_at")

    @operation({201: RunSerializer}, body=MessageInput, once=True)
    @once()
    def post(self, request: Request, session_id: UUID) -> Response:
        """Sends a message, which queues a run. The same `client_id` again returns the same run."""
        user = user_of(request)
        session = access.get_session(user, session_id, Role.EDITOR)
        run = on_loop(
            runs.start, session.pk, user, as_message_request(request, self.read(MessageInput))
        )
        return show_run(self, run, 201)


def as_message_request(request: Request, fields: dict[str, Any]) -> MessageRequest:
    return MessageRequest(
        fields["content"],
        fields.get("client_id") or client_id_of(request),
        fields["approval"],
        fields.get("task"),
    )


def start_in(
    session: ChatSession, user: User, message_request: MessageRequest, *, is_new: bool
) -> Run:
    """Starts a run. If it is refused, deletes a session that was created for it."""
    try:
        return on_loop(runs.start, session.pk, user, message_request)
    except Refused:
        if is_new:
            with transaction.atomic():
                empty = ChatSession.objects.select_for_update().filter(pk=session.pk, run_count=0)
                empty.delete()
        raise


class RunFilter(PageQuery):
    status = serializers.ChoiceField(Run.Status.choices, required=False)


class SessionRuns(ApiView):
    @operation(RunSerializer, query=RunFilter, many=True)
    def get(self, request: Request, session_id: UUID) -> Response:
        """Lists the runs, latest first."""
        session = access.get_session(user_of(request), session_id)
        wanted = self.query(RunFilter)
        filters = {"status": wanted["status"]} if "status" in wanted else {}
        rows = session.runs.filter(**filters).select_related(*RunSerializer.JOINED)
        return self.page(rows.prefetch_related(*RunSerializer.FETCHED), RunSerializer, "-number")


class UndoInput(serializers.Serializer[None]):
    seqs = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        min_length=1,
        max_length=1000,
        help_text="The `seq` of `change` events.",
    )
    run = serializers.UUIDField(required=False, help_text="All changes of this run.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise ValidationError("Give either seqs or run.")
        return attrs


class SessionUndo(ApiView):
    @operation(body=UndoInput, conflicts=True)
    def post(self, request: Request, session_id: UUID) -> Response:
        """Undoes changes, all of them or none. The undo is recorded as new `change` events."""
        user = user_of(request)
        session = access.get_session(user, session_id, Role.EDITOR)
        wanted = self.read(UndoInput)
        seqs = wanted["seqs"] if "seqs" in wanted else undo.change_seqs(session.pk, wanted["run"])
        on_loop(undo.undo, session.pk, user, seqs)
        return Response(status=204)
